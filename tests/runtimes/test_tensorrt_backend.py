"""The TensorRT backend: engines built, kept, damaged, replaced, given; contexts, streams and recorded launches.

Runs on the stand-in for a GPU (tests/stand_in), in a process of its own that test_tensorrt_stand_in starts.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from exporters.commands import main
from runtimes import Backend, Candidate, LoadOptions, Request, Variant, load, open_first, plan, probe
from runtimes.errors import ArtifactError, BackendError, InferenceError, OutOfMemory
from runtimes.tensorrt import TensorRtBackend
from runtimes.tensorrt_store import KERNELS, PLAN, SIDECAR
from sdk import CountOptions, CrowdCounter
from tests.models import tiny_density, tiny_files, tiny_onnx
from tests.tiny_package import noise_photo, write_tiny
from tests.tolerances import COUNT_RELATIVE, DENSITY_ABSOLUTE

pytestmark = pytest.mark.skipif(not os.environ.get("SKT_STAND_IN"), reason="not run: test_tensorrt_stand_in runs it")

VARIANT = Variant("tensorrt-fp32", "tensorrt", "fp32", opset=20)
ON_GPU = Candidate(VARIANT, "tensorrt", "cuda:0", "fp32")
ON_RTX = replace(ON_GPU, engine="tensorrt-rtx")
CRASHES = b"crash"  # what the stand-in of TensorRT dies of


def opened(cache: Path | None, candidate: Candidate = ON_GPU, **options: object) -> TensorRtBackend:
    backend = load(candidate, tiny_files()["tensorrt"], LoadOptions(cache_dir=cache, **options))
    assert isinstance(backend, TensorRtBackend)
    return backend


def photos(n: int, height: int = 64, width: int = 96, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


def counts_right(backend: Backend, batch: np.ndarray) -> None:
    np.testing.assert_allclose(backend.run(batch).density, tiny_density(batch), atol=DENSITY_ABSOLUTE, rtol=0)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with an engine in it."""
    cache = tmp_path_factory.mktemp("built")
    opened(cache).close()
    return cache


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """Where the engine is kept, in a cache of the test's own."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    (sidecar,) = tmp_path.glob(f"engines/*/{SIDECAR}")
    return sidecar.parent


def rewrite(folder: Path, data: bytes | None = None, **told: object) -> None:
    """Another plan, or another sidecar, in a folder; as whole as if it had been built so."""
    if data is not None:
        (folder / PLAN).write_bytes(data)
    sidecar = json.loads((folder / SIDECAR).read_text()) | told
    sidecar["plan_sha256"] = hashlib.sha256((folder / PLAN).read_bytes()).hexdigest()
    (folder / SIDECAR).write_text(json.dumps(sidecar))


def other_model() -> bytes:
    """The tiny model with three times the people."""
    model = onnx.load_from_string(tiny_onnx())
    for tensor in model.graph.initializer:
        if tensor.name in ("weight", "bias"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 3, tensor.name))
    return model.SerializeToString()


def test_an_engine_is_built_once_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), opened(tmp_path) as first, opened(tmp_path) as second:
        counts_right(second, photos(1))

    assert (first.info().cache_hit, second.info().cache_hit) == (False, True)
    assert first.info().notes == second.info().notes == ()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "building an engine of tensorrt 10.3.0 for Orin"
    ]
    (sidecar,) = tmp_path.glob(f"engines/*/{SIDECAR}")
    told = json.loads(sidecar.read_text())
    assert (told["loaded_in_a_child"], told["counts_like_its_source"], told["layers"]) == (True, True, 7)


def test_info_tells_the_gpu(tmp_path: Path) -> None:
    with opened(tmp_path, in_flight=2, notes=("before",)) as backend:
        info = backend.info()

    assert (info.engine, info.engine_version, info.device, info.device_name) == ("tensorrt", "10.3.0", "cuda:0", "Orin")
    assert (info.precision, info.threads, info.in_flight, info.notes) == ("fp32", None, 2, ("before",))


@pytest.mark.parametrize("candidate", [ON_GPU, ON_RTX], ids=lambda candidate: candidate.engine)
def test_without_a_cache_it_is_built_each_time(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_MINOR", "6")
    with opened(None, candidate) as backend:
        counts_right(backend, photos(1))
        assert backend.info().cache_hit is None


def test_a_damaged_engine_is_built_again_and_that_is_said_once(folder: Path) -> None:
    cache = folder.parents[1]
    (folder / PLAN).write_bytes((folder / PLAN).read_bytes()[:-1] + b"?")

    with opened(cache) as again, opened(cache) as third:
        counts_right(again, photos(1))

    (note,) = again.info().notes
    assert note.startswith("the kept engine was damaged and is built again: ")
    assert "model.plan is not what was written" in note
    assert (third.info().notes, third.info().cache_hit) == ((), True)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"cuda_driver": "12.4"}, "CUDA driver 12.4, not 12.6"),
        ({"name": "Thor", "compute_capability": "11.0"}, "GPU Thor, not Orin; compute capability 11.0, not 8.7"),
        ({"engine": "tensorrt 10.7.0"}, "engine tensorrt 10.7.0, not tensorrt 10.3.0"),
    ],
)
def test_an_engine_of_another_machine_is_built_again_and_that_is_said(
    folder: Path, told: dict[str, str], said: str
) -> None:
    other = folder.with_name("other")
    folder.rename(other)
    rewrite(other, **told)

    with opened(folder.parents[1]) as again:
        assert again.info().notes == (f"the engine is built again: the last was built for {said}",)
        assert again.info().cache_hit is False


def test_a_kept_engine_that_does_not_load_is_built_again(folder: Path) -> None:
    rewrite(folder, b"of another version\n")

    with opened(folder.parents[1]) as again:
        counts_right(again, photos(1))

    (note,) = again.info().notes
    assert note.startswith("the kept engine does not load, and is built again: tensorrt does not load the engine: the ")


def test_a_kept_engine_that_crashes_is_built_again(folder: Path) -> None:
    rewrite(folder, CRASHES, loaded_in_a_child=False)

    with opened(folder.parents[1]) as again:
        counts_right(again, photos(1))

    assert again.info().notes == (
        "the kept engine crashes when it is loaded, and is built again: a child was ended by SIGSEGV",
    )


def test_an_engine_that_counts_otherwise_is_refused_and_not_kept(folder: Path) -> None:
    head = (folder / PLAN).read_bytes().partition(b"\n")[0]
    rewrite(folder, head + b"\n" + other_model(), counts_like_its_source=False)

    with pytest.raises(
        BackendError, match=r"the engine counts \d+\.\d\d where its source counts \d+\.\d\d, a cell off"
    ):
        opened(folder.parents[1])
    assert not (folder / SIDECAR).exists()


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


def test_auto_goes_on_where_tensorrt_fails(tmp_path: Path) -> None:
    variants = [VARIANT, Variant("onnx-fp32", "onnx", "fp32", opset=20)]
    files = {"tensorrt": {"model.onnx": b"no model"}, "onnx": tiny_files()["onnx"]}
    chosen = plan(variants, probe(), Request())

    backend, attempts = open_first(chosen, lambda variant: files[variant.format], LoadOptions(cache_dir=tmp_path))
    with backend:
        counts_right(backend, photos(1))

    assert [attempt.candidate.engine for attempt in attempts] == ["tensorrt", "tensorrt-rtx"]
    assert backend.info().engine == "onnxruntime"
    assert len(backend.info().notes) == 2


def narrow(folder: Path, name: str, sizes: list[list[int]]) -> Path:
    """An engine of one range of sizes, as a user would build it and copy it elsewhere."""
    other = folder.with_name(name)
    shutil.copytree(folder, other)
    source = (other / PLAN).read_bytes().partition(b"\n")[2]
    rewrite(other, json.dumps([sizes]).encode() + b"\n" + source, options={"dla_core": None})
    return other


def test_the_engine_that_a_user_built_last_is_taken_with_its_sizes(folder: Path) -> None:
    narrow(folder, "mine", [[1, 64, 96, 3], [1, 64, 96, 3], [2, 64, 96, 3]])

    with opened(folder.parents[1]) as backend:
        assert backend.info().cache_hit is True
        counts_right(backend, photos(5))
        with pytest.raises(
            InferenceError,
            match=r"this engine takes no photos 64 high, 112 wide; it is built for 64x96 .build one for them with",
        ):
            backend.run(photos(1, 64, 112))
        counts_right(backend, photos(1))


def test_an_engine_for_a_dla_core_is_not_taken(folder: Path) -> None:
    dla = narrow(folder, "dla", [[1, 64, 96, 3]] * 3)
    rewrite(dla, options={"dla_core": 0})

    with opened(folder.parents[1]) as backend:
        counts_right(backend, photos(1, 32, 32))


def test_an_engine_that_is_given_is_used(folder: Path, tmp_path: Path) -> None:
    mine = narrow(folder, "mine", [[1, 64, 96, 3]] * 3).rename(tmp_path / "given")

    with opened(tmp_path / "nowhere", plan=mine) as backend:
        counts_right(backend, photos(2))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("told", "data", "said"),
    [
        (
            {"name": "Thor"},
            None,
            r"was built for GPU Thor, not Orin .build it on this device with skt-export build-eng",
        ),
        ({"source_sha256": "ab" * 32}, None, "was built for source abababababab, not "),
        ({"loaded_in_a_child": False}, CRASHES, "crashes when it is loaded: a child was ended by SIGSEGV"),
        ({}, b"of another version\n", "tensorrt does not load the engine: the engine plan file is not compatible"),
    ],
)
def test_an_engine_that_is_given_and_does_not_fit_is_refused(
    folder: Path, told: dict[str, object], data: bytes | None, said: str
) -> None:
    rewrite(folder, data, **told)

    with pytest.raises(BackendError, match=said):
        opened(folder.parents[1], plan=folder)
    assert (folder / SIDECAR).exists()


@pytest.mark.parametrize("missing", [PLAN, SIDECAR])
def test_a_given_folder_without_an_engine_is_refused(folder: Path, missing: str) -> None:
    (folder / missing).unlink()

    with pytest.raises(BackendError, match=r"there is no whole engine in .*: No such file or directory"):
        opened(folder.parents[1], plan=folder)


def test_a_given_engine_that_is_damaged_is_refused(folder: Path) -> None:
    (folder / PLAN).write_bytes(b"cut")

    with pytest.raises(BackendError, match=r"there is no whole engine in .*model\.plan is not what was written"):
        opened(folder.parents[1], plan=folder)


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
