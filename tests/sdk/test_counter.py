"""`CrowdCounter` on a package that really runs, on both engines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtimes import FakeBackend, probe
from sdk import CountOptions, CrowdCounter
from sdk.errors import ArtifactError, BackendError, ConfigError, InferenceError, InputError, OutOfMemory
from sdk.package import Package, write_package
from sdk.shipped import DEFAULT_PACKAGE
from tests.models import tiny_density
from tests.sdk.photo_files import encoded
from tests.terminal import ROOT, shell
from tests.tiny_package import ENGINES, noise_photo, write_tiny
from tests.tolerances import COUNT_RELATIVE, INT8_RELATIVE, TILED_RELATIVE

PHOTO = noise_photo(100, 140)
SIZES = [(100, 140), (64, 64), (97, 33), (16, 200)]


@pytest.fixture(scope="module", params=ENGINES)
def counter(request: pytest.FixtureRequest, tiny: Path) -> Iterator[CrowdCounter]:
    with CrowdCounter(tiny, backend=request.param, threads=1) as counter:
        yield counter


def test_a_path_bytes_and_an_array_count_the_same(counter: CrowdCounter, tmp_path: Path) -> None:
    data = encoded(PHOTO)
    (tmp_path / "photo.png").write_bytes(data)

    counts = {
        counter.count(photo).count for photo in (tmp_path / "photo.png", str(tmp_path / "photo.png"), data, PHOTO)
    }

    assert len(counts) == 1


def test_a_batch_is_its_photos_one_by_one(counter: CrowdCounter) -> None:
    photos = [noise_photo(*size) for size in SIZES]

    batch = counter.count_batch(iter(photos))

    for photo, result in zip(photos, batch, strict=True):
        assert result.count == pytest.approx(counter.count(photo).count, rel=TILED_RELATIVE)


def test_the_engines_agree(tiny: Path) -> None:
    with CrowdCounter(tiny, backend="onnxruntime") as one, CrowdCounter(tiny, backend="openvino") as other:
        for size in SIZES:
            photo = noise_photo(*size)
            assert one.count(photo).count == pytest.approx(other.count(photo).count, rel=COUNT_RELATIVE)


def test_the_count_is_the_sum_of_the_density_and_so_is_any_share_of_it(counter: CrowdCounter) -> None:
    result = counter.count(PHOTO)
    quarters = [part.sum() for half in np.array_split(result.density, 2) for part in np.array_split(half, 2, axis=1)]

    assert result.density.flags.c_contiguous
    assert result.density.min() >= 0
    assert sum(quarters) == pytest.approx(result.count, rel=TILED_RELATIVE)


@pytest.mark.parametrize(
    "view",
    [PHOTO[:, :, ::-1], PHOTO[::-1], PHOTO[3:90:2, 5:130], np.asfortranarray(PHOTO)],
    ids=["rgb to bgr", "upside down", "cut and thinned", "column by column"],
)
def test_a_view_counts_like_its_copy_and_stays_as_it_was(counter: CrowdCounter, view: np.ndarray) -> None:
    before = view.copy()
    before.flags.writeable = False

    assert counter.count(view).count == counter.count(before).count
    assert np.array_equal(view, before)


def test_a_result_says_what_ran_and_how_long_it_took(counter: CrowdCounter) -> None:
    result = counter.count(encoded(PHOTO))
    record = result.to_json()

    assert (result.backend, result.scale, result.tiles, result.stride) == (counter.info(), 1.0, 1, 8)
    assert (record["width"], record["height"], record["engine"]) == (140, 100, counter.info().engine)
    assert 0 < result.timings.decode_ms < result.timings.total_ms
    assert counter.count(PHOTO).timings.decode_ms == 0


def test_a_tiny_photo_is_counted_with_a_warning(counter: CrowdCounter) -> None:
    result = counter.count(noise_photo(1, 1))

    assert (result.density.shape, result.overlay().shape) == ((1, 1), (1, 1, 3))
    assert result.warnings == ("the photo is 1 x 1 pixels; below 64 counts mean little",)


def test_max_side_shrinks_and_says_so(tiny: Path) -> None:
    with CrowdCounter(tiny, options=CountOptions(max_side=80)) as counter:
        result = counter.count(noise_photo(100, 160))

    assert (result.scale, result.density.shape, result.overlay().shape) == (0.5, (7, 10), (100, 160, 3))
    assert result.warnings == ("the photo was shrunk by 0.500 (max_side), which changes counts",)


def test_threads_may_share_a_counter(counter: CrowdCounter) -> None:
    photos = [noise_photo(*size, seed) for seed in range(4) for size in SIZES]
    expected = [counter.count(photo).count for photo in photos]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda photo: counter.count(photo).count, photos)) == expected


def test_a_closed_counter_says_so_and_closes_twice(tiny: Path) -> None:
    counter = CrowdCounter(tiny)
    counter.close()
    counter.close()

    with pytest.raises(InferenceError, match="backend is closed"):
        counter.count(PHOTO)
    assert counter.info().engine in ENGINES


def test_explain_names_every_variant_once_for_each_engine(tiny: Path) -> None:
    with CrowdCounter(tiny) as counter:
        plan = counter.explain()

    assert plan.candidates[0].variant.id == counter.info().variant
    assert {candidate.engine for candidate in plan.candidates} == set(ENGINES)
    assert all(discard.reason and discard.fix for discard in plan.discarded)


def test_a_precision_that_the_package_lacks_is_refused_with_what_it_has(tiny: Path) -> None:
    with pytest.raises(BackendError, match=r"precision int8 .*ask for precision fp32 or auto"):
        CrowdCounter(tiny, precision="int8")


@pytest.mark.parametrize("request_", [{"backend": "tensorrt"}, {"device": "cuda:7"}, {"device": "intel:npu"}])
def test_what_was_asked_for_by_name_never_falls_back(tiny: Path, request_: dict[str, str]) -> None:
    with pytest.raises(BackendError, match="nothing here can run"):
        CrowdCounter(tiny, **request_)


def test_an_ungated_int8_is_counted_with_by_name_only_and_every_result_says_so(tmp_path: Path) -> None:
    package = write_tiny(tmp_path / "ungated.skt", int8="ungated")
    with CrowdCounter(package) as auto, CrowdCounter(package, precision="int8") as named:
        record = named.count(PHOTO).to_json()
        assert (auto.info().precision, auto.count(PHOTO).to_json()["int8_convolutions"]) == ("fp32", None)

    assert (record["precision"], record["int8_convolutions"]) == ("int8", [1, 1])
    assert record["warnings"][0].startswith("ungated: this int8 variant has not passed an accuracy gate")


def test_auto_takes_int8_whose_gate_passed_and_it_counts_nearly_the_same(tmp_path: Path) -> None:
    package = write_tiny(tmp_path / "passed.skt", int8="passed")
    with CrowdCounter(package) as auto, CrowdCounter(package, precision="fp32") as fp32:
        if "vnni" in probe().cpu_flags:
            assert auto.info().precision == "int8"
        result = auto.count(PHOTO)
        assert result.warnings == ()
        assert result.count == pytest.approx(fp32.count(PHOTO).count, rel=INT8_RELATIVE)


def test_a_variant_by_name_is_kept_to_or_refused(tiny: Path) -> None:
    with CrowdCounter(tiny, options=CountOptions(variant="onnx-fp32")) as counter:
        assert counter.info().variant == "onnx-fp32"
    with pytest.raises(
        BackendError, match="onnx-fp32 on onnxruntime: variant onnx-fp64 was asked for; ask for variant"
    ):
        CrowdCounter(tiny, options=CountOptions(variant="onnx-fp64"))


def test_a_path_that_is_no_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.skt").write_bytes(b"hello")

    with pytest.raises(ArtifactError, match=r"no\.skt"):
        CrowdCounter(tmp_path / "no.skt")


def test_one_photo_is_no_batch(counter: CrowdCounter) -> None:
    with pytest.raises(InputError, match="count_batch takes many photos, and this is one"):
        counter.count_batch("plaza.jpg")


@pytest.mark.parametrize(
    ("options", "message"), [({"max_side": 0}, "max_side is 0, expected 1"), ({"tile": 0}, "tile is 0, expected 1")]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CountOptions(**options)


def test_a_tile_too_small_for_the_model_is_refused_when_the_counter_is_made(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="tile side is 47 pixels, but this model needs at least 48"):
        CrowdCounter(tiny, options=CountOptions(tile=47))


def test_threads_below_one_are_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="threads must be 1 or more, not 0"):
        CrowdCounter(tiny, threads=0)


def test_a_model_that_takes_small_photos_only_gets_small_tiles(tiny: Path, tmp_path: Path) -> None:
    with Package.open(tiny) as whole:
        manifest = replace(whole.manifest, input=replace(whole.manifest.input, max_side=64))
        files = {entry.path: data for entry in manifest.files for data in [whole._read(entry)]}
    write_package(tmp_path / "small.skt", manifest, files).close()

    with CrowdCounter(tmp_path / "small.skt") as small, CrowdCounter(tiny) as free:
        assert small.count(PHOTO).tiles > 1
        assert small.count(PHOTO).count == pytest.approx(free.count(PHOTO).count, rel=TILED_RELATIVE)


def test_a_frame_without_memory_is_counted_in_smaller_tiles(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    def small_only(batch: np.ndarray) -> np.ndarray:
        if batch.shape[1] * batch.shape[2] > 128 * 128:
            raise MemoryError
        return tiny_density(batch)

    frame = noise_photo(192, 208)
    with CrowdCounter(tiny, backend=FakeBackend(small_only)) as counter:
        result = counter.count(frame)

    assert result.tiles > 1
    assert result.count == pytest.approx(float(tiny_density(frame[None]).sum()), rel=TILED_RELATIVE)
    assert "fake has not enough memory for a batch (1, 192, 208, 3); trying tiles of 96 pixels" in caplog.text


@pytest.mark.parametrize("size", [(192, 208), (32, 32)])
def test_a_frame_that_never_fits_is_an_error(tiny: Path, size: tuple[int, int]) -> None:
    def never(batch: np.ndarray) -> np.ndarray:
        raise MemoryError

    with (
        CrowdCounter(tiny, backend=FakeBackend(never)) as counter,
        pytest.raises(OutOfMemory, match="not enough memory"),
    ):
        counter.count(noise_photo(*size))


def test_a_backend_of_ones_own_is_held_against_the_calibration_of_a_package_that_is_named() -> None:
    with CrowdCounter(DEFAULT_PACKAGE, backend=FakeBackend(tiny_density)) as counter:
        named = counter.count(PHOTO)
    with CrowdCounter(backend=FakeBackend(tiny_density)) as counter:
        unnamed = counter.count(PHOTO)

    assert (named.state, named.count) == ("degraded", unnamed.count)
    assert named.reasons[0].startswith("unlike the training data")
    assert named.interval == named.intervals.around(named.count)
    assert (unnamed.interval, unnamed.reasons) == (None, ())


def test_two_packages_of_onnx_runtime_are_told_with_every_count(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "onnxruntime_gpu-1.23.2.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.23.2\n")
    np.save(tmp_path / "photo.npy", PHOTO)
    code = (
        "import sys, numpy as np; from sdk import CrowdCounter\n"
        "with CrowdCounter(sys.argv[1]) as counter:\n    print(*counter.count(np.load(sys.argv[2])).warnings)\n"
    )

    done = shell(
        [sys.executable, "-c", code, str(tiny), str(tmp_path / "photo.npy")],
        PYTHONPATH=os.pathsep.join((str(tmp_path), str(ROOT))),
    )

    assert done.stdout.startswith("onnxruntime and onnxruntime-gpu overwrite each other: pip uninstall"), done.stderr
