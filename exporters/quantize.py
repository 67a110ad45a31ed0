"""INT8 variants: the master with explicit quantisation, rendered for a kind of engine from one calibration table.

    cpu        u8 activations, each with a zero point of its own: what ONNX Runtime and OpenVINO have kernels for
    tensorrt   s8 symmetric activations before each convolution, fp16 between, biases in fp16, no zero point but 0

Weights are s8, symmetric, with a scale for each output channel. The stem that normalises pixels, the last convolution,
the sum of people and what the table says stay in float.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from exporters.calibration_table import CalibrationTable
from exporters.half import LARGEST, half_trunk, trunk
from exporters.onnx import OPSET, PRODUCER, check
from sdk.errors import CalibrationError, ExportError

TARGETS = ("cpu", "tensorrt")


@dataclass(frozen=True)
class Scheme:
    """What is quantised, and how. The defaults are what packages are made with, and the table's corrections."""

    per_channel: bool = True  # a scale for each output channel of a weight, or one for all
    symmetric: bool = False  # s8 activations without zero points; for tensorrt always
    first_in_float: bool = False  # leave the first convolution as it is
    last_in_float: bool = True  # leave the density head's last convolution as it is
    float_edges: bool = True  # do not round what a resize or a float convolution takes
    bias_correction: bool = False  # add the table's corrections to the biases
    floats: tuple[str, ...] = ()  # the names of further convolutions to leave as they are


def int8_model(
    master: onnx.ModelProto, table: CalibrationTable, target: str, scheme: Scheme | None = None
) -> onnx.ModelProto:
    """The master with QuantizeLinear and DequantizeLinear where the scheme says; the same inputs, the same bytes."""
    scheme = scheme or default_scheme(table, target)
    if target not in TARGETS:
        raise ExportError(f"unknown INT8 target {target!r}", hint=f"known: {', '.join(TARGETS)}")
    table.check_master(master)
    excluded = excluded_convolutions(master, scheme)
    base = _corrected(master, table, target, excluded) if scheme.bias_correction else master
    ranges = _ranges(base, table)
    if target == "tensorrt":
        _check_half(ranges)
        base = half_trunk(base)
        ranges |= {f"{name}/half": ends for name, ends in ranges.items()}
    symmetric = scheme.symmetric or target == "tensorrt"
    made = _quantised(base, ranges, excluded, replace(scheme, symmetric=symmetric))
    check(made)
    return made


def default_scheme(table: CalibrationTable, target: str) -> Scheme:
    """How packages are made: with the table's corrections for a target, and its layers in float."""
    return Scheme(bias_correction=target in table.corrections, floats=table.floats.get(target, ()))


def excluded_convolutions(master: onnx.ModelProto, scheme: Scheme) -> list[str]:
    """The names of the convolutions that stay in float."""
    first, last = trunk(master)
    nodes = master.graph.node
    names = [node.name for node in nodes if node.op_type == "Conv"]
    if unknown := sorted(set(scheme.floats) - set(names)):
        raise CalibrationError(f"the model has no convolution {unknown[0]} to leave in float", hint="calibrate again")
    named = [nodes[first].name] * scheme.first_in_float + [nodes[last].name] * scheme.last_in_float
    excluded = [*named, *(name for name in scheme.floats if name not in named)]
    if set(excluded) == set(names):
        raise ExportError("the scheme leaves no convolution to quantise", hint="quantise the first or the last one")
    return excluded


def with_added_biases(master: onnx.ModelProto, shifts: dict[str, tuple[float, ...]]) -> onnx.ModelProto:
    """A copy of the master with these numbers added to its biases, by the biases' names."""
    copy = onnx.ModelProto()
    copy.CopyFrom(master)
    biases = {tensor.name: tensor for tensor in copy.graph.initializer}
    for name, shift in shifts.items():
        if name not in biases or list(biases[name].dims) != [len(shift)]:
            raise CalibrationError(f"the model has no bias {name} of {len(shift)} channels to correct")
        moved = numpy_helper.to_array(biases[name]) + np.array(shift, np.float32)
        biases[name].CopyFrom(numpy_helper.from_array(moved.astype(np.float32), name))
    return copy


def _corrected(
    master: onnx.ModelProto, table: CalibrationTable, target: str, excluded: Sequence[str]
) -> onnx.ModelProto:
    """The master with the table's corrections of what is quantised, and the last convolution scaled."""
    if target not in table.corrections:
        message = f"the calibration table holds no bias correction for {target}"
        raise CalibrationError(message, hint="calibrate without --no-bias-correction")
    exact = {node.input[2] for node in master.graph.node if node.name in excluded and len(node.input) == 3}
    shifts = {bias: shift for bias, shift in table.corrections[target].items() if bias not in exact}
    return _with_scaled_head(with_added_biases(master, shifts), table.scales.get(target, 1.0))


def _with_scaled_head(model: onnx.ModelProto, scale: float) -> onnx.ModelProto:
    """The model, changed: weight and bias of its last convolution times a number."""
    head = model.graph.node[trunk(model)[1]]
    for tensor in model.graph.initializer:
        if tensor.name in head.input[1:]:
            scaled = numpy_helper.to_array(tensor) * np.float32(scale)
            tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))
    return model


def _ranges(master: onnx.ModelProto, table: CalibrationTable) -> dict[str, tuple[float, float]]:
    """The table's ranges, and that of a Relu for the convolution before it too: an engine fuses the two."""
    ranges = dict(table.ranges)
    for node in master.graph.node:
        if node.op_type == "Relu" and node.output[0] in ranges:
            ranges.setdefault(node.input[0], ranges[node.output[0]])
    for node in master.graph.node:
        for name in (node.input[0], node.output[0]) if node.op_type == "Conv" else ():
            if name not in ranges:
                raise CalibrationError(f"the calibration table has no range of {name}", hint="calibrate again")
    return ranges


def _check_half(ranges: dict[str, tuple[float, float]]) -> None:
    for name, (low, high) in ranges.items():
        if max(-low, high) > LARGEST:
            raise CalibrationError(f"{name} reaches {max(-low, high):g}, and fp16 ends at {LARGEST:g}")


def _quantised(
    base: onnx.ModelProto,
    ranges: dict[str, tuple[float, float]],
    excluded: list[str],
    scheme: Scheme,
) -> onnx.ModelProto:
    """ONNX Runtime's placement of quantisation; symmetric activations go to the convolutions' inputs alone."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    symmetric = scheme.symmetric
    edges = _edges(base, excluded) if scheme.float_edges and not symmetric else {}
    copy = onnx.ModelProto()
    copy.CopyFrom(base)
    with _quiet():
        quantizer = QDQQuantizer(
            model=copy,
            per_channel=scheme.per_channel,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            tensors_range=_tensors_data(base, ranges),
            nodes_to_quantize=[],
            nodes_to_exclude=[*excluded, *edges.values()],
            op_types_to_quantize=["Conv"] if symmetric else ["Conv", "Relu", "MaxPool", "Resize"],
            extra_options={
                "ActivationSymmetric": symmetric,
                "WeightSymmetric": True,
                "QuantizeBias": not symmetric,
                "OpTypesToExcludeOutputQuantization": ["Conv"] if symmetric else [],
                "DedicatedQDQPair": symmetric,
            },
        )
        quantizer.quantize_model()
    made = _tidied(quantizer.model)
    for tensor in edges:
        _unround(made, tensor)
    return made


def _edges(base: onnx.ModelProto, excluded: list[str]) -> dict[str, str]:
    """Outputs of convolutions that a resize or a float convolution takes, after a Relu or not, and the Relu or resize.

    Eight bits of what the head takes would round the many small densities to nothing; a resize would round twice.
    """
    makers = {node.output[0]: node for node in base.graph.node}
    taken = Counter(name for node in base.graph.node for name in node.input)
    edges = {}
    for node in base.graph.node:
        maker = makers.get(node.input[0])
        takes_float = node.op_type == "Resize" or node.name in excluded
        if maker is None or not takes_float or taken[node.input[0]] > 1:
            continue
        if maker.op_type == "Relu" and makers[maker.input[0]].op_type == "Conv":
            edges[maker.input[0]] = maker.name
    return edges


def _unround(model: onnx.ModelProto, tensor: str) -> None:
    """Take away the quantisation of one tensor: who took it rounded takes it as it is."""
    graph = model.graph
    ends = [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == tensor]
    ends += [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in _outputs(ends)]
    rounded = _outputs(ends)
    for node in graph.node:
        if node not in ends:
            node.input[:] = [tensor if name in rounded else name for name in node.input]
    for node in ends:
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for unused in [constant for constant in graph.initializer if constant.name not in used]:
        graph.initializer.remove(unused)


def _outputs(nodes: list[onnx.NodeProto]) -> set[str]:
    return {name for node in nodes for name in node.output}


def _tensors_data(base: onnx.ModelProto, ranges: dict[str, tuple[float, float]]) -> Any:
    """The ranges as ONNX Runtime takes them; the type of a range becomes that of its scale."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

    halves = {
        info.name
        for info in onnx.shape_inference.infer_shapes(base).graph.value_info
        if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    }
    kinds = {name: np.float16 if name in halves else np.float32 for name in ranges}
    pairs = {name: tuple(np.array(end, kinds[name]) for end in ends) for name, ends in ranges.items()}
    return TensorsData(CalibrationMethod.MinMax, pairs)


def _tidied(model: Any) -> onnx.ModelProto:
    """Nodes in an order that can be run, and nothing of the tool that placed them."""
    model.topological_sort()
    made: onnx.ModelProto = model.model
    made.producer_name, made.producer_version = PRODUCER, ""
    del made.graph.value_info[:], made.metadata_props[:]
    for opset in [opset for opset in made.opset_import if opset.domain]:
        made.opset_import.remove(opset)
    assert made.opset_import[0].version == OPSET
    return made


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep advice to pre-process the model, which is pre-processed, from the user."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
