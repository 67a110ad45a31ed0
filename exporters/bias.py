"""Bias correction: how far quantisation shifts the mean of each convolution's output, and the bias that takes it back.

Every quantised convolution gets a twin in the float graph that takes the same float input, quantised, and quantised
weights. The mean of twin - convolution over photos, per channel, is that layer's own shift: each layer is corrected
for itself, so no correction counts an earlier one's error again (Nagel et al., ICCV 2019, with measured means).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from exporters.calibration import batches
from exporters.calibration_photos import Shot
from exporters.calibration_table import CalibrationTable
from exporters.onnx import INPUT
from exporters.quantize import TARGETS, Scheme, excluded_convolutions
from exporters.sessions import open_session

Shifts = dict[str, tuple[float, ...]]  # bias: to add to each channel
DIGITS = 6  # significant, so that the table does not depend on the machine's last bits


def with_corrections(
    master: onnx.ModelProto,
    table: CalibrationTable,
    photos: Sequence[Shot],
    *,
    multiple: int,
    progress: Callable[[], None] = lambda: None,
) -> CalibrationTable:
    """The table with corrections for every target."""
    found = {}
    for target in TARGETS:
        scheme = Scheme(symmetric=target == "tensorrt")
        found[target] = bias_shifts(master, table, scheme, photos, multiple=multiple, progress=progress)
    return replace(table, corrections=found)


def bias_shifts(
    master: onnx.ModelProto,
    table: CalibrationTable,
    scheme: Scheme,
    photos: Sequence[Shot],
    *,
    multiple: int,
    progress: Callable[[], None] = lambda: None,
) -> Shifts:
    """What to add to each bias so that its convolution's mean over these photos is that of the float model."""
    graph, biases = with_twins(master, table, scheme)
    session = open_session(graph, optimise=False)
    names = [f"{bias}/shift" for bias in biases]
    total = [np.zeros(1) for _ in biases]
    weight = 0
    for photo in photos:
        for batch in batches(photo.load(), multiple):
            pixels = batch.shape[1] * batch.shape[2]
            weight += pixels
            answers = session.run(names, {INPUT: batch})
            total = [sum_ + pixels * answer.astype(np.float64) for sum_, answer in zip(total, answers, strict=True)]
        progress()
    return {
        bias: tuple(float(f"{-value / weight:.{DIGITS}g}") for value in sum_)
        for bias, sum_ in zip(biases, total, strict=True)
    }


def with_twins(master: onnx.ModelProto, table: CalibrationTable, scheme: Scheme) -> tuple[onnx.ModelProto, list[str]]:
    """The master with a quantised twin beside each convolution, and the names of the biases whose shift it gives."""
    copy = onnx.ModelProto()
    copy.CopyFrom(master)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in master.graph.initializer}
    excluded, biases = excluded_convolutions(master, scheme), []
    for node in master.graph.node:
        if node.op_type == "Conv" and node.name not in excluded and len(node.input) == 3:
            biases.append(node.input[2])
            _add_twin(copy, node, weights[node.input[1]], table.ranges[node.input[0]], scheme)
    return copy, biases


def _add_twin(
    model: onnx.ModelProto, node: onnx.NodeProto, weight: np.ndarray, ends: tuple[float, float], scheme: Scheme
) -> None:
    """Append the twin of one convolution, input through codes and back, weights rounded; then the mean shift."""
    data, _, bias = node.input
    scale, zero = activation_codes(ends, symmetric=scheme.symmetric)
    constants = {"scale": scale, "zero": zero, "weight": rounded_weight(weight, per_channel=scheme.per_channel)}
    constants["sides"] = np.array([0, 2, 3], np.int64)
    here = f"{bias}/"
    model.graph.initializer.extend(numpy_helper.from_array(value, here + name) for name, value in constants.items())
    twin = onnx.NodeProto()
    twin.CopyFrom(node)
    twin.name = here + "twin"
    twin.input[:] = [here + "restored", here + "weight", bias]
    twin.output[:] = [here + "twin"]
    model.graph.node.extend(
        [
            helper.make_node("QuantizeLinear", [data, here + "scale", here + "zero"], [here + "codes"]),
            helper.make_node("DequantizeLinear", [here + "codes", here + "scale", here + "zero"], [here + "restored"]),
            twin,
            helper.make_node("Sub", [here + "twin", node.output[0]], [here + "difference"]),
            helper.make_node("ReduceMean", [here + "difference", here + "sides"], [here + "shift"], keepdims=0),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info(here + "shift", onnx.TensorProto.FLOAT, None))


def activation_codes(ends: tuple[float, float], *, symmetric: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scale and zero point of a tensor between these ends: s8 without a zero point, or u8."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    if symmetric:
        return np.array(max(-low, high, 1e-12) / 127, np.float32), np.array(0, np.int8)
    scale = max(high - low, 1e-12) / 255
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


def rounded_weight(weight: np.ndarray, *, per_channel: bool) -> np.ndarray:
    """A weight (out, in, h, w) as INT8 holds it, in float: symmetric, a scale for each output channel or one."""
    axes = (1, 2, 3) if per_channel else (0, 1, 2, 3)
    scale = np.maximum(np.abs(weight).max(axis=axes, keepdims=True), 1e-12) / 127
    return np.asarray(np.clip(np.rint(weight / scale), -127, 127) * scale, np.float32)
