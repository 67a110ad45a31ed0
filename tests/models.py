"""A tiny counting model, made on the spot, so that tests need no trained one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDE = 8


@cache
def tiny_onnx() -> bytes:
    """ONNX: uint8 (n, h, w, 3) to density (n, h/8, w/8) and count (n,); a 3x3 convolution over cells, seeing 8 px on.

    fp32, opset 20. Each cell answers for its own block of 8x8 pixels and its eight neighbours.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[STRIDE, STRIDE], strides=[STRIDE, STRIDE]),
        helper.make_node("Conv", ["cells", "weight", "bias"], ["raw"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["raw"], ["positive"]),
        helper.make_node("Squeeze", ["positive", "channel"], ["density"]),
        helper.make_node("ReduceSum", ["density", "sides"], ["count"], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "tiny", [_image()], _answers(), [*_weights(), *_axes()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@cache
def tiny_ir() -> tuple[bytes, bytes]:
    """The same model for OpenVINO: the bytes of model.xml and model.bin, fp32."""
    import openvino

    with TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        openvino.save_model(openvino.Core().read_model(tiny_onnx()), path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def tiny_files() -> dict[str, dict[str, bytes]]:
    """The files of the tiny model by format: onnx, openvino and tensorrt, as in a package."""
    xml, weights = tiny_ir()
    source = {"model.onnx": tiny_onnx()}
    return {"onnx": source, "tensorrt": source, "openvino": {"model.xml": xml, "model.bin": weights}}


def tiny_density(batch: np.ndarray) -> np.ndarray:
    """The tiny model in plain numpy: (n, h, w, 3) uint8 to (n, h/8, w/8) float32."""
    weight, bias = tiny_weights()
    n, height, width, _ = batch.shape
    blocks = batch.astype(np.float32).reshape(n, height // STRIDE, STRIDE, width // STRIDE, STRIDE, 3)
    cells = np.pad(blocks.mean(axis=(2, 4)), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(cells, (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nhwcij,cij->nhw", windows, weight[0]) + bias[0], 0).astype(np.float32)


def tiny_weights() -> tuple[np.ndarray, np.ndarray]:
    """(1, 3, 3, 3) and (1,) float32: of noise, a mid-grey photo on average, most cells are positive, some cut to 0."""
    weight = np.random.default_rng(7).normal(0, 2e-3, (1, 3, 3, 3)).astype(np.float32)
    return weight, np.array([0.05 - 127.5 * weight.sum()], np.float32)


def _weights() -> list[TensorProto]:
    weight, bias = tiny_weights()
    return [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]


def _axes() -> list[TensorProto]:
    axes = {"channel": [1], "sides": [1, 2]}
    return [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in axes.items()]


def _image() -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "h", "w", 3])


def _answers() -> list[onnx.ValueInfoProto]:
    density = helper.make_tensor_value_info("density", TensorProto.FLOAT, ["n", "h8", "w8"])
    return [density, helper.make_tensor_value_info("count", TensorProto.FLOAT, ["n"])]
