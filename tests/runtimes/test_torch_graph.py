"""The master in torch, operation by operation, beside ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtimes import Backend, Candidate, Variant, load
from runtimes.errors import ArtifactError, BackendError
from runtimes.onnx_graph import read_graph
from tests.models import tiny_onnx

pytest.importorskip("torch", reason="not run: torch is not installed")

VARIANT = Variant("onnx-fp32", "onnx", "fp32", opset=20)
PHOTOS = np.random.default_rng(3).integers(0, 256, (2, 48, 64, 3), np.uint8)


def opened(model: bytes, engine: str = "torch", precision: str = "fp32", device: str = "cpu") -> Backend:
    return load(Candidate(VARIANT, engine, device, precision), {"model.onnx": model})


@pytest.fixture(scope="module", params=["googlenet/16", "csrnet/32", "bl/32"])
def master(request: pytest.FixtureRequest) -> bytes:
    from exporters.onnx import master_of, with_manifest
    from exporters.untrained import network_of

    return with_manifest(master_of(network_of(request.param)), b"{}")


def test_a_network_of_ours_answers_as_in_onnx_runtime(master: bytes) -> None:
    with opened(master) as ours, opened(master, "onnxruntime") as theirs:
        found, expected = ours.run(PHOTOS), theirs.run(PHOTOS)

    np.testing.assert_allclose(found.density, expected.density, atol=1e-4)
    np.testing.assert_allclose(found.count, expected.count, rtol=1e-5)


def test_bf16_is_near_and_its_sum_is_in_fp32(master: bytes) -> None:
    with opened(master, precision="bf16") as ours, opened(master, "onnxruntime") as theirs:
        found, expected = ours.run(PHOTOS), theirs.run(PHOTOS)

    np.testing.assert_allclose(found.count, expected.count, rtol=0.05)
    assert found.count == pytest.approx(found.density.sum(axis=(1, 2)), rel=1e-5)


def test_a_graph_is_read_as_the_onnx_package_reads_it(master: bytes) -> None:
    model, graph = onnx.load_from_string(master), read_graph(master)

    assert [one.kind for one in graph.operations] == [node.op_type for node in model.graph.node]
    for tensor in model.graph.initializer:
        np.testing.assert_array_equal(graph.weights[tensor.name], numpy_helper.to_array(tensor))
    for node, one in zip(model.graph.node, graph.operations, strict=True):
        told = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        plain = {name: value.decode() if isinstance(value, bytes) else value for name, value in told.items()}
        assert (
            one.attributes == pytest.approx(plain) if all(map(is_number, plain.values())) else one.attributes == plain
        )


def is_number(value: object) -> bool:
    return isinstance(value, (int, float))


def changed(**changes: object) -> bytes:
    """The tiny model with its pooling replaced by another operation."""
    model = onnx.load_from_string(tiny_onnx())
    node = next(node for node in model.graph.node if node.op_type == "AveragePool")
    for name, value in changes.items():
        if name == "op_type":
            node.op_type = str(value)
            del node.attribute[:]
        else:
            node.attribute.append(helper.make_attribute(name, value))
    return model.SerializeToString()


def padded_convolution() -> bytes:
    """One convolution over pixels that is padded on two sides only."""
    weight = numpy_helper.from_array(np.full((1, 3, 2, 2), 1e-3, np.float32), "weight")
    axes = [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in {"channel": [1], "sides": [1, 2]}.items()]
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weight"], ["raw"], pads=[0, 0, 1, 1], kernel_shape=[2, 2]),
        helper.make_node("MaxPool", ["raw"], ["most"], pads=[0, 0, 1, 1], kernel_shape=[9, 9], strides=[8, 8]),
        helper.make_node("Squeeze", ["most", "channel"], ["density"]),
        helper.make_node("ReduceSum", ["density", "sides"], ["count"], keepdims=0),
    ]
    put = helper.make_tensor_value_info
    image = put("image", TensorProto.UINT8, ["n", "h", "w", 3])
    answers = [put("density", TensorProto.FLOAT, ["n", "a", "b"]), put("count", TensorProto.FLOAT, ["n"])]
    graph = helper.make_graph(nodes, "padded", [image], answers, [weight, *axes])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def test_sides_that_are_padded_unequally_are_padded_so() -> None:
    with opened(padded_convolution()) as ours, opened(padded_convolution(), "onnxruntime") as theirs:
        np.testing.assert_allclose(ours.run(PHOTOS).density, theirs.run(PHOTOS).density, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (changed(op_type="Erf"), "torch has no translation of the ONNX operator Erf"),
    ],
)
def test_what_cannot_be_translated_is_refused_on_loading(model: bytes, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        opened(model)


def test_an_average_over_unequal_padding_is_refused() -> None:
    with opened(changed(pads=[0, 0, 1, 1])) as backend, pytest.raises(ArtifactError, match="equal padding on opposite"):
        backend.run(PHOTOS)


def test_what_is_no_onnx_file_is_refused() -> None:
    with pytest.raises(BackendError, match="torch cannot load variant onnx-fp32: it is no ONNX file"):
        opened(b"\x3a\x03\x0a\x05x")  # a graph whose first node is cut off


def test_a_gpu_that_is_not_there_is_told() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("not run: this machine has a GPU")
    with pytest.raises(BackendError, match="torch does not run on cuda:7"):
        opened(tiny_onnx(), device="cuda:7")


def test_a_resize_that_is_not_bilinear_is_refused(master: bytes) -> None:
    model = onnx.load_from_string(master)
    resizes = [node for node in model.graph.node if node.op_type == "Resize"]
    if not resizes:
        pytest.skip("not run: this network has no Resize")
    next(item for item in resizes[0].attribute if item.name == "mode").s = b"nearest"
    with (
        opened(model.SerializeToString()) as backend,
        pytest.raises(ArtifactError, match="only Resize by bilinear scales"),
    ):
        backend.run(PHOTOS)
