"""Squared errors over Poisson variance: zero when equal, the literal sum, bounded pushes, the mean of few people, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distiller.losses import BLOCKS, GREATEST_PUSH, LEAST_VARIANCE, poisson_squares
from tests.tolerances import LITERAL_RELATIVE


def maps(seed: int, shape: tuple[int, int] = (7, 19)) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.random(shape)), torch.from_numpy(rng.random(shape) * (rng.random(shape) < 0.3))


def literal(density: np.ndarray, target: np.ndarray) -> float:
    """Block by block, in double precision; (h, w)."""
    total = 0.0
    for side in (*BLOCKS, max(density.shape)):
        cells = density.size if side == max(density.shape) else side**2
        for top in range(0, density.shape[0], side):
            for left in range(0, density.shape[1], side):
                place = np.s_[top : top + side, left : left + side]
                counted, true = density[place].sum(), target[place].sum()
                variance = max(counted, true / GREATEST_PUSH) + LEAST_VARIANCE * cells**0.5
                total += (counted - true) ** 2 / (2 * variance)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_the_sum_over_blocks_of_every_size_and_the_whole(seed: int) -> None:
    density, target = maps(seed)

    expected = literal(density.numpy(), target.numpy())
    assert poisson_squares(density, target).item() == pytest.approx(expected, rel=LITERAL_RELATIVE)


def test_equal_maps_cost_nothing() -> None:
    density, _ = maps(0)

    assert poisson_squares(density, density.clone()).item() == 0


def test_the_gradient_is_the_error_over_the_variance() -> None:
    density = torch.tensor([[0.5]], dtype=torch.float64, requires_grad=True)

    poisson_squares(density, torch.tensor([[0.2]], dtype=torch.float64)).backward()

    sides = (*BLOCKS, 1)
    expected = sum((0.5 - 0.2) / (0.5 + LEAST_VARIANCE * side) for side in sides)
    assert density.grad is not None
    assert density.grad.item() == pytest.approx(expected, rel=LITERAL_RELATIVE)


@pytest.mark.parametrize(("counted", "true", "push"), [(0.0, 1e6, GREATEST_PUSH), (1e6, 0.0, 1)])
def test_the_push_of_a_crowd_is_bounded_either_way(counted: float, true: float, push: float) -> None:
    density = torch.tensor([[counted]], requires_grad=True)

    poisson_squares(density, torch.tensor([[true]])).backward()

    assert density.grad is not None
    assert density.grad.abs().item() == pytest.approx(push * (len(BLOCKS) + 1), rel=1e-4)


@pytest.mark.parametrize("people", [(0.1, 0.0, 0.0, 0.0), (30.0, 10.0, 20.0, 25.0)])
def test_the_best_constant_answer_is_the_mean(people: tuple[float, ...]) -> None:
    """Of photos that look alike, few people or many: an absolute loss would answer nobody to the few."""
    mean = sum(people) / len(people)
    density = torch.full((1, 1), mean, dtype=torch.float64, requires_grad=True)

    sum(poisson_squares(density, torch.full((1, 1), true, dtype=torch.float64)) for true in people).backward()

    assert density.grad is not None
    assert density.grad.item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shape", [(7, 18), (1, 7, 19)])
def test_maps_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    density, _ = maps(0)

    with pytest.raises(ValueError, match=r"density has shape \(7, 19\), its target .* expected \(h, w\)"):
        poisson_squares(density, torch.zeros(shape))
