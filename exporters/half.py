"""The master with an fp16 trunk, typed so for engines that take types as they stand (TensorRT from 10.3 on).

The pixels' normalisation stays in fp32, and so does everything from the last convolution on: people are summed in fp32,
because fp16 holds no odd number above 2,048.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from exporters.onnx import check
from sdk.errors import ExportError

LARGEST = float(np.finfo(np.float16).max)


def half_trunk(master: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which all from the first to the last but one convolution computes in fp16; names stay."""
    first, last = trunk(master)
    copy = onnx.ModelProto()
    copy.CopyFrom(master)
    nodes = list(copy.graph.node)
    entry, exit_ = nodes[first].input[0], nodes[last].input[0]
    for node in nodes[first:last]:
        node.input[:] = [f"{name}/half" if name == entry else name for name in node.input]
    nodes[last].input[0] = f"{exit_}/float"
    inside = {name for node in nodes[first:last] for name in node.input}
    for tensor in copy.graph.initializer:
        if tensor.name in inside and tensor.data_type == TensorProto.FLOAT and not _is_scale(tensor.name, nodes):
            _halve(tensor)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes[:first])
    copy.graph.node.append(_cast(entry, f"{entry}/half", TensorProto.FLOAT16))
    copy.graph.node.extend(nodes[first:last])
    copy.graph.node.append(_cast(exit_, f"{exit_}/float", TensorProto.FLOAT))
    copy.graph.node.extend(nodes[last:])
    check(copy)
    return copy


def trunk(master: onnx.ModelProto) -> tuple[int, int]:
    """The places of the first and the last convolution among the nodes."""
    places = [at for at, node in enumerate(master.graph.node) if node.op_type == "Conv"]
    if len(places) < 2:
        raise ExportError(
            f"the model has {len(places)} convolution(s), expected 2 or more, of which the last is the head"
        )
    return places[0], places[-1]


def _is_scale(name: str, nodes: list[onnx.NodeProto]) -> bool:
    """Whether a constant holds a Resize's scales, which are fp32 whatever the data are."""
    return any(node.op_type == "Resize" and name in node.input[1:] for node in nodes)


def _halve(tensor: TensorProto) -> None:
    values = numpy_helper.to_array(tensor)
    if np.abs(values).max(initial=0) > LARGEST:
        raise ExportError(f"{tensor.name} holds {np.abs(values).max():g}, and fp16 ends at {LARGEST:g}")
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), tensor.name))


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], target, to=kind)
