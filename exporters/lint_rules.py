"""Rules for every ONNX file of a package, and for what TensorRT takes: opset, operators, types, names, places."""

from __future__ import annotations

import re
from collections.abc import Iterator

import onnx
from onnx import TensorProto

from exporters.lint_finding import Finding
from exporters.lint_graph import FLOATS, GraphView, place, type_name
from exporters.onnx import INPUT, OPSET, OUTPUTS

Findings = Iterator[Finding]

# What networks of ours are made of, and TensorRT 10.3's parser has. Each was parsed and built by NVIDIA's parser and
# builder in a test; add one here when a network needs it and that test passes with it.
OPERATORS = frozenset(
    {
        "Add",
        "AveragePool",
        "Cast",
        "Concat",
        "Conv",
        "DequantizeLinear",
        "Div",
        "MaxPool",
        "Mul",
        "QuantizeLinear",
        "ReduceSum",
        "Relu",
        "Resize",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    }
)
CONTRACT = {INPUT: (TensorProto.UINT8, 4), OUTPUTS[0]: (TensorProto.FLOAT, 3), OUTPUTS[1]: (TensorProto.FLOAT, 1)}
RENDER = "render the source again with skt-export"

# An absolute path of two parts or more, on Unix or Windows, but not the tail of a URL or of a word such as h/stride.
_PATH = re.compile(r"(?<![\w.:/])/(?:[\w.+-]+/)+[\w.+-]+|\b[A-Za-z]:\\+\w+")


def opset(graph: GraphView) -> Findings:
    """L101, L102: TensorRT 10.3 reads ONNX's own operators up to opset 20."""
    if not 0 < graph.opset <= OPSET:
        yield Finding("L101", f"opset {graph.opset}, expected 1 to {OPSET}", "the model", f"export with opset {OPSET}")
    for other in sorted({node.domain for node in graph.nodes} - {"", "ai.onnx"}):
        yield Finding("L102", f"operators of domain {other!r}, expected ONNX's own", "the model", RENDER)


def operators(graph: GraphView) -> Findings:
    """L103: only operators that were tried."""
    for node in graph.nodes:
        if node.op_type not in OPERATORS:
            fix = f"use layers that become {', '.join(sorted(OPERATORS))}"
            yield Finding(
                "L103", f"operator {node.op_type} is not in the list of those that were tried", place(node), fix
            )


def validity(graph: GraphView) -> Findings:
    """L104: what ONNX itself says."""
    try:
        onnx.checker.check_model(graph.model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        yield Finding("L104", f"not valid ONNX: {' '.join(str(error).split())[:300]}", "the model", RENDER)


def contract(graph: GraphView) -> Findings:
    """L105, L106: bytes (n, h, w, 3) in; density (n, h, w) and count (n,) in fp32 out."""
    puts = (*graph.model.graph.input, *graph.model.graph.output)
    names = [put.name for put in puts]
    if names != list(CONTRACT):
        yield Finding("L105", f"inputs and outputs are {names}, expected {list(CONTRACT)}", "the model", RENDER)
        return
    for put in puts:
        kind, rank = put.type.tensor_type.elem_type, len(put.type.tensor_type.shape.dim)
        if (kind, rank) != CONTRACT[put.name]:
            expected, sides = CONTRACT[put.name]
            what = f"{type_name(kind)} with {rank} sides, expected {type_name(expected)} with {sides}"
            yield Finding("L106", what, put.name, RENDER)


def outside_data(graph: GraphView) -> Findings:
    """L107: weights in the file itself."""
    for tensor in graph.model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            yield Finding("L107", "its data are in another file", tensor.name, "save the model as one file")


def local_paths(graph: GraphView) -> Findings:
    """L108: nothing of the machine that exported."""
    for where, text in _texts(graph.model):
        if found := _PATH.search(text):
            yield Finding(
                "L108", f"holds the path {found.group()!r}", where, "remove notes and metadata from the model"
            )


def bytes_are_cast(graph: GraphView) -> Findings:
    """L110: TensorRT casts a byte input and does nothing else with it."""
    for node in graph.users(INPUT):
        if graph.types.get(INPUT) == TensorProto.UINT8 and node.op_type != "Cast":
            yield Finding("L110", "takes the photo's bytes, which TensorRT can only cast", place(node), RENDER)


def known_types(graph: GraphView) -> Findings:
    """L111: no type that TensorRT lacks."""
    lacking = {TensorProto.DOUBLE, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64, TensorProto.INT16}
    for name, kind in sorted(graph.types.items()):
        if kind in lacking:
            yield Finding(
                "L111", f"is {type_name(kind)}, which TensorRT has no arithmetic for", name, "use FLOAT or INT64"
            )


def one_type_each(graph: GraphView) -> Findings:
    """L112: a strongly typed network never converts by itself, so inputs that must agree do."""
    for node in graph.nodes:
        for names in _alike(node, graph.opset):
            kinds = {name: graph.types[name] for name in names if name in graph.types}
            if len(set(kinds.values())) > 1:
                told = ", ".join(f"{name} {type_name(kind)}" for name, kind in kinds.items())
                yield Finding("L112", f"takes inputs of several types: {told}", place(node), "cast them to one type")


def summed_in_fp32(graph: GraphView) -> Findings:
    """L113: fp16 holds no odd number above 2,048, so people are summed in fp32."""
    for node in graph.of("ReduceSum"):
        kind = graph.types.get(node.input[0])
        if kind in FLOATS and kind != TensorProto.FLOAT:
            yield Finding(
                "L113", f"sums {type_name(kind)}, expected FLOAT", place(node), "cast the density to fp32 first"
            )


def _alike(node: onnx.NodeProto, version: int) -> list[list[str]]:
    """The inputs of a node that must be of one type, by ONNX's own word."""
    try:
        schema = onnx.defs.get_schema(node.op_type, max(version, 1), node.domain)
    except onnx.defs.SchemaError:  # an operator that the list of operators tells of
        return []
    groups: dict[str, list[str]] = {}
    for name, put in zip(node.input, schema.inputs, strict=False):
        if name:
            groups.setdefault(put.type_str, []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _texts(model: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    """Every free text of a model, and where it stands."""
    yield from (("the model", text) for text in (model.doc_string, model.producer_name, model.graph.doc_string))
    yield from ((f"metadata {prop.key}", prop.value) for prop in model.metadata_props)
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        yield part.name, part.doc_string
        yield part.name, part.name
        yield from ((part.name, prop.value) for prop in part.metadata_props)
