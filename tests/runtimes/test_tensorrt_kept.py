"""Engines of TensorRT: built once and kept, damaged, of another machine, crashing, and given by the user.

Runs on the stand-in for a GPU (tests/stand_in), in a process of its own that test_tensorrt_stand_in starts.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from runtimes import Candidate, LoadOptions, Request, Variant, open_first, plan, probe
from runtimes.errors import BackendError, InferenceError
from runtimes.tensorrt_store import PLAN, SIDECAR
from tests.models import tiny_files
from tests.runtimes.engines import (
    CRASHES,
    NEEDS_STAND_IN,
    ON_GPU,
    ON_RTX,
    VARIANT,
    counts_right,
    narrow,
    opened,
    other_model,
    photos,
    rewrite,
)

pytestmark = NEEDS_STAND_IN


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
    assert not (tmp_path / "nowhere" / "engines").exists()


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
