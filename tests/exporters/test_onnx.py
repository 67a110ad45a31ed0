"""The master ONNX."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner

from distiller import checkpoint as store
from distiller.layers import ConvReLU, UpReLU
from distiller.networks import STRIDE, CountingNetwork
from exporters.build import Built, embedded_json
from exporters.commands import main
from exporters.onnx import (
    IR_VERSION,
    OPSET,
    check,
    embedded_manifest,
    load_model,
    master_of,
    read_master,
    with_manifest,
)
from exporters.source import open_source, torch_reference
from runtimes import Candidate, Variant, load
from sdk.errors import ExportError
from tests.students import student
from tests.tolerances import COUNT_RELATIVE, DENSITY_ABSOLUTE


def dims(put: onnx.ValueInfoProto) -> list[str | int]:
    return [side.dim_param or side.dim_value for side in put.type.tensor_type.shape.dim]


def test_the_contract_is_in_the_graph(master: onnx.ModelProto) -> None:
    image, density, count = master.graph.input[0], *master.graph.output

    assert (image.name, dims(image)) == ("image", ["n", "h", "w", 3])
    assert (density.name, dims(density)) == ("density", ["n", "h/stride", "w/stride"])
    assert (count.name, dims(count)) == ("count", ["n"])
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert {put.type.tensor_type.elem_type for put in (density, count)} == {onnx.TensorProto.FLOAT}


def test_opset_producer_and_format_are_stated(master: onnx.ModelProto) -> None:
    opsets = [(opset.domain, opset.version) for opset in master.opset_import]

    assert opsets == [("", OPSET)]
    assert (master.ir_version, master.producer_name) == (IR_VERSION, "skt-export")
    assert not any(tensor.data_location for tensor in master.graph.initializer)


def test_nothing_of_the_machine_is_inside(built: Built) -> None:
    data = built.files["variants/onnx-fp32/model.onnx"]

    for trace in (str(Path(__file__).parents[2]), "/home/", "distiller", ".py", "stack_trace", "pkg.torch"):
        assert trace.encode() not in data


def test_the_same_checkpoint_gives_the_same_bytes(student_checkpoint: Path, built: Built) -> None:
    with open_source(student_checkpoint) as again:
        data = with_manifest(again.master, embedded_json(built.manifest))

    assert data == built.files["variants/onnx-fp32/model.onnx"]


def test_names_are_unique_and_tell_what_made_a_value(master: onnx.ModelProto) -> None:
    names = [name for node in master.graph.node for name in node.output]

    assert len(set(names)) == len(names)
    assert all(name == node.name for node, name in zip(master.graph.node, names, strict=True))
    assert "frontend.0.conv.weight" in {tensor.name for tensor in master.graph.initializer}


def test_the_manifest_travels_in_the_metadata(master: onnx.ModelProto, built: Built) -> None:
    inside = json.loads(embedded_manifest(master))

    assert inside["receptive_halo"] == built.manifest.receptive_halo
    assert "variants" not in inside


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 64, 208), (3, 112, 48), (5, 32, 32)])
def test_any_size_and_batch_answers_like_torch(built: Built, shape: tuple[int, int, int]) -> None:
    batch = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    files = {"model.onnx": built.files["variants/onnx-fp32/model.onnx"]}

    expected = torch_reference(student())(batch)
    with load(Candidate(Variant("onnx-fp32", "onnx", "fp32"), "onnxruntime", "cpu", "fp32"), files) as backend:
        answer = backend.run(batch)

    assert answer.density.shape == expected.density.shape
    assert answer.density == pytest.approx(expected.density, abs=DENSITY_ABSOLUTE)
    assert answer.count == pytest.approx(expected.count, rel=COUNT_RELATIVE)


def test_another_contract_is_refused(master: onnx.ModelProto) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(master)
    del other.graph.output[1]

    with pytest.raises(ExportError, match=r"inputs and outputs \['image', 'density'\], expected"):
        check(other)


@pytest.mark.parametrize(("domain", "told"), [("", "ONNX 23"), ("com.example", "ONNX 20 and com.example 23")])
def test_another_opset_is_refused(master: onnx.ModelProto, domain: str, told: str) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(master)
    if not domain:
        del other.opset_import[:]
    other.opset_import.append(onnx.helper.make_opsetid(domain, 23))

    with pytest.raises(ExportError, match=f"the ONNX graph has opset {told}, expected ONNX 20"):
        check(other)


def test_an_invalid_graph_is_refused(master: onnx.ModelProto) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(master)
    other.graph.node[3].input[0] = "nowhere"

    with pytest.raises(ExportError, match="the ONNX graph is not valid"):
        check(other)


def test_bytes_of_another_kind_are_refused() -> None:
    with pytest.raises(ExportError, match="x is not an ONNX model"):
        load_model(b"\x0f\xff", "x")


def test_reading_a_master_takes_its_manifest_off(built: Built) -> None:
    model = read_master(built.files["variants/onnx-fp32/model.onnx"], "x")

    assert embedded_manifest(model) == b""


def test_a_network_that_looks_at_values_cannot_be_exported() -> None:
    class Fickle(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    network = student("csrnet")
    network.head.append(Fickle())

    with pytest.raises(ExportError, match="the network cannot become ONNX"):
        master_of(network)


@pytest.mark.parametrize("package", ["torch", "onnx", "onnxscript"])
def test_a_missing_package_is_told_with_the_line_that_installs_it(student_checkpoint: Path, package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from exporters.commands import main; main()"
    command = [sys.executable, "-c", code, "-m", str(student_checkpoint), "-o", "never.skt"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"error: exporting needs the package {package}, which is not installed (pip install 'skt-edge[export]')"
    )


def test_cells_that_sum_up_places_answer_like_torch() -> None:
    """As SANet's do, whose decoder ends at the photo's size."""
    head = torch.nn.Sequential(UpReLU(2, 2), torch.nn.Conv2d(2, 1, 1))
    frontend = torch.nn.Sequential(ConvReLU(3, 2), torch.nn.MaxPool2d(2, 2))
    network = CountingNetwork(frontend, head, multiple=8, taps=()).eval()
    network.block = STRIDE
    torch.nn.init.constant_(head[-1].bias, 0.5)
    batch = np.random.default_rng(1).integers(0, 256, (1, 32, 48, 3), dtype=np.uint8)

    expected = torch_reference(network)(batch)
    files = {"model.onnx": with_manifest(master_of(network), b"{}")}
    with load(Candidate(Variant("onnx-fp32", "onnx", "fp32"), "onnxruntime", "cpu", "fp32"), files) as backend:
        answer = backend.run(batch)

    assert answer.density.shape == (1, 4, 6)
    assert answer.density == pytest.approx(expected.density, rel=COUNT_RELATIVE, abs=DENSITY_ABSOLUTE)


def test_a_network_that_normalises_by_instance_cannot_be_exported(tmp_path: Path) -> None:
    """Of the padding to whole multiples, too, it would see the pixels."""
    network = student("sanet", batch_norm=False)
    tensors = {f"model.{name}": value for name, value in network.state_dict().items()}
    about = {"name": "sanet", "n": 16, "batch_norm": False}
    store.save(tmp_path / "sanet", store.Checkpoint(tensors, {"architecture": about}))

    result = CliRunner().invoke(main, ["--model", str(tmp_path / "sanet"), "-o", str(tmp_path / "out.skt")])

    assert (result.exit_code, len(result.stderr.splitlines()[1:])) == (6, 1)
    assert "layer frontend.0.branches.0.norm normalises by instance, so each cell depends on the whole" in result.stderr
    assert not (tmp_path / "out.skt").exists()
