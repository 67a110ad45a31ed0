"""The losses: zero when ideal, a mean over items, right gradients, refused shapes; Bayesian beside its formulas."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from distiller.augment import Crop
from distiller.config import TrainConfig
from distiller.losses import bayesian_loss, density_mse
from distiller.objectives import OBJECTIVES, batch_loss
from sdk.errors import InputError
from tests.tolerances import EXACT, LITERAL_RELATIVE

STRIDE = 8


def literal_bayesian(density: np.ndarray, points: np.ndarray, sigma: float, margin: float) -> float:
    """Equations 6 to 11 of Ma et al. (ICCV 2019), term by term in double precision; (h, w), (n, 2)."""
    people, background = [0.0] * len(points), 0.0
    for row, column in np.ndindex(density.shape):
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        distances = [math.hypot(x - px, y - py) for px, py in points]
        dummy = margin - min(distances)
        likely = [math.exp(-(d**2) / (2 * sigma**2)) for d in (*distances, dummy)]
        share = [one / sum(likely) if sum(likely) else float(one is likely[-1]) for one in likely]
        people = [sum_ + part * density[row, column] for sum_, part in zip(people, share, strict=False)]
        background += share[-1] * density[row, column]
    return sum(abs(1 - one) for one in people) + abs(background)


def random_case(seed: int, heads: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.random((7, 9)) / 5), torch.from_numpy(rng.random((heads, 2)) * (72, 56))


@pytest.mark.parametrize("heads", [1, 2, 5, 40])
@pytest.mark.parametrize(("sigma", "margin"), [(8.0, 48.0), (4.0, 16.0), (6.0, 40.0)])
def test_the_bayesian_loss_is_the_papers(heads: int, sigma: float, margin: float) -> None:
    density, points = random_case(heads, heads)

    loss = bayesian_loss(density, points, stride=STRIDE, sigma=sigma, margin=margin)

    beyond = math.exp(-(margin**2) / (2 * sigma**2))  # what a head can still claim beyond the margin
    expected = literal_bayesian(density.numpy(), points.numpy(), sigma, margin)
    assert loss.item() == pytest.approx(expected, rel=LITERAL_RELATIVE + beyond)


def test_the_bayesian_loss_is_zero_when_each_persons_share_is_one() -> None:
    points = torch.tensor([[20.0, 20.0]])
    density = torch.zeros(9, 9)
    density[2, 2] = 1  # its centre is the point, where the background has e^-18

    assert bayesian_loss(density, points, stride=STRIDE).item() == pytest.approx(0, abs=EXACT)


def test_the_bayesian_loss_of_an_empty_crop_is_what_was_counted() -> None:
    assert bayesian_loss(torch.full((4, 5), 0.1), torch.zeros(0, 2), stride=STRIDE).item() == pytest.approx(
        2, rel=EXACT
    )


def test_the_bayesian_loss_stays_finite_far_from_every_head() -> None:
    density = torch.ones(200, 200, requires_grad=True)
    loss = bayesian_loss(density, torch.tensor([[1.0, 1.0]]), stride=STRIDE)
    loss.backward()

    assert torch.isfinite(loss)
    assert torch.isfinite(density.grad).all()


def test_density_mse_is_zero_for_equal_maps_and_four_for_maps_two_apart() -> None:
    density = torch.rand(4, 5)

    assert density_mse(density, density).item() == 0
    assert density_mse(density + 2, density).item() == pytest.approx(4, rel=EXACT)


def crops_of(config: TrainConfig) -> tuple[torch.Tensor, list[Crop]]:
    rng = np.random.default_rng(5)
    image = np.zeros((64, 64, 3), np.uint8)
    crops = [Crop(image, (64 * rng.random((people, 2))).astype(np.float32)) for people in (0, 3, 9)]
    return torch.from_numpy(rng.random((3, 8, 8)).astype(np.float32)), crops


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_batchs_loss_is_the_mean_of_its_items(objective: str, tiny: TrainConfig) -> None:
    config = replace(tiny, objective=objective)
    density, crops = crops_of(config)

    items = [batch_loss(one[None], [crop], config).item() for one, crop in zip(density, crops, strict=True)]

    assert batch_loss(density, crops, config).item() == pytest.approx(np.mean(items), rel=EXACT)


def test_the_bayesian_losss_gradient_is_right() -> None:
    density, points = random_case(7, 3)
    density.requires_grad_()

    assert torch.autograd.gradcheck(lambda d: bayesian_loss(d, points, stride=STRIDE), (density,))


def test_the_gradient_of_density_mse_is_right() -> None:
    density, target = torch.rand(3, 4, dtype=torch.float64, requires_grad=True), torch.rand(3, 4, dtype=torch.float64)

    assert torch.autograd.gradcheck(density_mse, (density, target))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"density has shape \(1, 4, 5\), expected \(h, w\)"):
        bayesian_loss(torch.rand(1, 4, 5), torch.zeros(0, 2), stride=STRIDE)
    with pytest.raises(InputError, match=r"points have shape \(3, 3\), expected \(n, 2\)"):
        bayesian_loss(torch.rand(4, 5), torch.zeros(3, 3), stride=STRIDE)
    with pytest.raises(InputError, match=r"density has shape \(4, 5\), its target \(5, 4\)"):
        density_mse(torch.rand(4, 5), torch.rand(5, 4))
