"""The tiny model in INT8, quantised on the spot by ONNX Runtime: QDQ, per channel, u8 activations, float in and out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from tests.models import tiny_onnx


class Noise(CalibrationDataReader):
    """Photos of noise, as the tests count them."""

    def __init__(self, photos: int = 60) -> None:
        draws = (np.random.default_rng(seed).integers(0, 256, (1, 64, 96, 3), np.uint8) for seed in range(photos))
        self._inputs = iter([{"image": photo} for photo in draws])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._inputs, None)


@cache
def int8_onnx() -> bytes:
    """The tiny model with its one convolution quantised: a cell is off by up to 0.02 people."""
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(tiny_onnx())
        quantize_static(
            source,
            target,
            Noise(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
        )
        return target.read_bytes()


def int8_files() -> dict[str, dict[str, bytes]]:
    """The files by format: onnx and openvino, as in a package."""
    return _both(int8_onnx())


def weights_only_files() -> dict[str, dict[str, bytes]]:
    """A model that stores its convolution's weights in 8 bits and gives no engine a reason to compute it so."""
    model = onnx.load_from_string(int8_onnx())
    for name in ("cells", "raw"):
        around = [node for node in model.graph.node if node.name.startswith(name) and "Linear" in node.op_type]
        before, after = around[0].input[0], around[-1].output[0]
        for node in around:
            model.graph.node.remove(node)
        for node in model.graph.node:
            node.input[:] = [before if put == after else put for put in node.input]
    return _both(model.SerializeToString())


def _both(data: bytes) -> dict[str, dict[str, bytes]]:
    xml, weights = _ir(data)
    return {"onnx": {"model.onnx": data}, "openvino": {"model.xml": xml, "model.bin": weights}}


@cache
def _ir(data: bytes) -> tuple[bytes, bytes]:
    """The bytes of model.xml and model.bin of an ONNX file."""
    import openvino

    with TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        openvino.save_model(openvino.Core().read_model(data), path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()
