"""Rules for explicit quantisation as TensorRT takes it: symmetric, signed bytes, constant scales."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from exporters.lint_finding import Finding
from exporters.lint_graph import FLOATS, GraphView, attribute, place, type_name

Findings = Iterator[Finding]
PAIR = ("QuantizeLinear", "DequantizeLinear")
SYMMETRIC = "render int8 for tensorrt, which is symmetric"


def zero_points(graph: GraphView) -> Findings:
    """L120: TensorRT knows no zero point but zero."""
    for node in graph.of(*PAIR):
        if len(node.input) < 3 or not node.input[2]:
            continue
        value = graph.value(node.input[2])
        if value is None or np.any(value):
            told = "is no constant" if value is None else f"is {value.ravel()[np.flatnonzero(value)[0]]}"
            yield Finding("L120", f"zero point {node.input[2]} {told}, expected 0", place(node), SYMMETRIC)


def quantised_types(graph: GraphView) -> Findings:
    """L121, L122: INT8 between a pair; a bias stays in float."""
    for node in graph.of(*PAIR):
        kind = _quantised(graph, node)
        if kind == TensorProto.INT32:
            yield Finding("L121", "dequantises INT32, which TensorRT refuses", place(node), "leave biases in float")
        elif kind != TensorProto.INT8:
            yield Finding("L122", f"quantised type is {type_name(kind)}, expected INT8", place(node), SYMMETRIC)


def scales(graph: GraphView) -> Findings:
    """L123, L124: scales are constants above zero, of the type of what is quantised."""
    for node in graph.of(*PAIR):
        value = graph.value(node.input[1])
        if value is None or not _positive(value):
            told = "is no constant" if value is None else f"holds {np.asarray(value, np.float64).min():g}"
            yield Finding(
                "L123", f"scale {node.input[1]} {told}, expected numbers above 0", place(node), "calibrate again"
            )
        high = graph.types.get(node.input[0] if node.op_type == PAIR[0] else node.output[0], 0)
        scale = graph.types.get(node.input[1], 0)
        if scale != high or scale not in FLOATS:
            what = f"scale is {type_name(scale)}, and what it scales {type_name(high)}"
            yield Finding("L124", what, place(node), "give scales the type of the float tensor")


def axes(graph: GraphView) -> Findings:
    """L125, L126: a scale for each output channel of a weight, along axis 0; one scale for anything else."""
    for node in graph.of(*PAIR):
        scale = graph.value(node.input[1])
        if scale is None or scale.size == 1:
            continue
        weight, axis = _weight(graph, node), attribute(node, "axis", 1)
        if weight is None:
            what = f"{scale.size} scales for an activation, expected one"
            yield Finding("L125", what, place(node), "quantise activations by tensor")
        elif axis != 0 or scale.size != weight.dims[0]:
            what = f"{scale.size} scales along axis {axis}, expected {weight.dims[0]} along axis 0"
            yield Finding("L126", what, place(node), "quantise weights by output channel")


def pairs(graph: GraphView) -> Findings:
    """L127: what is quantised is dequantised next, so that TensorRT finds the pair."""
    for node in graph.of(PAIR[0]):
        users = graph.users(node.output[0])
        if not users or any(user.op_type != PAIR[1] for user in users):
            told = ", ".join(place(user) for user in users) or "nothing"
            yield Finding("L127", f"its bytes go to {told}, expected a DequantizeLinear", place(node), SYMMETRIC)


def _quantised(graph: GraphView, node: onnx.NodeProto) -> int:
    """The type on the quantised side of a node."""
    return graph.types.get(node.output[0] if node.op_type == PAIR[0] else node.input[0], 0)


def _weight(graph: GraphView, node: onnx.NodeProto) -> onnx.TensorProto | None:
    """The constant that a node quantises or dequantises, directly or through the other half of its pair."""
    name = node.input[0]
    maker = graph.makers.get(name)
    if maker is not None and maker.op_type == PAIR[0]:
        name = maker.input[0]
    return graph.constants.get(name)


def _positive(value: NDArray[np.generic]) -> bool:
    numbers = np.asarray(value, np.float64)
    return bool(np.all(np.isfinite(numbers)) and np.all(numbers > 0))
