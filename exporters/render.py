"""The variants that a package can hold, and what renders each from the master."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from exporters.calibration_table import CalibrationTable
from exporters.onnx import with_manifest
from exporters.openvino import openvino_ir
from exporters.quantize import int8_model
from exporters.tensorrt import tensorrt_source

VARIANTS = {  # id: format, precision, and the lowest engine that the SDK installs with
    "onnx-fp32": ("onnx", "fp32", {"onnxruntime": ">=1.20"}),
    "onnx-int8": ("onnx", "int8", {"onnxruntime": ">=1.20"}),
    "openvino-fp32": ("openvino", "fp32", {"openvino": ">=2025.0"}),
    "openvino-fp16": ("openvino", "fp16", {"openvino": ">=2025.0"}),
    "openvino-int8": ("openvino", "int8", {"openvino": ">=2025.0"}),
    "tensorrt-fp32": ("tensorrt", "fp32", {"tensorrt": ">=10.3"}),
    "tensorrt-fp16": ("tensorrt", "fp16", {"tensorrt": ">=10.3"}),
    "tensorrt-int8": ("tensorrt", "int8", {"tensorrt": ">=10.3"}),
}
DEFAULT_VARIANTS = ("onnx-fp32", "openvino-fp16")
DEFAULT_INT8 = ("onnx-int8", "openvino-int8")  # beside them, once there is a calibration


@dataclass(frozen=True, eq=False)
class Rendering:
    """What a variant is made of."""

    master: onnx.ModelProto
    precision: str
    embedded: bytes  # the manifest's JSON, to go into the file
    table: CalibrationTable | None  # for int8, always there

    def for_cpu(self) -> onnx.ModelProto:
        """The master, or its INT8 model for the engines of a CPU."""
        return self.master if self.table is None else int8_model(self.master, self.table, "cpu")


def render(
    master: onnx.ModelProto, variant_id: str, embedded: bytes, table: CalibrationTable | None
) -> dict[str, bytes]:
    """The files of one variant by name."""
    format_, precision, _ = VARIANTS[variant_id]
    return RENDERERS[format_](Rendering(master, precision, embedded, table if precision == "int8" else None))


def is_int8(variant_id: str) -> bool:
    """Whether a variant is quantised, so that it needs a calibration table and the gate."""
    return VARIANTS[variant_id][1] == "int8"


def _onnx(rendering: Rendering) -> dict[str, bytes]:
    return {"model.onnx": with_manifest(rendering.for_cpu(), rendering.embedded)}


def _openvino(rendering: Rendering) -> dict[str, bytes]:
    return openvino_ir(rendering.for_cpu(), rendering.embedded, rendering.precision)


def _tensorrt(rendering: Rendering) -> dict[str, bytes]:
    source = tensorrt_source(rendering.master, rendering.precision, rendering.table)
    return {"model.onnx": with_manifest(source, rendering.embedded)}


RENDERERS: dict[str, Callable[[Rendering], dict[str, bytes]]] = {  # format: what makes its files
    "onnx": _onnx,
    "openvino": _openvino,
    "tensorrt": _tensorrt,
}
