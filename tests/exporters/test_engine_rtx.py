"""NVIDIA's own parser and builder on every source, without a GPU: TensorRT-RTX builds for GPUs that are elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporters.calibration import CalibrationTable
from exporters.engine_warnings import READ, unread
from exporters.lint import lint_model
from exporters.lint_rules import OPERATORS
from exporters.onnx import master_of
from exporters.quantize import int8_model
from exporters.tensorrt import PRECISIONS, tensorrt_source
from runtimes.cuda import cuda
from runtimes.tensorrt_build import build_plan
from runtimes.tensorrt_engine import load_engine
from runtimes.tensorrt_options import Bucket, EngineOptions, default_options
from runtimes.tensorrt_rtx import build_rtx_plan
from sdk.errors import BackendError, ConfigError
from tests.compiled import COMPILER, DRIVER, compiled
from tests.models import tiny_onnx
from tests.students import student

pytestmark = [
    pytest.mark.skipif(not importlib.util.find_spec("tensorrt_rtx"), reason="not run: tensorrt_rtx is not installed"),
    pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning"),  # of timing caches
]
TARGETS = ("8.0", "8.6", "8.9", "12.0")
ROOT = Path(__file__).parents[2]
LOADS = """
from pathlib import Path
from runtimes import Candidate, LoadOptions, Variant, load
from runtimes.errors import BackendError
from tests.models import tiny_files
variant = Variant("tensorrt-fp32", "tensorrt", "fp32", opset=20)
try:
    load(Candidate(variant, "tensorrt-rtx", "cuda:0", "fp32"), tiny_files()["tensorrt"], LoadOptions(cache_dir=Path({cache!r})))
except BackendError as error:
    print(error.message)
"""
SMALL = EngineOptions((Bucket((192, 256), (192, 256), 2),))


@pytest.fixture(scope="module")
def rtx() -> Any:
    import tensorrt_rtx

    return tensorrt_rtx


@pytest.fixture(scope="module")
def sources(shipped_master: onnx.ModelProto, shipped_table: CalibrationTable) -> dict[str, bytes]:
    made = {precision: tensorrt_source(shipped_master, precision, shipped_table) for precision in PRECISIONS}
    return {precision: source.SerializeToString(deterministic=True) for precision, source in made.items()}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_source_becomes_a_plan_with_no_warning_left_unread(
    rtx: Any, sources: dict[str, bytes], precision: str, target: str
) -> None:
    plan = build_rtx_plan(rtx, sources[precision], SMALL, [target])

    assert len(plan.data) > 1_000_000
    assert plan.layers > 40
    assert unread(plan.warnings) == []


@pytest.mark.parametrize("precision", PRECISIONS)
def test_one_plan_serves_every_target_and_the_default_sizes(
    rtx: Any, sources: dict[str, bytes], precision: str
) -> None:
    plan = build_rtx_plan(rtx, sources[precision], default_options(16), TARGETS)

    assert unread(plan.warnings) == []


@pytest.mark.skipif(bool(cuda().version), reason="not run: this machine has an NVIDIA driver")
def test_a_plan_does_not_load_without_a_gpu_and_says_why(rtx: Any) -> None:
    plan = build_rtx_plan(rtx, tiny_onnx(), SMALL, ["8.6"])

    with pytest.raises(BackendError, match=r"tensorrt_rtx does not load the engine: .*driver version is insufficient"):
        load_engine(rtx, plan.data)


@pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")
def test_the_backend_builds_with_the_real_package_and_refuses_what_does_not_load(tmp_path: Path) -> None:
    """The driver is one of C whose GPU is the process's memory, on which NVIDIA's own runtime loads nothing."""
    compiled(tmp_path, "libcuda.so.1", DRIVER)
    paths = [str(Path(rtx_folder).parent) for rtx_folder in importlib.import_module("tensorrt_rtx").__path__]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, str(ROOT)]), "LD_LIBRARY_PATH": str(tmp_path)}
    code = LOADS.format(cache=str(tmp_path))

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**env, "STAND_IN_MINOR": "6"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tensorrt_rtx does not load the engine: ")
    (sidecar,) = tmp_path.glob("engines/*/model.plan.json")
    told = json.loads(sidecar.read_text())
    assert told["compute_capability"] == "8.6"
    assert sidecar.with_name("model.plan").stat().st_size > 100_000


def test_a_range_of_sizes_and_batches_is_built(rtx: Any, sources: dict[str, bytes]) -> None:
    options = EngineOptions((Bucket((64, 64), (576, 864), 4),))

    assert build_rtx_plan(rtx, sources["int8"], options, ["8.6"]).data


def test_every_warning_in_the_list_is_still_given(rtx: Any, sources: dict[str, bytes]) -> None:
    warnings = build_rtx_plan(rtx, sources["int8"], SMALL, ["8.6"]).warnings

    assert [known for known in READ if not any(known in warning for warning in warnings)] == []


@pytest.mark.parametrize("architecture", ["bl", "csrnet"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_architecture_is_taken(rtx: Any, architecture: str, precision: str) -> None:
    source = tensorrt_source(master_of(student(architecture)), precision)

    assert unread(build_rtx_plan(rtx, source.SerializeToString(), SMALL, ["8.6"]).warnings) == []


def test_every_operator_of_the_list_is_built(rtx: Any, sources: dict[str, bytes]) -> None:
    models = [onnx.load_model_from_string(data) for data in (*sources.values(), tiny_onnx(), _further_operators())]
    for model in models[-2:]:
        assert unread(build_rtx_plan(rtx, model.SerializeToString(), SMALL, ["8.6"]).warnings) == []

    assert {node.op_type for model in models for node in model.graph.node} == OPERATORS


def test_what_lint_refuses_the_parser_refuses_too(
    rtx: Any, shipped_master: onnx.ModelProto, shipped_table: CalibrationTable, sources: dict[str, bytes]
) -> None:
    cases = {
        "transpose_0: first input has type UInt8": shipped_master,
        "input has type Int32": int8_model(shipped_master, shipped_table, "cpu"),
        "zero point": _with_a_zero_point(sources["int8"]),
    }
    for told, model in cases.items():
        assert lint_model(model, "tensorrt")
        with pytest.raises(BackendError, match=rf"(?i)TensorRT does not parse the source: .*{told}"):
            build_rtx_plan(rtx, model.SerializeToString(), SMALL, ["8.6"])


def test_bytes_that_are_no_model_are_refused(rtx: Any) -> None:
    with pytest.raises(BackendError, match="TensorRT does not parse the source"):
        build_rtx_plan(rtx, b"no model", SMALL, ["8.6"])


def test_a_workspace_that_is_too_small_is_told_with_what_helps(rtx: Any, sources: dict[str, bytes]) -> None:
    options = EngineOptions((Bucket((1088, 1920), (1088, 1920), 4),), workspace_mib=1)

    with pytest.raises(BackendError, match=r"TensorRT does not build the engine.*raise --workspace"):
        build_rtx_plan(rtx, sources["fp32"], options, ["8.6"])


def test_a_dla_core_that_is_not_there_is_refused(rtx: Any, sources: dict[str, bytes]) -> None:
    options = replace(SMALL, buckets=(Bucket((192, 256), (192, 256)),), dla_core=0)

    with pytest.raises(BackendError, match=r"DLA core 0 is asked for, and this device has 0 \(leave --dla out"):
        build_rtx_plan(rtx, sources["fp16"], options, ["8.6"])


def test_an_unknown_target_is_refused(rtx: Any, sources: dict[str, bytes]) -> None:
    with pytest.raises(ConfigError, match=r"builds for no compute capability '5\.2'"):
        build_rtx_plan(rtx, sources["fp16"], SMALL, ["5.2"])


def test_a_profile_that_the_network_does_not_allow_is_refused(rtx: Any) -> None:
    fixed = onnx.load_model_from_string(tiny_onnx())
    for side, size in zip(fixed.graph.input[0].type.tensor_type.shape.dim, (1, 64, 96, 3), strict=True):
        side.dim_value = size

    with pytest.raises(BackendError, match="TensorRT does not"):
        build_rtx_plan(rtx, fixed.SerializeToString(), SMALL, ["8.6"])


def test_ctrl_c_stops_a_build(rtx: Any, sources: dict[str, bytes]) -> None:
    def aim_and_interrupt(config: Any) -> None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(rtx.ComputeCapability.SM86, 0)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build_plan(rtx, sources["fp16"], SMALL, prepare=aim_and_interrupt)


def _further_operators() -> bytes:
    """A model of the operators that no shipped one has, between the contract's input and outputs."""
    constants = {"half": [0.5], "two": [2.0], "channel": [1], "sides": [1, 2]}
    tensors = [
        numpy_helper.from_array(np.array(values, "f4" if name in ("half", "two") else "i8"), name)
        for name, values in constants.items()
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Add", ["cells", "half"], ["added"]),
        helper.make_node("Div", ["added", "two"], ["divided"]),
        helper.make_node("Concat", ["divided", "cells"], ["both"], axis=1),
        helper.make_node("ReduceSum", ["both", "channel"], ["flat"], keepdims=0),
        helper.make_node("Unsqueeze", ["flat", "channel"], ["tall"]),
        helper.make_node("Squeeze", ["tall", "channel"], ["density"]),
        helper.make_node("ReduceSum", ["density", "sides"], ["count"], keepdims=0),
    ]
    tiny = onnx.load_model_from_string(tiny_onnx())
    graph = helper.make_graph(nodes, "further", tiny.graph.input, tiny.graph.output, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _with_a_zero_point(source: bytes) -> onnx.ModelProto:
    model = onnx.load_model_from_string(source)
    name = next(node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear")
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.int8(3), name))
    return model
