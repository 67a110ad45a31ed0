"""A model as rules look at it: types, constants, and what feeds what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


@dataclass(frozen=True)
class GraphView:
    """A model that can be asked about its tensors."""

    model: onnx.ModelProto

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """Every node in order."""
        return list(self.model.graph.node)

    def of(self, *kinds: str) -> Iterator[onnx.NodeProto]:
        """The nodes of these operators."""
        return (node for node in self.model.graph.node if node.op_type in kinds)

    @cached_property
    def opset(self) -> int:
        """Of ONNX's own operators; 0 where the model names none."""
        return next((opset.version for opset in self.model.opset_import if opset.domain in ("", "ai.onnx")), 0)

    @cached_property
    def constants(self) -> dict[str, onnx.TensorProto]:
        """Initialisers by name."""
        return {tensor.name: tensor for tensor in self.model.graph.initializer}

    @cached_property
    def types(self) -> dict[str, int]:
        """The element type of every tensor that is known, by ONNX's numbers."""
        graph = self._inferred.graph
        infos = (*graph.input, *graph.output, *graph.value_info)
        known = {info.name: info.type.tensor_type.elem_type for info in infos if info.type.HasField("tensor_type")}
        return known | {name: tensor.data_type for name, tensor in self.constants.items()}

    @cached_property
    def makers(self) -> dict[str, onnx.NodeProto]:
        """The node that makes each tensor."""
        return {name: node for node in self.model.graph.node for name in node.output}

    def users(self, name: str) -> list[onnx.NodeProto]:
        """The nodes that take this tensor."""
        return [node for node in self.model.graph.node if name in node.input]

    def value(self, name: str) -> NDArray[np.generic] | None:
        """A constant's values; None for anything else, also where its data are outside the file."""
        tensor = self.constants.get(name)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        return numpy_helper.to_array(tensor)

    @cached_property
    def _inferred(self) -> onnx.ModelProto:
        try:
            return onnx.shape_inference.infer_shapes(self.model)
        except onnx.shape_inference.InferenceError:  # a rule of its own tells of it
            return self.model


def type_name(kind: int) -> str:
    """FLOAT16 for 10."""
    return str(TensorProto.DataType.Name(kind)) if kind in TensorProto.DataType.values() else f"type {kind}"


def attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((int(helper.get_attribute_value(item)) for item in node.attribute if item.name == name), default)


def place(node: onnx.NodeProto) -> str:
    """How a finding names a node."""
    return f"{node.op_type} {node.name or (node.output[0] if node.output else '')}"
