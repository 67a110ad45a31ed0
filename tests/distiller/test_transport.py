"""DM-Count's parts: zero when ideal, right gradients, refused shapes, and the transport beside a linear program."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from distiller.transport import BLUR, normalised, potentials, total_variation, transport_cost, transport_loss
from sdk.errors import InputError
from tests.tolerances import EXACT, LITERAL_RELATIVE

STRIDE = 8


def case(seed: int, people: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """A density of 3 x 4 cells, and points in it; double precision."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(0.1 + rng.random((3, 4))), torch.from_numpy(rng.random((people, 2)) * (32, 24))


def cheapest_transport(density: torch.Tensor, points: torch.Tensor) -> float:
    """The exact cost, without entropy: a linear program over every pair of a cell and a point."""
    cells = [((x + 0.5) * STRIDE, (y + 0.5) * STRIDE) for y, x in np.ndindex(density.shape)]
    cost = [[(px - x) ** 2 + (py - y) ** 2 for x, y in cells] for px, py in points.tolist()]
    n, m = len(points), len(cells)
    rows = [np.repeat(np.eye(n)[i], m) for i in range(n)] + [np.tile(np.eye(m)[j], n) for j in range(m)]
    masses = [1 / n] * n + (density / density.sum()).flatten().tolist()
    return float(linprog(np.ravel(cost), A_eq=np.array(rows)[:-1], b_eq=masses[:-1]).fun)


def literal_potentials(share: np.ndarray, points: np.ndarray, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Sinkhorn's scaling u = a / (K v), v = b / (K' u) as it stands, in double precision; the potentials' logarithms."""
    cells = [((x + 0.5) * STRIDE, (y + 0.5) * STRIDE) for y, x in np.ndindex(share.shape)]
    kernel = np.array([[np.exp(-((px - x) ** 2 + (py - y) ** 2) / BLUR) for x, y in cells] for px, py in points])
    v = np.array(share).ravel()
    for _ in range(iterations):
        u = (1 / len(points)) / (kernel @ v)
        v = share.ravel() / (kernel.T @ u)
    return BLUR * np.log(u * len(points)), BLUR * np.log(v / share.ravel())


@pytest.mark.parametrize("people", [1, 3, 7])
def test_potentials_are_those_of_sinkhorns_scaling(people: int) -> None:
    density, points = case(people, people)
    share = normalised(density)

    heads, cells = potentials(share, points, stride=STRIDE, iterations=30)

    expected = literal_potentials(share.numpy(), points.numpy(), 30)
    assert heads.numpy() == pytest.approx(expected[0], rel=LITERAL_RELATIVE)
    assert cells.numpy().ravel() == pytest.approx(expected[1], rel=LITERAL_RELATIVE)


def test_the_cost_is_near_the_cheapest_transports() -> None:
    density, points = case(1, 4)

    exact, found = cheapest_transport(density, points), transport_cost(density, points, stride=STRIDE, iterations=500)

    assert exact <= found.item() <= exact + BLUR * np.log(12)  # the entropy's part is at most BLUR times its own


def test_a_density_at_the_points_costs_nothing() -> None:
    density = torch.zeros(3, 4, dtype=torch.float64)
    density[0, 1] = density[2, 3] = 1
    points = torch.tensor([[12.0, 4.0], [28.0, 20.0]], dtype=torch.float64)

    assert transport_loss(density, points, stride=STRIDE).item() == pytest.approx(0, abs=1.0)
    assert total_variation(density, points, stride=STRIDE).item() == pytest.approx(0, abs=EXACT)


def test_the_gradient_of_the_cost_is_right_where_sinkhorn_has_converged() -> None:
    density, points = case(2)
    density.requires_grad_()

    def cost(d: torch.Tensor) -> torch.Tensor:
        return transport_cost(d, points, stride=STRIDE, iterations=1500)

    assert torch.autograd.gradcheck(cost, (density,), eps=1e-5, atol=1e-3, rtol=1e-3)


def test_the_gradient_of_the_variation_is_right() -> None:
    density, points = case(3)

    assert torch.autograd.gradcheck(lambda d: total_variation(d, points, stride=STRIDE), (density.requires_grad_(),))


def test_the_loss_is_the_sum_of_its_parts() -> None:
    density, points = case(4)
    parts = [(density.sum() - 3).abs(), 0.1 * transport_cost(density, points, stride=STRIDE)]
    parts.append(0.01 * 3 * total_variation(density, points, stride=STRIDE))

    assert transport_loss(density, points, stride=STRIDE).item() == pytest.approx(sum(parts).item(), rel=EXACT)


def test_a_crop_without_people_costs_its_count_and_silence_leaves_numbers() -> None:
    silent = torch.zeros(3, 4, requires_grad=True)

    transport_loss(silent, torch.tensor([[4.0, 4.0]]), stride=STRIDE).backward()

    assert torch.isfinite(silent.grad).all()
    assert transport_loss(torch.full((3, 4), 0.5), torch.zeros(0, 2), stride=STRIDE).item() == pytest.approx(6)


def test_training_by_descent_moves_the_density_to_the_heads() -> None:
    raw, points = torch.full((3, 4), 0.05).requires_grad_(), torch.tensor([[4.0, 4.0], [28.0, 20.0]])
    optimizer = torch.optim.Adam([raw], 0.02)
    for _ in range(300):
        optimizer.zero_grad()
        transport_loss(raw.relu(), points, stride=STRIDE).backward()
        optimizer.step()

    density = raw.detach().relu()
    assert density.sum().item() == pytest.approx(2, abs=0.2)
    assert density[0, 0] + density[2, 3] > 1.6


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"density has shape \(1, 3, 4\), expected \(h, w\)"):
        transport_loss(torch.rand(1, 3, 4), torch.zeros(0, 2), stride=STRIDE)
    with pytest.raises(InputError, match=r"points have shape \(3, 3\), expected \(n, 2\)"):
        transport_loss(torch.rand(3, 4), torch.zeros(3, 3), stride=STRIDE)
