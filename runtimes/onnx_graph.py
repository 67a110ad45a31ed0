"""An ONNX file with its weights and attributes, read without the onnx package, which devices do not install."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtimes.onnx_nodes import EIGHT_BYTES, FOUR_BYTES, GRAPH, NODE, SIZED, VARINT, read_varint

INITIALIZER, ATTRIBUTE = 5, 5  # field numbers of onnx.proto: of a graph, and of a node
DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 10: np.float16, 11: np.float64}
FLOAT_DATA, INT32_DATA, INT64_DATA, RAW_DATA = 4, 5, 7, 9  # where a tensor's content is


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation: its kind, what it takes and gives, and its attributes."""

    kind: str
    inputs: tuple[str, ...]  # an empty name is an input that is left out
    outputs: tuple[str, ...]
    attributes: dict[str, Any]  # numbers, lists of numbers, and text


@dataclass(frozen=True, eq=False)
class Graph:
    """A model's graph, in the order in which it is computed."""

    operations: tuple[Operation, ...]
    weights: dict[str, NDArray[Any]]


def read_graph(model: bytes) -> Graph:
    """The graph of a file whose weights are inside it. Raises ValueError or struct.error for what is no such file."""
    operations: list[Operation] = []
    weights: dict[str, NDArray[Any]] = {}
    for number, value in _fields(memoryview(model)):
        for inner, content in _fields(value) if number == GRAPH else ():
            if inner == NODE:
                operations.append(_operation(content))
            elif inner == INITIALIZER:
                name, array = _tensor(content)
                weights[name] = array
    return Graph(tuple(operations), weights)


def _operation(data: memoryview) -> Operation:
    inputs: list[str] = []
    outputs: list[str] = []
    attributes: dict[str, Any] = {}
    kind = ""
    for number, value in _fields(data):
        if number in (1, 2):
            (inputs if number == 1 else outputs).append(_text(value))
        elif number == 4:
            kind = _text(value)
        elif number == ATTRIBUTE:
            name, content = _attribute(value)
            attributes[name] = content
    return Operation(kind, tuple(inputs), tuple(outputs), attributes)


def _attribute(data: memoryview) -> tuple[str, Any]:
    """A name and a float, an integer, a text, or a list of floats or integers."""
    several: list[Any] = []
    name, single = "", None
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number in (2, 3, 4):
            single = _single(number, value)
        elif number in (7, 8):
            several += [struct.unpack("<f", value)[0]] if number == 7 else _integers(value)
    return name, several if single is None else single


def _single(number: int, value: Any) -> Any:
    if number == 2:
        return struct.unpack("<f", value)[0]
    return _signed(value) if number == 3 else _text(value)


def _tensor(data: memoryview) -> tuple[str, NDArray[Any]]:
    sides: list[int] = []
    kind, name, content = 0, "", np.zeros(0)
    packed = {FLOAT_DATA: "<f4", RAW_DATA: None}
    for number, value in _fields(data):
        if number == 1:
            sides += _integers(value)
        elif number == 2:
            kind = value
        elif number == 8:
            name = _text(value)
        elif number in packed:
            content = np.frombuffer(bytes(value), packed[number] or DTYPES[kind])
        elif number in (INT32_DATA, INT64_DATA):
            content = np.array(_integers(value))
    return name, content.astype(DTYPES[kind]).reshape(sides)


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """The fields of a message: number, and content; a plain number as such."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield number, value
            continue
        size, at = read_varint(data, at) if kind == SIZED else ({EIGHT_BYTES: 8, FOUR_BYTES: 4}[kind], at)
        yield number, data[at : at + size]
        at += size


def _integers(value: Any) -> list[int]:
    """One number, or many that are packed."""
    if isinstance(value, int):
        return [_signed(value)]
    found, at = [], 0
    while at < len(value):
        number, at = read_varint(value, at)
        found.append(_signed(number))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(value: Any) -> str:
    return bytes(value).decode()
