"""The receptive halo, beside what really changes when one pixel does."""

from __future__ import annotations

import onnx
import pytest
import torch
from onnx import helper

from distiller.networks import STRIDE, CountingNetwork, convolutions, fused
from exporters.onnx import master_of
from exporters.receptive import receptive_halo
from sdk.errors import ExportError
from tests.students import student


def all_positive(network: CountingNetwork) -> CountingNetwork:
    """Weights above zero, no biases, black as zero: nothing cancels, and in the dark only a lit pixel makes a cell."""
    network.normalise.mean.zero_()
    with torch.no_grad():
        for conv in convolutions(network):
            conv.weight.abs_().add_(0.01)
            conv.bias.zero_()
    return network


def reach_of_pixels(network: CountingNetwork, side: int) -> int:
    """Pixels between a lit pixel and the farthest cell that it changes, over all places within the multiple."""
    places, reach = range(side // 2, side // 2 + network.multiple), 0
    photos = torch.zeros(len(places), network.multiple, side, 3, dtype=torch.uint8)
    for index, place in enumerate(places):
        photos[index, 0, place] = 255
    with torch.inference_mode():
        density = network(photos)
    for place, cells in zip(places, density.sum(1), strict=True):
        lit = cells.nonzero().flatten()
        first, last = int(lit[0]), int(lit[-1])
        assert 0 < first <= last < len(cells) - 1
        reach = max(reach, place - (first * STRIDE + STRIDE - 1), last * STRIDE - place)
    return reach


@pytest.mark.parametrize(("architecture", "multiple"), [("bl", 16), ("csrnet", 8), ("sanet", 8)])
def test_the_halo_is_what_a_changed_pixel_reaches(architecture: str, multiple: int) -> None:
    batch_norm = architecture == "sanet"  # which without it normalises by instance
    network = all_positive(fused(student(architecture, batch_norm=batch_norm)))

    halo = receptive_halo(master_of(network), stride=STRIDE, multiple=multiple)

    reach = reach_of_pixels(network, 512)
    assert halo % multiple == 0
    assert halo - multiple < reach <= halo


def graph_of(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph(list(nodes), "few", [], []))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (helper.make_node("Conv", ["image"], ["density"], kernel_shape=[7, 3], pads=[3, 1, 3, 1]), 3),
        (helper.make_node("Conv", ["image"], ["density"], kernel_shape=[3, 3], dilations=[2, 4], pads=[2, 4, 2, 4]), 4),
        (helper.make_node("MaxPool", ["image"], ["density"], kernel_shape=[2, 2]), 1),
        (helper.make_node("ConvTranspose", ["image"], ["density"], kernel_shape=[5, 3], pads=[2, 1, 2, 1]), 2),
        (helper.make_node("Relu", ["image"], ["density"]), 0),
    ],
)
def test_one_layer_reaches_as_far_as_its_kernel(node: onnx.NodeProto, expected: int) -> None:
    assert receptive_halo(graph_of(node), stride=1, multiple=1) == expected


def test_paths_that_join_reach_as_far_as_the_longest() -> None:
    wide = helper.make_node("Conv", ["image"], ["wide"], kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    join = helper.make_node("Add", ["image", "wide"], ["density"])

    assert receptive_halo(graph_of(wide, join), stride=1, multiple=1) == 2


@pytest.mark.parametrize(("kernel", "padding"), [(2, 0), (3, 1), (4, 1), (5, 0)])
def test_a_transposed_convolution_doubles_and_a_pool_halves_again(kernel: int, padding: int) -> None:
    shape, pads = [kernel, kernel], [padding] * 4
    node = helper.make_node("ConvTranspose", ["image"], ["large"], kernel_shape=shape, strides=[2, 2], pads=pads)
    pool = helper.make_node("AveragePool", ["large"], ["density"], kernel_shape=[2, 2], strides=[2, 2])
    line = torch.eye(32)[:, None]  # a lit place each
    made = torch.nn.functional.conv_transpose1d(line, torch.ones(1, 1, kernel), stride=2, padding=padding)[:, 0, :64]
    lit = torch.nn.functional.avg_pool1d(made, 2)[:, 16].nonzero().flatten()  # the places that make cell 16

    assert receptive_halo(graph_of(node, pool), stride=1, multiple=1) == max(16 - lit.min(), lit.max() - 16)


def test_an_operator_that_sees_everything_is_refused() -> None:
    node = helper.make_node("GlobalAveragePool", ["image"], ["density"], name="all")

    with pytest.raises(ExportError, match=r"cannot compute the receptive field through GlobalAveragePool \(all\)"):
        receptive_halo(graph_of(node), stride=1, multiple=1)


def test_padding_that_depends_on_the_size_is_refused() -> None:
    node = helper.make_node("Conv", ["image"], ["density"], kernel_shape=[3, 3], auto_pad="SAME_UPPER", name="c")

    with pytest.raises(ExportError, match="Conv c pads by auto_pad, expected stated pads"):
        receptive_halo(graph_of(node), stride=1, multiple=1)


def test_a_resize_of_another_kind_is_refused() -> None:
    node = helper.make_node("Resize", ["image", "", "scales"], ["density"], mode="cubic", name="r")

    with pytest.raises(ExportError, match=r"Resize r is .*cubic.*, expected linear, half_pixel, by constant scales"):
        receptive_halo(graph_of(node), stride=1, multiple=1)
