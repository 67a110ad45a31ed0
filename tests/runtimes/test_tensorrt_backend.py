"""The TensorRT backend while it loads and runs: what fails, contexts in flight, recorded launches, TensorRT-RTX.

Runs on the stand-in for a GPU (tests/stand_in), in a process of its own that test_tensorrt_stand_in starts.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from exporters.commands import main
from runtimes import LoadOptions, load, probe
from runtimes.errors import ArtifactError, BackendError, InferenceError, OutOfMemory
from runtimes.tensorrt import TensorRtBackend
from runtimes.tensorrt_store import KERNELS, SIDECAR
from sdk import CountOptions, CrowdCounter
from tests.models import tiny_density
from tests.runtimes.engines import (
    NEEDS_STAND_IN,
    ON_GPU,
    ON_RTX,
    counts_right,
    opened,
    photos,
)
from tests.tiny_package import noise_photo, write_tiny
from tests.tolerances import COUNT_RELATIVE, DENSITY_ABSOLUTE

pytestmark = NEEDS_STAND_IN


def test_info_tells_the_gpu(tmp_path: Path) -> None:
    with opened(tmp_path, in_flight=2, notes=("before",)) as backend:
        info = backend.info()

    assert (info.engine, info.engine_version, info.device, info.device_name) == ("tensorrt", "10.3.0", "cuda:0", "Orin")
    assert (info.precision, info.threads, info.in_flight, info.notes) == ("fp32", None, 2, ("before",))


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("context", BackendError, "tensorrt makes no execution context: out of memory .free memory on the GPU"),
        ("names", ArtifactError, "variant tensorrt-fp32 takes picture and answers density, count"),
        ("bindings", BackendError, "tensorrt 10.3.0 does not load: incompatible function arguments"),
        ("shape", BackendError, r"the engine does not take a batch of \(1, 192, 256, 3\)"),
        ("execute", BackendError, "the engine does not run: a kernel failed"),
    ],
)
def test_what_fails_while_loading_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, error: type[Exception], said: str
) -> None:
    monkeypatch.setenv("STAND_IN_FAILS", what)
    with pytest.raises(error, match=said):
        opened(tmp_path)

    monkeypatch.delenv("STAND_IN_FAILS")
    with opened(tmp_path) as backend:
        counts_right(backend, photos(1))


@pytest.mark.parametrize("what", ["execute", "shape"])
def test_it_still_counts_after_a_run_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    with opened(tmp_path) as backend:
        counts_right(backend, photos(1))
        monkeypatch.setenv("STAND_IN_FAILS", what)
        with pytest.raises(InferenceError, match="the engine does not"):
            backend.run(photos(1, 32, 32))
        monkeypatch.delenv("STAND_IN_FAILS")
        counts_right(backend, photos(1, 32, 32))


def test_a_gpu_without_memory_for_a_photo_gets_it_in_smaller_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = write_tiny(tmp_path / "tiny.skt", formats=("tensorrt",))
    photo = noise_photo(512, 512)
    with CrowdCounter(package, device="cuda", backend="tensorrt") as counter:
        whole = counter.count(noise_photo(512, 496))
        monkeypatch.setenv("STAND_IN_MEMORY", "600000")
        tiled = counter.count(photo)

        assert (whole.tiles, tiled.tiles > 1) == (1, True)
        assert tiled.count == pytest.approx(tiny_density(photo[None]).sum(), rel=COUNT_RELATIVE)
        with pytest.raises(OutOfMemory, match=r"the GPU's memory is used up \(CUDA error 2 in cuMemAlloc_v2\)"):
            counter._backend.run(photo[None])


def test_a_source_that_tensorrt_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"TensorRT does not parse the source: .*INVALID_PROTOBUF"):
        load(ON_GPU, {"model.onnx": b"no model"}, LoadOptions(cache_dir=tmp_path))
    assert not list(tmp_path.rglob(SIDECAR))


def test_a_variant_without_its_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"variant tensorrt-fp32 has no model\.onnx"):
        load(ON_GPU, {}, LoadOptions(cache_dir=tmp_path))


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"there is no GPU 3 \(found: Orin\)"):
        opened(tmp_path, replace(ON_GPU, device="cuda:3"))


def test_callers_in_flight_have_contexts_of_their_own(tmp_path: Path) -> None:
    batches = [photos(1, 32, 16 * at, seed=at) for at in (1, 2, 3, 4)] * 6
    with opened(tmp_path, in_flight=3) as backend, ThreadPoolExecutor(6) as pool:
        outputs = list(pool.map(backend.run, batches))

    for batch, output in zip(batches, outputs, strict=True):
        np.testing.assert_allclose(output.density, tiny_density(batch), atol=DENSITY_ABSOLUTE, rtol=0)


def run_often(backend: TensorRtBackend, times: int = 6, size: tuple[int, int] = (64, 96)) -> object:
    """Photos of one size; what its only lane has recorded then."""
    for at in range(times):
        counts_right(backend, photos(1, *size, seed=at))
    lane = backend._idle.get()
    backend._idle.put(lane)
    return lane._recorded


def test_launches_of_a_size_that_repeats_are_recorded_and_replayed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as backend:
        assert run_often(backend, 2) is None
        assert run_often(backend) is not None
        assert run_often(backend, 1, (32, 32)) is None
        assert run_often(backend, 4, (32, 32)) is not None

    assert not [record for record in caplog.records if "not recorded" in record.getMessage()]


@pytest.mark.parametrize("steps", ["0", "1", "2", "3"])
def test_a_replay_that_answers_otherwise_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, steps: str
) -> None:
    """The driver records only the first of upload, kernels and two downloads."""
    monkeypatch.setenv("STAND_IN_RECORDS", steps)
    with opened(tmp_path) as backend:
        assert run_often(backend) is None

    assert "launches of TensorRT are not recorded on this GPU: a replay answered otherwise" in caplog.text


def test_rtx_keeps_the_kernels_that_it_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_MINOR", "6")
    with opened(tmp_path, ON_RTX) as first:
        counts_right(first, photos(1))
    (kept,) = tmp_path.glob(f"engines/*/{KERNELS}")

    with opened(tmp_path, ON_RTX) as second:
        assert second._loaded is not None
        assert second._loaded.kernels is not None
        assert second._loaded.kernels.known
        assert run_often(second) is None  # it records its launches by itself

    kept.write_bytes(b"damaged")
    with opened(tmp_path, ON_RTX) as third:
        assert third._loaded is not None
        assert third._loaded.kernels is not None
        assert not third._loaded.kernels.known
        counts_right(third, photos(1))


def test_rtx_that_builds_for_no_such_gpu_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"Orin: TensorRT-RTX builds for no compute capability '8\.7'"):
        opened(tmp_path, ON_RTX)


def test_what_build_engine_builds_is_what_counts(tmp_path: Path) -> None:
    package = write_tiny(tmp_path / "tiny.skt", formats=("onnx", "tensorrt"))
    words = ["build-engine", package, "--precision", "fp32", "--size", "192x256", "-o", tmp_path / "copied", "--json"]
    photo = noise_photo(192, 256)

    result = CliRunner().invoke(main, list(map(str, words)))

    assert result.exit_code == 0, result.stderr
    (engine,) = json.loads(result.stdout)["engines"]
    assert (engine["doubt"], list(engine["milliseconds"])) == ("", ["192x256"])
    for options in (CountOptions(), CountOptions(plan=tmp_path / "copied")):
        with CrowdCounter(package, device="cuda", options=options) as counter:
            assert counter.count(photo).count == pytest.approx(tiny_density(photo[None]).sum(), rel=COUNT_RELATIVE)
            assert (counter.info().engine, counter.info().cache_hit) == ("tensorrt", True)
            with pytest.raises(InferenceError, match="takes no photos 64 high, 96 wide; it is built for 192x256"):
                counter.count(noise_photo(64, 96))


def test_the_doctor_sees_the_engines() -> None:
    here = probe()

    assert here.engine("tensorrt").devices == here.engine("tensorrt-rtx").devices == ("cuda:0",)
    assert here.engine("tensorrt").usable
    assert [one.reason for one in here.all_of("onnxruntime")] == [
        "",
        "onnxruntime is built without CUDAExecutionProvider",
    ]
