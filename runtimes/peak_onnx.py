"""A chain of convolutions as an ONNX file, written without the onnx package, which devices do not install."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FLOAT, UINT8, INT8 = 1, 2, 3  # TensorProto's numbers of element types
TYPES = {"float32": FLOAT, "uint8": UINT8, "int8": INT8}
INTS = 7  # AttributeProto's number for a list of integers
OPSET, IR_VERSION = 20, 9
SCALE, ZERO = 0.02, 128  # of activations in 8 bits
WEIGHT_SCALE = 0.01


def chain(channels: int, side: int, layers: int, *, int8: bool) -> bytes:
    """`layers` 3x3 convolutions of (1, channels, side, side), float32 in and out; int8: with QDQ around each."""
    rng, name = np.random.default_rng(0), "image"
    body: list[tuple[int, bytes]] = _scalars() if int8 else []
    for at in range(layers):
        weight = rng.integers(-5, 6, (channels, channels, 3, 3))
        bias = _tensor(f"bias{at}", np.zeros(channels, np.float32))
        if int8:
            body += [(5, _tensor(f"w8{at}", weight.astype(np.int8))), (5, bias)]
            body += _quantised(at, name)
            name = f"x{at}"
        else:
            body += [(5, _tensor(f"w{at}", (WEIGHT_SCALE * weight).astype(np.float32))), (5, bias)]
        pads = _message([(1, b"pads"), (20, INTS), *((8, 1) for _ in range(4))])
        body.append((1, _node("Conv", [name, f"w{at}", f"bias{at}"], f"y{at}", pads)))
        name = f"y{at}"
    shape = (1, channels, side, side)
    graph = [(2, b"chain"), *body, (11, _value("image", shape)), (12, _value(name, shape))]
    return _message([(1, IR_VERSION), (7, _message(graph)), (8, _message([(2, OPSET)]))])


def _scalars() -> list[tuple[int, bytes]]:
    values = {
        "scale": np.float32(SCALE),
        "zero": np.uint8(ZERO),
        "weight_scale": np.float32(WEIGHT_SCALE),
        "weight_zero": np.int8(0),
    }
    return [(5, _tensor(name, np.asarray(value))) for name, value in values.items()]


def _quantised(at: int, name: str) -> list[tuple[int, bytes]]:
    """What comes in, and the weights, through 8 bits."""
    return [
        (1, _node("QuantizeLinear", [name, "scale", "zero"], f"q{at}")),
        (1, _node("DequantizeLinear", [f"q{at}", "scale", "zero"], f"x{at}")),
        (1, _node("DequantizeLinear", [f"w8{at}", "weight_scale", "weight_zero"], f"w{at}")),
    ]


def _node(kind: str, inputs: Iterable[str], output: str, *attributes: bytes) -> bytes:
    names = [(1, name.encode()) for name in inputs]
    return _message([*names, (2, output.encode()), (4, kind.encode()), *((5, one) for one in attributes)])


def _tensor(name: str, array: NDArray[np.generic]) -> bytes:
    sides = [(1, side) for side in array.shape]
    return _message([*sides, (2, TYPES[str(array.dtype)]), (8, name.encode()), (9, array.tobytes())])


def _value(name: str, shape: Iterable[int]) -> bytes:
    sides = _message([(1, _message([(1, side)])) for side in shape])
    kind = _message([(1, _message([(1, FLOAT), (2, sides)]))])
    return _message([(1, name.encode()), (2, kind)])


def _message(fields: Iterable[tuple[int, int | bytes]]) -> bytes:
    """Protobuf: numbers as varints, anything else with its length."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts += [_varint(number << 3), _varint(value)]
        else:
            parts += [_varint(number << 3 | 2), _varint(len(value)), value]
    return b"".join(parts)


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
