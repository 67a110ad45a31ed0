"""Squared errors over Poisson variance: zero when equal, the literal sum, bounded pushes, the mean of few people, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distiller.losses import BLOCKS, LEAST_VARIANCE, poisson_squares
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
                total += (counted - true) ** 2 / (counted + true + 2 * LEAST_VARIANCE * cells**0.5)
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
    expected = sum((0.5 - 0.2) / (0.35 + LEAST_VARIANCE * side) for side in sides)
    assert density.grad is not None
    assert density.grad.item() == pytest.approx(expected, rel=LITERAL_RELATIVE)


@pytest.mark.parametrize(("counted", "true"), [(0.0, 1e6), (1e6, 0.0)])
def test_a_crowd_that_is_missed_pushes_no_harder_than_one_that_is_not_there(counted: float, true: float) -> None:
    density = torch.tensor([[counted]], requires_grad=True)

    poisson_squares(density, torch.tensor([[true]])).backward()

    assert density.grad is not None
    assert density.grad.abs().item() == pytest.approx(2 * (len(BLOCKS) + 1), rel=1e-4)


def test_the_best_constant_answer_to_few_people_is_near_the_mean() -> None:
    """One photo in four shows a tenth of a person: an absolute loss would answer nobody."""
    targets = [torch.full((1, 1), value, dtype=torch.float64) for value in (0.1, 0.0, 0.0, 0.0)]

    def push(answer: float) -> float:
        density = torch.full((1, 1), answer, dtype=torch.float64, requires_grad=True)
        sum(poisson_squares(density, target) for target in targets).backward()
        assert density.grad is not None
        return density.grad.item()

    assert push(0.8 * 0.025) < 0 < push(0.025)


@pytest.mark.parametrize("shape", [(7, 18), (1, 7, 19)])
def test_maps_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    density, _ = maps(0)

    with pytest.raises(ValueError, match=r"density has shape \(7, 19\), its target .* expected \(h, w\)"):
        poisson_squares(density, torch.zeros(shape))
