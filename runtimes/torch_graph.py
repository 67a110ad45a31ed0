"""The few ONNX operations that our exporter writes, as torch computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from runtimes.errors import ArtifactError
from runtimes.onnx_graph import Graph, Operation

Tensor = Any  # torch is imported by the caller, where it is needed


class TorchGraph:
    """A graph whose weights are on a device in the precision that it computes in; the final sums are in fp32."""

    def __init__(self, torch: Any, graph: Graph, device: Any, dtype: Any) -> None:
        self._torch, self._dtype = torch, dtype
        self._graph = graph
        for operation in graph.operations:
            if operation.kind not in OPERATIONS:
                message = f"torch has no translation of the ONNX operator {operation.kind}"
                raise ArtifactError(message, hint=f"known: {', '.join(sorted(OPERATIONS))}", operator=operation.kind)
        self._weights = {name: self._placed(array, device) for name, array in graph.weights.items()}
        self._lists = {name: array.tolist() for name, array in graph.weights.items() if array.dtype != np.float32}
        self._lists |= {name: array.tolist() for name, array in graph.weights.items() if array.ndim == 1}

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(n, h, w, 3) uint8 to density (n, h/stride, w/stride) and count (n,), both float32."""
        values = {"image": image, **self._weights}
        for operation in self._graph.operations:
            taken = [values.get(name) for name in operation.inputs]
            values[operation.outputs[0]] = OPERATIONS[operation.kind](self, operation, taken)
        return values["density"].float(), values["count"].float()

    def _placed(self, array: Any, device: Any) -> Tensor:
        tensor = self._torch.from_numpy(np.array(array)).to(device)
        if not tensor.is_floating_point():
            return tensor
        tensor = tensor.to(self._dtype)
        return tensor.contiguous(memory_format=self._torch.channels_last) if tensor.ndim == 4 else tensor

    def numbers(self, operation: Operation, at: int) -> list[Any] | None:
        """The constant that an operation takes at a place; None where there is none."""
        found: list[Any] | None = self._lists.get(operation.inputs[at]) if at < len(operation.inputs) else None
        return found

    @property
    def functional(self) -> Any:
        """torch.nn.functional."""
        return self._torch.nn.functional

    @property
    def torch(self) -> Any:
        """The module."""
        return self._torch

    def cast(self, value: Tensor) -> Tensor:
        """To the precision that is computed in, colours last in memory."""
        return value.to(self._dtype, memory_format=self._torch.channels_last)


def _conv(graph: TorchGraph, operation: Operation, taken: list[Tensor]) -> Tensor:
    about, bias = operation.attributes, taken[2] if len(taken) > 2 else None
    value, pads = _padded(graph, taken[0], about.get("pads"), 0.0)
    more = {"dilation": about.get("dilations", 1), "groups": about.get("group", 1)}
    return graph.functional.conv2d(value, taken[1], bias, about.get("strides", 1), pads, **more)


def _max_pool(graph: TorchGraph, operation: Operation, taken: list[Tensor]) -> Tensor:
    about = operation.attributes
    value, pads = _padded(graph, taken[0], about.get("pads"), float("-inf"))
    return graph.functional.max_pool2d(value, about["kernel_shape"], about.get("strides", 1), pads)


def _average_pool(graph: TorchGraph, operation: Operation, taken: list[Tensor]) -> Tensor:
    about = operation.attributes
    counts_padding = bool(about.get("count_include_pad", 0))
    pads = _even(operation, about.get("pads"))
    more = {"count_include_pad": counts_padding}
    return graph.functional.avg_pool2d(taken[0], about["kernel_shape"], about.get("strides", 1), pads, **more)


def _resize(graph: TorchGraph, operation: Operation, taken: list[Tensor]) -> Tensor:
    about, scales = operation.attributes, graph.numbers(operation, 2)
    known = (about.get("mode"), about.get("coordinate_transformation_mode", "half_pixel")) == ("linear", "half_pixel")
    if not known or not scales or about.get("antialias", 0):
        raise ArtifactError("torch translates only Resize by bilinear scales", hint="export the package again")
    more = {"scale_factor": tuple(scales[2:]), "mode": "bilinear", "align_corners": False}
    return graph.functional.interpolate(taken[0], **more)


def _reduce_sum(graph: TorchGraph, operation: Operation, taken: list[Tensor]) -> Tensor:
    axes = graph.numbers(operation, 1)
    return taken[0].float().sum(axes, keepdim=bool(operation.attributes.get("keepdims", 1)))


def _squeeze(graph: TorchGraph, operation: Operation, taken: list[Tensor]) -> Tensor:
    return graph.torch.squeeze(taken[0], tuple(graph.numbers(operation, 1) or ()))


def _unsqueeze(graph: TorchGraph, operation: Operation, taken: list[Tensor]) -> Tensor:
    value = taken[0]
    for axis in sorted(graph.numbers(operation, 1) or ()):
        value = value.unsqueeze(axis)
    return value


def _padded(graph: TorchGraph, value: Tensor, pads: list[int] | None, fill: float) -> tuple[Tensor, list[int]]:
    """What torch pads itself, or a value that is padded already where the sides differ."""
    top, left, bottom, right = pads or (0, 0, 0, 0)
    if (top, left) == (bottom, right):
        return value, [top, left]
    return graph.functional.pad(value, (left, right, top, bottom), value=fill), [0, 0]


def _even(operation: Operation, pads: list[int] | None) -> list[int]:
    top, left, bottom, right = pads or (0, 0, 0, 0)
    if (top, left) != (bottom, right):
        message = f"torch translates {operation.kind} with equal padding on opposite sides only, not {pads}"
        raise ArtifactError(message, hint="export the package again")
    return [top, left]


OPERATIONS: dict[str, Callable[[TorchGraph, Operation, list[Tensor]], Tensor]] = {
    "Add": lambda _graph, _operation, taken: taken[0] + taken[1],
    "AveragePool": _average_pool,
    "Cast": lambda graph, _operation, taken: graph.cast(taken[0]),
    "Concat": lambda graph, operation, taken: graph.torch.cat(taken, operation.attributes["axis"]),
    "Conv": _conv,
    "Div": lambda _graph, _operation, taken: taken[0] / taken[1],
    "MaxPool": _max_pool,
    "Mul": lambda _graph, _operation, taken: taken[0] * taken[1],
    "ReduceSum": _reduce_sum,
    "Relu": lambda graph, _operation, taken: graph.torch.relu(taken[0]),
    "Resize": _resize,
    "Squeeze": _squeeze,
    "Sub": lambda _graph, _operation, taken: taken[0] - taken[1],
    "Transpose": lambda _graph, operation, taken: taken[0].permute(operation.attributes["perm"]),
    "Unsqueeze": _unsqueeze,
}
