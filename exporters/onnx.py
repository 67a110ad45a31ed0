"""The master: a checkpoint's deployed graph as one ONNX file, from which every other variant is rendered."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from exporters.needs import export_extra
from sdk.errors import ExportError

if TYPE_CHECKING:
    from distiller.networks import CountingNetwork

OPSET = 20  # the highest that TensorRT 10.3 of JetPack 6 reads
IR_VERSION = 9  # the one of opset 20, so that all that read the opset read the file
PRODUCER = "skt-export"
MANIFEST_KEY = "skt.manifest"
INPUT, OUTPUTS = "image", ("density", "count")


def master_of(network: CountingNetwork) -> onnx.ModelProto:
    """The network as ONNX: batch, height and width dynamic, no local path inside, the same each time."""
    _refuse_whole_views(network)
    model = _cleaned(_exported(network))
    _name_sides(model)
    check(model)
    return model


def with_manifest(model: onnx.ModelProto, manifest: bytes) -> bytes:
    """The file: the model with the manifest's JSON in its metadata; the same model and manifest, the same bytes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.metadata_props[:]
    onnx.helper.set_model_props(copy, {MANIFEST_KEY: manifest.decode()})
    return bytes(copy.SerializeToString(deterministic=True))


def embedded_manifest(model: onnx.ModelProto) -> bytes:
    """The manifest's JSON in the model's metadata, empty when there is none."""
    return next((prop.value.encode() for prop in model.metadata_props if prop.key == MANIFEST_KEY), b"")


def read_master(data: bytes, where: str) -> onnx.ModelProto:
    """The model in a file's bytes, without what is embedded in it; refuses what does not fit the contract."""
    model = load_model(data, where)
    del model.metadata_props[:]
    check(model)
    return model


def load_model(data: bytes, where: str) -> onnx.ModelProto:
    """The model in a file's bytes, as it is."""
    try:
        return onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ExportError(f"{where} is not an ONNX model: {error}") from error


def check(model: onnx.ModelProto) -> None:
    """Refuse a graph of another opset, one that ONNX does not allow, or with other inputs and outputs than ours."""
    opsets = [(opset.domain, opset.version) for opset in model.opset_import]
    if opsets != [("", OPSET)]:
        told = " and ".join(f"{domain or 'ONNX'} {version}" for domain, version in opsets)
        raise ExportError(f"the ONNX graph has opset {told}, expected ONNX {OPSET}", hint="export the model again")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"the ONNX graph is not valid: {' '.join(str(error).split())}") from error
    names = [put.name for put in (*model.graph.input, *model.graph.output)]
    if names != [INPUT, *OUTPUTS]:
        raise ExportError(f"the ONNX graph has inputs and outputs {names}, expected {[INPUT, *OUTPUTS]}")


def _refuse_whole_views(network: CountingNetwork) -> None:
    """Refuse a layer through which a cell sees the whole photo, so that tiles and padding would change the count."""
    with export_extra():
        from torch.nn import InstanceNorm2d

    for name, module in network.named_modules():
        if isinstance(module, InstanceNorm2d):
            reason = "so each cell depends on the whole photo: tiles would not add up to it, and padding would count"
            hint = "train it with batch_norm=true, which is folded; as a teacher it serves as it is"
            raise ExportError(f"layer {name} normalises by instance, {reason}", hint=hint)


def _exported(network: CountingNetwork) -> onnx.ModelProto:
    """What torch makes of the deployed graph. The example has two photos: of one, torch would fix the batch at 1."""
    with export_extra():
        import torch

        from exporters.deploy import DeployedGraph

    m = network.multiple
    example = torch.zeros(2, 4 * m, 6 * m, 3, dtype=torch.uint8)
    rows, columns, batch = (torch.export.Dim(name, min=1, max=4096) for name in ("rows", "columns", "n"))
    with _quiet(), export_extra(), _refusals(torch.onnx.errors.OnnxExporterError):
        program = torch.onnx.export(
            DeployedGraph(network).eval(),
            args=(example,),
            kwargs=None,
            f=None,
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            dynamic_shapes={INPUT: {0: batch, 1: m * rows, 2: m * columns}},
            external_data=False,
            export_params=True,
            keep_initializers_as_inputs=False,
            optimize=True,
            report=False,
            verify=False,
            profile=False,
            dump_exported_program=False,
        )
    assert program is not None  # which torch answers to the old exporter alone
    return program.model_proto


@contextlib.contextmanager
def _refusals(kind: type[Exception]) -> Iterator[None]:
    """Tell in one line which part of a network cannot become ONNX."""
    try:
        yield
    except kind as error:
        cause = error.__cause__ or error
        told = " ".join(str(cause).split())[:300]
        hint = "use layers whose work does not depend on pixel values"
        raise ExportError(f"the network cannot become ONNX: {type(cause).__name__}: {told}", hint=hint) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's warnings about its own parts and its printed progress from the user."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def _cleaned(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of the graph alone: no metadata, which tells of local paths, and names that say what made a value."""
    graph = onnx.GraphProto(name="counting")
    graph.input.extend(_bare(put) for put in model.graph.input)
    graph.output.extend(_bare(put) for put in model.graph.output)
    names = _names(model.graph)
    for node in model.graph.node:
        made = [names.get(name, name) for name in node.output]
        taken = [names.get(name, name) for name in node.input]
        clean = onnx.NodeProto(name=made[0], op_type=node.op_type, domain=node.domain, input=taken, output=made)
        clean.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
        graph.node.append(clean)
    for tensor in model.graph.initializer:
        clean_tensor = onnx.TensorProto()
        clean_tensor.CopyFrom(tensor)
        clean_tensor.name = names[tensor.name]
        clean_tensor.ClearField("doc_string")
        del clean_tensor.metadata_props[:]
        graph.initializer.append(clean_tensor)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    return onnx.helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets, producer_name=PRODUCER)


def _names(graph: onnx.GraphProto) -> dict[str, str]:
    """New names for what lies between the inputs and the outputs; weights keep the network's names."""
    names = {tensor.name: tensor.name.removeprefix("network.") for tensor in graph.initializer}
    constants = [name for name in names if name.startswith("val_")]  # numbered by the exporter's passes
    names |= {name: f"constant_{index}" for index, name in enumerate(constants)}
    fixed = {put.name for put in graph.output}
    for index, node in enumerate(graph.node):
        names |= {name: f"{node.op_type.lower()}_{index}" for name in node.output if name not in fixed}
    return names


def _bare(put: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    return onnx.ValueInfoProto(name=put.name, type=put.type)


def _name_sides(model: onnx.ModelProto) -> None:
    """Name the dynamic sides as the manifest does: n, h and w, and the density's after them."""
    named = {INPUT: ("n", "h", "w"), OUTPUTS[0]: ("n", "h/stride", "w/stride"), OUTPUTS[1]: ("n",)}
    for put in (*model.graph.input, *model.graph.output):
        for side, name in zip(put.type.tensor_type.shape.dim, named[put.name], strict=False):
            side.dim_param = name
