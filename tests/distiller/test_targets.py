"""Target maps keep every person, at any kernel and stride."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distiller.targets import Spread, density_map, deviations
from sdk.errors import ConfigError, InputError
from tests.tolerances import EXACT

SPREADS = st.builds(
    Spread,
    kind=st.sampled_from(["fixed", "adaptive"]),
    sigma=st.floats(0.2, 60),
    neighbours=st.integers(1, 5),
    smallest=st.floats(0.2, 10),
    largest=st.floats(10, 60),
)


@st.composite
def labelled_sizes(draw: st.DrawFn) -> tuple[torch.Tensor, tuple[int, int]]:
    """Points in a photo, many of them on its borders and some of them twice, and its height and width."""
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    inside = [
        st.floats(0, side, exclude_max=True, width=32) | st.just(0.0) | st.just(side - 0.001)
        for side in (width, height)
    ]
    points = draw(st.lists(st.tuples(*inside), max_size=12))
    return torch.tensor(points + points[:2], dtype=torch.float32).reshape(-1, 2), (height, width)


@given(labelled_sizes(), SPREADS, st.sampled_from([1, 2, 8, 16]))
def test_a_map_sums_to_the_number_of_points(
    labels: tuple[torch.Tensor, tuple[int, int]], spread: Spread, stride: int
) -> None:
    points, size = labels
    density = density_map(points, size, spread, stride=stride)

    assert density.shape == (math.ceil(size[0] / stride), math.ceil(size[1] / stride))
    assert density.min() >= 0
    assert density.double().sum().item() == pytest.approx(len(points), rel=EXACT, abs=EXACT)


@given(labelled_sizes(), SPREADS)
def test_a_coarse_map_is_the_block_sum_of_a_fine_one(
    labels: tuple[torch.Tensor, tuple[int, int]], spread: Spread
) -> None:
    points, (height, width) = labels
    fine = torch.zeros(-(-height // 8) * 8, -(-width // 8) * 8)
    fine[:height, :width] = density_map(points, (height, width), spread)
    blocks = fine.reshape(fine.shape[0] // 8, 8, fine.shape[1] // 8, 8).sum((1, 3))

    torch.testing.assert_close(density_map(points, (height, width), spread, stride=8), blocks, atol=EXACT, rtol=EXACT)


def test_a_map_is_a_gaussian_around_the_head() -> None:
    density = density_map(torch.tensor([[40.5, 30.5]]), (64, 80), Spread(sigma=5.0)).numpy()

    y, x = np.mgrid[:64, :80]
    gaussian = np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 50)
    assert (
        np.abs(density - gaussian / gaussian.sum()).max() < density.max() / 100
    )  # a pixel's mean, not its centre's value


def test_a_narrow_kernel_puts_a_head_into_its_own_cell() -> None:
    density = density_map(torch.tensor([[20.0, 4.0]]), (64, 64), Spread(sigma=0.1), stride=8)

    assert density[0, 2].item() == pytest.approx(1, rel=EXACT)


def test_adaptive_deviations_follow_the_three_nearest_heads() -> None:
    points = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0], [0.0, -30.0], [500.0, 500.0]])
    spread = Spread(kind="adaptive", factor=0.3, neighbours=3, smallest=1.0, largest=100.0)

    found = deviations(points, spread)

    assert found[0].item() == pytest.approx(0.3 * (10 + 20 + 30) / 3, rel=EXACT)
    assert found[4].item() == 100


def test_adaptive_deviations_are_the_same_however_many_points_are_compared_at_once() -> None:
    points = 500 * torch.rand(2100, 2, generator=torch.Generator().manual_seed(1))
    distances = (points[:, None] - points[None]).norm(dim=2).sort(1).values[:, 1:4].mean(1)

    torch.testing.assert_close(
        deviations(points, Spread(kind="adaptive", smallest=0.1)),
        (0.3 * distances).clamp(0.1, 15),
        atol=1e-4,
        rtol=1e-4,
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_heads_have_deviations_too(count: int) -> None:
    found = deviations(torch.arange(2.0 * count).reshape(count, 2), Spread(kind="adaptive"))

    assert found.shape == (count,)
    assert ((found >= 2) & (found <= 15)).all()


@pytest.mark.parametrize("point", [(-0.1, 5.0), (5.0, -1.0), (64.0, 5.0), (5.0, 48.0), (math.nan, 5.0)])
def test_a_point_outside_the_photo_is_refused(point: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"lies outside its photo of 64 x 48 pixels"):
        density_map(torch.tensor([(1.0, 1.0), point]), (48, 64), Spread())


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"points have shape \(4,\), expected \(n, 2\)"):
        density_map(torch.zeros(4), (48, 64), Spread())


def test_a_spread_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown target.kind 'gauss' \(known: adaptive, fixed\)"):
        Spread(kind="gauss")
    with pytest.raises(ConfigError, match=r"setting target\.sigma is 0, expected 0\.1 to 1000"):
        Spread(sigma=0)
    with pytest.raises(ConfigError, match=r"setting target\.largest is 1\.0, expected at least target\.smallest, 2\.0"):
        replace(Spread(), largest=1.0)
