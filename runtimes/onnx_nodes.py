"""The nodes of an ONNX file, read without the onnx package, which devices do not install."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

GRAPH, NODE = 7, 1  # field numbers of onnx.proto: a model's graph, a graph's node,
INPUT, OUTPUT, KIND = 1, 2, 4  # and of a node
VARINT, EIGHT_BYTES, SIZED, FOUR_BYTES = 0, 1, 2, 5  # how protobuf stores a field


class Node(NamedTuple):
    """One operation: its kind, and the names of what it takes and gives."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def nodes(model: bytes) -> list[Node]:
    """Every node of the model's graph, in the file's order; the file is one that an engine has read."""
    graphs = (value for number, value in _fields(memoryview(model)) if number == GRAPH)
    return [_node(value) for graph in graphs for number, value in _fields(graph) if number == NODE]


def stored_in_8_bits(model: bytes) -> list[Node]:
    """The convolutions whose weights come from a DequantizeLinear."""
    found = nodes(model)
    dequantised = {name for node in found if node.kind == "DequantizeLinear" for name in node.outputs}
    return [node for node in found if node.kind == "Conv" and node.inputs[1] in dequantised]


def whole_in_8_bits(model: bytes) -> list[Node]:
    """Those of them whose answer is quantised at once: all of a convolution is then between 8-bit numbers."""
    takers: dict[str, set[str]] = {}
    for node in nodes(model):
        for name in node.inputs:
            takers.setdefault(name, set()).add(node.kind)
    return [node for node in stored_in_8_bits(model) if takers.get(node.outputs[0]) == {"QuantizeLinear"}]


def _node(data: memoryview) -> Node:
    fields = [(number, bytes(value).decode()) for number, value in _fields(data) if number in (INPUT, OUTPUT, KIND)]
    kind = next((text for number, text in fields if number == KIND), "")
    return Node(kind, *(tuple(text for number, text in fields if number == wanted) for wanted in (INPUT, OUTPUT)))


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message: number, and content; of plain numbers the content is left out."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            _, at = read_varint(data, at)
            continue
        size, at = read_varint(data, at) if kind == SIZED else ({EIGHT_BYTES: 8, FOUR_BYTES: 4}[kind], at)
        if kind == SIZED:
            yield number, data[at : at + size]
        at += size


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number in groups of 7 bits, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 128:
            return value, at
