"""INT8 variants: what is told of them, and what is read back from the engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtimes import Candidate, LoadOptions, Plan, Request, Variant, load, open_first, plan, probe
from runtimes.errors import ArtifactError, BackendError
from runtimes.int8 import Stored, checked, onnxruntime_stored
from runtimes.onnx_nodes import nodes
from tests.int8_tiny import int8_files, int8_onnx, weights_only_files
from tests.models import tiny_files, tiny_onnx

pytest.importorskip("openvino", reason="not run: openvino is not installed")

ENGINES = {"onnxruntime": "onnx", "openvino": "openvino"}


def candidate(engine: str, *, gate_passed: bool | None = True) -> Candidate:
    variant = Variant(f"{ENGINES[engine]}-int8", ENGINES[engine], "int8", opset=20, gate_passed=gate_passed)
    return Candidate(variant, engine, "cpu", "int8")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_convolutions_that_run_in_8_bits_are_read_back(engine: str) -> None:
    with load(candidate(engine), int8_files()[ENGINES[engine]]) as backend:
        assert (backend.info().precision, backend.info().int8) == ("int8", (1, 1))


def test_they_are_read_back_of_a_kept_model_too(tmp_path: Path) -> None:
    for hit in (False, True):
        with load(candidate("openvino"), int8_files()["openvino"], LoadOptions(cache_dir=tmp_path)) as backend:
            assert (backend.info().cache_hit, backend.info().int8) == (hit, (1, 1))


def test_an_engine_that_computes_int8_in_float_is_refused(engine: str) -> None:
    with pytest.raises(BackendError, match=rf"{engine} was to load this many convolutions in 8 bits: 1, and loaded 0"):
        load(candidate(engine), weights_only_files()[ENGINES[engine]])


def test_a_convolution_that_gives_floats_is_one_that_onnx_runtime_may_compute_in_float() -> None:
    assert onnxruntime_stored(int8_onnx()) == Stored(in_8_bits=1, expected=1)
    assert onnxruntime_stored(weights_only_files()["onnx"]["model.onnx"]) == Stored(in_8_bits=1, expected=0)
    assert checked(Stored(in_8_bits=18, expected=16), 16, candidate("onnxruntime")) == (16, 18)
    with pytest.raises(BackendError, match=r"was to load this many convolutions in 8 bits: 16, and loaded 15"):
        checked(Stored(in_8_bits=18, expected=16), 15, candidate("onnxruntime"))


def test_auto_goes_on_from_it_and_says_so_in_every_result(engine: str) -> None:
    fp32 = Candidate(Variant("onnx-fp32", "onnx", "fp32", opset=20), "onnxruntime", "cpu", "fp32")
    files = {"int8": weights_only_files(), "fp32": tiny_files()}

    backend, _ = open_first(Plan((candidate(engine), fp32), ()), lambda v: files[v.precision][v.format])

    with backend:
        assert "was to load this many convolutions in 8 bits: 1, and loaded 0" in backend.info().notes[0]


def test_a_model_that_is_not_quantised_is_no_int8(engine: str) -> None:
    with pytest.raises(ArtifactError, match=r"-int8 is said to be int8, and none of its convolutions is stored in 8"):
        load(candidate(engine), tiny_files()[ENGINES[engine]])


@pytest.mark.parametrize("status", [None, False])
def test_int8_without_a_passed_gate_says_ungated(engine: str, status: bool | None) -> None:
    with load(candidate(engine, gate_passed=status), int8_files()[ENGINES[engine]]) as backend:
        assert backend.info().notes[0].startswith("ungated: this int8 variant has not passed an accuracy gate")


def test_an_ungated_variant_is_planned_only_by_name() -> None:
    ungated = candidate("onnxruntime", gate_passed=None).variant

    assert not plan([ungated], probe()).candidates
    assert plan([ungated], probe(), Request(precision="int8")).candidates
    assert plan([ungated], probe(), Request(variant="onnx-int8")).candidates


def test_a_folder_for_temporary_files_that_is_full_is_no_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))

    with pytest.raises(BackendError, match="what onnxruntime makes of onnx-int8 cannot be read back: No such file"):
        load(candidate("onnxruntime"), int8_files()["onnx"])


def test_nodes_are_read_without_the_onnx_package() -> None:
    import onnx

    for model in (tiny_onnx(), int8_onnx()):
        expected = [
            (one.op_type, tuple(one.input), tuple(one.output)) for one in onnx.load_from_string(model).graph.node
        ]
        assert nodes(model) == expected


def test_int8_counts_what_it_counted_on_the_other_engine() -> None:
    batch = np.random.default_rng(3).integers(0, 256, (2, 64, 96, 3), np.uint8)
    counts = []
    for name, kind in ENGINES.items():
        with load(candidate(name), int8_files()[kind]) as backend:
            counts.append(backend.run(batch).count)

    np.testing.assert_allclose(*counts, rtol=0.01)
