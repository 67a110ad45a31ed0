"""How far a density cell sees, computed from the ONNX graph: tiles with that halo count like the whole frame."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import onnx

from exporters.onnx import INPUT, OUTPUTS
from sdk.errors import ExportError

POINTWISE = frozenset(
    {
        "Add",
        "Cast",
        "Clip",
        "Concat",
        "DequantizeLinear",
        "Div",
        "Identity",
        "LeakyRelu",
        "Mul",
        "PRelu",
        "QuantizeLinear",
        "Relu",
        "Sigmoid",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    }
)  # operators that join no two places of a photo


class Interval(NamedTuple):
    """Places along one side of a tensor, first and last included."""

    first: int
    last: int

    def joined(self, other: Interval) -> Interval:
        """The least interval that holds both."""
        return Interval(min(self.first, other.first), max(self.last, other.last))


def receptive_halo(model: onnx.ModelProto, *, stride: int, multiple: int) -> int:
    """Pixels beside a tile that its density depends on, on the worst side, rounded up to a multiple of `multiple`.

    Cells differ by their place within `multiple` pixels (a pool halves, a resize doubles), so each place is asked for.
    """
    reach = 0
    for axis in (0, 1):
        for cell in range(multiple // stride):
            seen = _seen_by(model.graph, cell, axis)
            reach = max(reach, cell * stride - seen.first, seen.last - (cell * stride + stride - 1))
    return math.ceil(reach / multiple) * multiple


def _seen_by(graph: onnx.GraphProto, cell: int, axis: int) -> Interval:
    """Pixels that a density cell depends on along rows (axis 0) or columns (1), in a photo without borders."""
    needed = {OUTPUTS[0]: Interval(cell, cell)}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in reversed(graph.node):
        wanted = [needed[name] for name in node.output if name in needed]
        if not wanted:
            continue
        source = _source(node, axis, constants)(wanted[0])
        for name in node.input if node.op_type in POINTWISE else node.input[:1]:
            if name not in constants:
                needed[name] = needed.get(name, source).joined(source)
    return needed[INPUT]


def _source(node: onnx.NodeProto, axis: int, constants: dict[str, onnx.TensorProto]) -> Callable[[Interval], Interval]:
    """For one node: from places in its output to the places in its input that they are made of."""
    if node.op_type in POINTWISE:
        return lambda places: places
    if node.op_type in ("Conv", "MaxPool", "AveragePool"):
        return _window(node, axis)
    if node.op_type == "ConvTranspose":
        return _transposed(node, axis)
    if node.op_type == "Resize":
        return _resize(node, axis, constants)
    hint = "teach exporters/receptive.py how far this operator looks"
    raise ExportError(f"cannot compute the receptive field through {node.op_type} ({node.name})", hint=hint)


class Kernel(NamedTuple):
    """A sliding kernel along one side."""

    reach: int  # places from its first to its last
    step: int
    before: int  # places that are padded

    @classmethod
    def of(cls, node: onnx.NodeProto, axis: int) -> Kernel:
        """A convolution's or a pool's."""
        about = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if about.get("auto_pad", b"NOTSET") != b"NOTSET":
            raise ExportError(f"{node.op_type} {node.name} pads by auto_pad, expected stated pads")
        reach = (about["kernel_shape"][axis] - 1) * about.get("dilations", (1, 1))[axis]
        return cls(reach, about.get("strides", (1, 1))[axis], about.get("pads", (0, 0, 0, 0))[axis])


def _window(node: onnx.NodeProto, axis: int) -> Callable[[Interval], Interval]:
    reach, step, before = Kernel.of(node, axis)
    return lambda places: Interval(places.first * step - before, places.last * step - before + reach)


def _transposed(node: onnx.NodeProto, axis: int) -> Callable[[Interval], Interval]:
    """A place makes those from `step` times its own on, less the padding, to `reach` beyond."""
    reach, step, before = Kernel.of(node, axis)
    return lambda places: Interval(
        math.ceil((places.first + before - reach) / step), math.floor((places.last + before) / step)
    )


def _resize(node: onnx.NodeProto, axis: int, constants: dict[str, onnx.TensorProto]) -> Callable[[Interval], Interval]:
    about = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    how = (about.get("mode"), about.get("coordinate_transformation_mode"))
    if how != (b"linear", b"half_pixel") or len(node.input) != 3 or node.input[2] not in constants:
        raise ExportError(f"Resize {node.name} is {how}, expected linear, half_pixel, by constant scales")
    scale = float(onnx.numpy_helper.to_array(constants[node.input[2]])[2 + axis])

    def source(places: Interval) -> Interval:
        first, last = ((place + 0.5) / scale - 0.5 for place in places)
        return Interval(math.floor(first), math.floor(last) + 1)

    return source
