"""Stored machines, and the variants of a full package, for tests of planning."""

from __future__ import annotations

import json
from pathlib import Path

from runtimes import Discard, Environment, Plan, Variant

FOLDER = Path(__file__).parent / "environments"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

ONNX = Variant("onnx-fp32", "onnx", "fp32", opset=20)
ONNX_INT8 = Variant("onnx-int8", "onnx", "int8", opset=20, gate_passed=True)
OPENVINO = Variant("openvino-fp32", "openvino", "fp32")
OPENVINO_FP16 = Variant("openvino-fp16", "openvino", "fp16")
OPENVINO_INT8 = Variant("openvino-int8", "openvino", "int8", gate_passed=True)
TENSORRT = Variant("tensorrt-fp16", "tensorrt", "fp16", opset=20)
PACKAGE = (ONNX, ONNX_INT8, OPENVINO, OPENVINO_FP16, OPENVINO_INT8, TENSORRT)


def machine(name: str) -> Environment:
    """One of the stored environments; its file says whether it was recorded or made from documents."""
    return Environment.from_json(json.loads((FOLDER / f"{name}.json").read_text())["environment"])


def discard(chosen: Plan, variant: Variant, engine: str, device: str = "cpu") -> Discard:
    key = (variant, engine, device)
    return next(item for item in chosen.discarded if (item.variant, item.engine, item.device) == key)
