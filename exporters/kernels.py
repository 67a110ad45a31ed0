"""How many convolutions an engine really computes in INT8, read back from what it compiled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from sdk.errors import ExportError

INT8_TYPES = ("i8", "u8")  # what OpenVINO calls the arithmetic


@dataclass(frozen=True)
class Kernels:
    """The convolutions of a compiled model."""

    convolutions: int
    int8: int


def check_kernels(variant: str, format_: str, files: Mapping[str, bytes]) -> Kernels | None:
    """The kernels of an INT8 variant; refuses one that computes all in float. None: no such engine is known."""
    read = READERS.get(format_)
    if read is None:
        return None
    kernels = read(files)
    if not kernels.int8:
        message = f"variant {variant} has {kernels.convolutions} convolutions, and its engine runs none of them in INT8"
        raise ExportError(message, hint="update the engine, or export on a machine with INT8 instructions")
    return kernels


def _openvino(files: Mapping[str, bytes]) -> Kernels:
    """OpenVINO tells the arithmetic of each layer in its runtime graph."""
    import openvino

    core = openvino.Core()
    model = core.read_model(files["model.xml"], files["model.bin"])
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    told = [_layer(node) for node in compiled.get_runtime_model().get_ops()]
    kinds = [precision for layer, precision in told if layer == "Convolution"]
    return Kernels(len(kinds), sum(kind in INT8_TYPES for kind in kinds))


def _layer(node: Any) -> tuple[str, str]:
    """A layer's type and the precision that it runs in."""
    about = node.get_rt_info()
    layer, precision = (about[key].value if key in about else "" for key in ("layerType", "runtimePrecision"))
    return str(layer), str(precision)


def _onnxruntime(files: Mapping[str, bytes]) -> Kernels:
    """ONNX Runtime turns a convolution between integers into another operator, which its optimised graph shows."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory(prefix="skt-export-") as folder:
        settings.optimized_model_filepath = str(Path(folder, "optimised.onnx"))
        onnxruntime.InferenceSession(files["model.onnx"], settings, providers=["CPUExecutionProvider"])
        kinds = [node.op_type for node in onnx.load(settings.optimized_model_filepath).graph.node]
    return Kernels(sum(kind in ("Conv", "FusedConv", "QLinearConv") for kind in kinds), kinds.count("QLinearConv"))


READERS: dict[str, Callable[[Mapping[str, bytes]], Kernels]] = {"onnx": _onnxruntime, "openvino": _openvino}
