"""OpenVINO variants: the master or its INT8 model as IR, float weights kept in fp32 or compressed to fp16."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnx

from exporters.needs import export_extra
from exporters.onnx import INPUT, OUTPUTS
from sdk.errors import ExportError

RT_INFO = ["skt", "manifest"]


def openvino_ir(model: onnx.ModelProto, manifest: bytes, precision: str) -> dict[str, bytes]:
    """model.xml and model.bin of a model, its float weights in fp32, or fp16 for that; the manifest in rt_info."""
    converted = _converted(model)
    converted.set_rt_info(manifest.decode(), RT_INFO)
    with tempfile.TemporaryDirectory(prefix="skt-export-") as folder, export_extra():
        import openvino

        xml = Path(folder) / "model.xml"
        openvino.save_model(converted, xml, compress_to_fp16=precision == "fp16")
        return {path.name: path.read_bytes() for path in (xml, xml.with_suffix(".bin"))}


def _converted(model: onnx.ModelProto) -> Any:
    with export_extra():
        import openvino

    try:
        converted = openvino.Core().read_model(model.SerializeToString(deterministic=True))
    except RuntimeError as error:
        raise ExportError(f"OpenVINO does not take the master: {' '.join(str(error).split())[:400]}") from error
    for put, name in zip((*converted.inputs, *converted.outputs), (INPUT, *OUTPUTS), strict=True):
        put.tensor.set_names({name})
    converted.set_friendly_name(model.graph.name)
    _name_by_place(converted)
    return converted


def _name_by_place(converted: Any) -> None:
    """Name every operation by its kind and place: OpenVINO numbers them by a count that runs through the process."""
    for index, operation in enumerate(converted.get_ordered_ops()):
        if operation.get_type_name() not in ("Parameter", "Result"):
            operation.set_friendly_name(f"{operation.get_type_name().lower()}_{index}")
