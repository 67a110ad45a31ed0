"""The networks beside their published sizes, and what their forward pass keeps to."""

from __future__ import annotations

import pytest
import torch

from distiller.networks import ARCHITECTURES, build, count_macs, count_parameters, fused
from sdk.errors import ConfigError
from tests.tolerances import DENSITY_ABSOLUTE, PUBLISHED_RELATIVE

# Parameters in millions and GMAC at 576x864 (Liu et al., ACM MM 2020): the paper's table rounds up to 205.9 and 13.1.
PUBLISHED = [("csrnet", 1, 16.26, 205.88), ("csrnet", 4, 1.02, 13.09), ("bl", 1, 21.50, 205.32), ("bl", 4, 1.35, 13.06)]
# The same recounted from the layers' definitions.
RECOUNTED = [
    ("csrnet", 2, 4.0675, 51.60),
    ("csrnet", 3, 1.8123, 22.99),
    ("csrnet", 5, 0.6475, 8.38),
    ("bl", 8, 0.337, 3.30),
]
NETWORKS = [(name, batch_norm) for name in ARCHITECTURES for batch_norm in (False, True)]


def photos(count: int = 2) -> torch.Tensor:
    return torch.randint(0, 256, (count, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def with_random_statistics(name: str, *, batch_norm: bool = True) -> torch.nn.Module:
    torch.manual_seed(3)
    network = build(name, 16, batch_norm=batch_norm).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.uniform_(module.bias, -1, 1)
    torch.nn.init.constant_(network.head[-1].bias, 0.5)
    return network


@pytest.mark.parametrize(("name", "n", "millions", "gmac"), PUBLISHED + RECOUNTED)
def test_size_is_as_published(name: str, n: int, millions: float, gmac: float) -> None:
    network = build(name, n)

    assert count_parameters(network) / 1e6 == pytest.approx(millions, rel=PUBLISHED_RELATIVE)
    assert count_macs(network, 576, 864) / 1e9 == pytest.approx(gmac, rel=PUBLISHED_RELATIVE)


def test_sanet_is_as_small_as_published() -> None:
    assert count_parameters(build("sanet")) / 1e6 == pytest.approx(0.91, rel=PUBLISHED_RELATIVE)


@pytest.mark.parametrize(
    "name", sorted(set(ARCHITECTURES) - {"sanet"})
)  # its normalisation by instance cannot be folded
def test_batch_normalisation_costs_nothing_once_fused(name: str) -> None:
    assert count_parameters(build(name, 8, batch_norm=True)) == count_parameters(build(name, 8))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_fused_network_answers_like_the_trained_one(name: str) -> None:
    network = with_random_statistics(name)
    merged = fused(network)

    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in merged.modules())
    with torch.no_grad():
        torch.testing.assert_close(merged(photos()), network(photos()), atol=DENSITY_ABSOLUTE, rtol=DENSITY_ABSOLUTE)


def test_fusing_leaves_the_trained_network_as_it_was() -> None:
    network = with_random_statistics("bl").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    fused(network)

    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize(("name", "batch_norm"), NETWORKS)
def test_density_has_a_cell_for_eight_pixels_and_is_never_negative(name: str, batch_norm: bool) -> None:
    network = with_random_statistics(name, batch_norm=batch_norm)
    torch.nn.init.uniform_(network.head[-1].weight, -3, 3)

    with torch.no_grad():
        density = network(photos())

    assert (density.shape, density.dtype) == ((2, 8, 12), torch.float32)
    assert density.min() >= 0


@pytest.mark.parametrize(("name", "batch_norm"), NETWORKS)
def test_a_batch_answers_like_its_photos_one_by_one(name: str, batch_norm: bool) -> None:
    network = with_random_statistics(name, batch_norm=batch_norm)

    with torch.no_grad():
        together, apart = network(photos()), torch.cat([network(photo[None]) for photo in photos()])

    torch.testing.assert_close(together, apart, atol=DENSITY_ABSOLUTE, rtol=DENSITY_ABSOLUTE)


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown architecture 'vgg' \(known: bl, csrnet, .*sanet\)"):
        build("vgg")


def test_a_width_divisor_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="setting n is 0, expected 1 to 512"):
        build("bl", 0)
