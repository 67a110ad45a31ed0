"""Weights of one network as the start of another: same answers, or the part that both have."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from distiller.convert import start_state
from distiller.googlenet import at_half_the_size, without_rim
from distiller.networks import Architecture, build
from sdk.errors import ConfigError

GOOGLENET = Architecture("googlenet", 8)


def counting() -> torch.nn.Module:
    """A network that answers more than nobody."""
    torch.manual_seed(3)
    network = build("googlenet", 8).eval()
    torch.nn.init.constant_(network.head[-1].bias, 0.5)  # type: ignore[arg-type]
    return network


@torch.no_grad()
def test_the_quick_one_starts_as_the_default_on_photos_of_half_the_size() -> None:
    source, quick = counting(), build("googlenet-quick", 8).eval()
    rng = np.random.default_rng(1)
    small = cv2.resize(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8), (96, 64), interpolation=cv2.INTER_CUBIC)
    large = cv2.resize(small, (192, 128), interpolation=cv2.INTER_NEAREST)

    quick.load_state_dict(start_state(source, GOOGLENET, replace(GOOGLENET, name="googlenet-quick")))  # type: ignore[arg-type]
    own, same = (network(torch.from_numpy(image)[None]) for network, image in ((quick, large), (source, small)))

    assert own.shape == (1, 16, 24)
    assert same.shape == (1, 8, 12)
    assert own.sum().item() == pytest.approx(same.sum().item(), rel=0.02)
    inner = torch.nn.functional.avg_pool2d(own, 2) * 4
    assert torch.corrcoef(torch.stack([inner.flatten(), same.flatten()]))[0, 1] > 0.9


@torch.no_grad()
def test_filters_for_means_of_pixels_answer_as_the_filters_for_the_pixels() -> None:
    weight, image = torch.randn(4, 3, 7, 7), torch.randn(1, 3, 64, 64)
    means = torch.nn.functional.avg_pool2d(image, 2)

    own = torch.nn.functional.conv2d(image, at_half_the_size(weight), stride=4, padding=6)

    torch.testing.assert_close(own, torch.nn.functional.conv2d(means, weight, stride=2, padding=3), atol=1e-4, rtol=0)


@torch.no_grad()
def test_what_a_rim_weighs_goes_to_the_weights_beside_it() -> None:
    weight = torch.arange(16.0).reshape(1, 1, 4, 4)

    assert without_rim(weight).tolist() == [[[[0 + 1 + 4 + 5, 2 + 3 + 6 + 7], [8 + 9 + 12 + 13, 10 + 11 + 14 + 15]]]]
    larger = torch.randn(4, 3, 14, 14)
    assert without_rim(larger).shape == (4, 3, 12, 12)
    torch.testing.assert_close(without_rim(larger).sum((2, 3)), larger.sum((2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(without_rim(larger)[:, :, 1:-1, 1:-1], larger[:, :, 2:-2, 2:-2])


def test_the_tiny_one_takes_the_front_end_that_both_have() -> None:
    source, tiny = build("googlenet-quick", 8), build("googlenet-tiny", 8)

    state = start_state(source, Architecture("googlenet-quick", 8), Architecture("googlenet-tiny", 8))
    missing, unknown = tiny.load_state_dict(state, strict=False)

    assert not unknown
    assert {name.partition(".")[0] for name in missing} == {"head"}
    assert torch.equal(tiny.frontend[0].conv.weight, source.frontend[0].conv.weight)  # type: ignore[union-attr,index]


@pytest.mark.parametrize("wanted", [Architecture("bl", 8), Architecture("googlenet-quick", 4)])
def test_other_pairs_are_refused(wanted: Architecture) -> None:
    with pytest.raises(ConfigError, match="the checkpoint to start from holds googlenet 1/8, the config asks for"):
        start_state(counting(), GOOGLENET, wanted)  # type: ignore[arg-type]
