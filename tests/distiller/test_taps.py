"""What a network says that others may learn from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from distiller.networks import ARCHITECTURES, build
from distiller.taps import run_tapped, tap_channels, tap_names
from sdk.errors import ConfigError


class Own(nn.Module):
    """A network of somebody's own."""

    taps = ("first", "second")

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 8, stride=8)
        self.second = nn.Conv2d(5, 7, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(image.permute(0, 3, 1, 2).float() / 255)).mean(1).relu()


def photos() -> torch.Tensor:
    return torch.randint(0, 256, (2, 32, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_has_six_taps_from_fine_to_coarse(name: str) -> None:
    network = build(name, 16)
    tapped = run_tapped(network, photos())

    heights = [one.shape[2] for one in tapped.maps]
    assert len(heights) == 6
    assert heights == sorted(heights, reverse=True)
    assert heights[-1] * network.spread == tapped.density.shape[1] == 4


@pytest.mark.parametrize("name", ["bl", "csrnet"])
def test_the_taps_of_both_vgg_networks_are_alike(name: str) -> None:
    tapped = run_tapped(build(name, 4), photos())

    assert [one.shape[1] for one in tapped.maps] == [16, 16, 32, 64, 128, 64]
    assert [32 // one.shape[2] for one in tapped.maps] == [1, 2, 4, 8, 8, 8]


def test_tapping_leaves_the_network_as_it_was() -> None:
    network = build("bl", 16).train()

    assert torch.equal(run_tapped(network, photos()).density, network(photos()))
    assert tap_channels(network, 16) == [4, 4, 8, 16, 32, 16]
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())


def test_any_module_that_names_its_taps_will_do() -> None:
    assert tap_channels(Own(), 8) == [5, 7]


def test_a_network_without_taps_or_with_wrong_ones_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"network Conv2d names no taps to learn from .give it an attribute"):
        tap_names(nn.Conv2d(1, 1, 1))
    own = Own()
    own.taps = ("first", "third")
    with pytest.raises(ConfigError, match="network Own has no part 'third', which it names as a tap"):
        tap_names(own)
