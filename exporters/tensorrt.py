"""TensorRT sources: the master as strongly typed ONNX, from which the device builds its own plan.

Types in the file are the types that TensorRT computes in, so nothing is left to a builder flag:

    fp32    as the master
    fp16    from the first to the last but one convolution in fp16, weights with it
    int8    the same, with explicit symmetric quantisation before each of these convolutions

Pixels are normalised, and people are read out and summed, in fp32. TensorRT takes bytes as an input and casts them, but
does nothing else with them, so the cast comes first.
"""

from __future__ import annotations

import onnx

from exporters.calibration_table import CalibrationTable
from exporters.half import half_trunk
from exporters.lint import errors_of, lint_model
from exporters.onnx import INPUT, check
from exporters.quantize import int8_model
from sdk.errors import CalibrationError, ExportError

PRECISIONS = ("fp32", "fp16", "int8")


def tensorrt_source(master: onnx.ModelProto, precision: str, table: CalibrationTable | None = None) -> onnx.ModelProto:
    """The source in a precision, linted; int8 needs the master's calibration table. The same inputs, the same bytes."""
    source = cast_first(_typed(master, precision, table))
    check(source)
    if found := errors_of(lint_model(source, "tensorrt")):
        message = f"the {precision} source for TensorRT has {len(found)} error(s), the first: {found[0]}"
        raise ExportError(message, hint=found[0].fix, findings=[finding.to_json() for finding in found])
    return source


def cast_first(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which the photo's bytes are cast before they are transposed, which gives the same numbers."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes = copy.graph.node
    users = [at for at, node in enumerate(nodes) if INPUT in node.input]
    if len(users) == 1 and nodes[users[0]].op_type == "Transpose":
        _swap_with_cast(copy, users[0])
    return copy


def _typed(master: onnx.ModelProto, precision: str, table: CalibrationTable | None) -> onnx.ModelProto:
    if precision == "fp32":
        return master
    if precision == "fp16":
        return half_trunk(master)
    if precision != "int8":
        raise ExportError(
            f"unknown precision {precision!r} of a TensorRT source", hint=f"known: {', '.join(PRECISIONS)}"
        )
    if table is None:
        message = "an int8 source for TensorRT needs a calibration table, and none is given"
        raise CalibrationError(message, hint="give --calib a folder of photos or a table")
    return int8_model(master, table, "tensorrt")


def _swap_with_cast(model: onnx.ModelProto, at: int) -> None:
    """Let the cast after the transposition at this place, where there is one, trade places with it."""
    nodes = list(model.graph.node)
    transpose = nodes[at]
    after = [index for index, node in enumerate(nodes) if transpose.output[0] in node.input]
    if len(after) != 1 or nodes[after[0]].op_type != "Cast":
        return  # which lint tells of
    cast = nodes[after[0]]
    between, end = f"{cast.output[0]}/bytes", cast.output[0]
    cast.input[0], cast.output[0] = INPUT, between
    transpose.input[0], transpose.output[0] = between, end
    nodes[at], nodes[after[0]] = nodes[after[0]], nodes[at]
    del model.graph.value_info[:]
    rebuilt = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(rebuilt)
