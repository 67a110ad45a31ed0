"""The transfer losses: zero when equal, a mean over items, right gradients, refused shapes; beside their formulas."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from distiller.transfer import EPSILON, inter_layer, intra_layer, pool_to, soft_target
from sdk.errors import InputError
from tests.tolerances import EXACT, LITERAL_RELATIVE

SHAPES = [(3, 8, 12), (4, 4, 6), (2, 4, 6), (1, 4, 6)]  # channels, height, width of each tap: the last is the density
LOSSES = [intra_layer, inter_layer]


def maps(seed: int, items: int = 2) -> list[torch.Tensor]:
    """A tap's map for each of SHAPES, double precision, like features after a ReLU but never all zero."""
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.random((items, *shape)) + 0.01) for shape in SHAPES]


def literal_intra(students: list[torch.Tensor], teachers: list[torch.Tensor]) -> float:
    """1 - <s, t> / (|s| |t|) at each position of each tap, one by one."""
    taps = []
    for student, teacher in zip(students, teachers, strict=True):
        n, c, h, w = student.shape
        total = 0.0
        for item, y, x in itertools.product(range(n), range(h), range(w)):
            s, t = ([float(one[item, k, y, x]) for k in range(c)] for one in (student, teacher))
            lengths = math.sqrt(sum(a * a for a in s)) * math.sqrt(sum(b * b for b in t))
            total += 1 - sum(a * b for a, b in zip(s, t, strict=True)) / lengths
        taps.append(total / (n * h * w))
    return sum(taps) / len(taps)


def literal_normalised(one: np.ndarray, h: int, w: int) -> np.ndarray:
    """(c, H, W): each channel max-pooled to h x w, less its mean, over its deviation."""
    result = np.zeros((one.shape[0], h, w))
    step_y, step_x = one.shape[1] // h, one.shape[2] // w
    for k, y, x in itertools.product(range(one.shape[0]), range(h), range(w)):
        result[k, y, x] = max(one[k, y * step_y + dy, x * step_x + dx] for dy in range(step_y) for dx in range(step_x))
    for channel in result:
        mean = sum(channel.flat) / (h * w)
        variance = sum((value - mean) ** 2 for value in channel.flat) / (h * w)
        channel[:] = (channel - mean) / math.sqrt(variance + EPSILON)
    return result


def literal_relation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """FSP[a, b] = 1/(h w) sum over places of one[a] other[b]."""
    places = one.shape[1] * one.shape[2]
    matrix = np.zeros((one.shape[0], other.shape[0]))
    for a, b in np.ndindex(matrix.shape):
        matrix[a, b] = sum(u * v for u, v in zip(one[a].flat, other[b].flat, strict=True)) / places
    return matrix


def literal_inter(students: list[torch.Tensor], teachers: list[torch.Tensor]) -> float:
    """Squared differences of the matrices of every pair of taps, for each item of the batch."""
    h, w = SHAPES[-1][1:]
    pairs = []
    for i, j in itertools.combinations(range(len(students)), 2):
        items = []
        for item in range(len(students[0])):
            own, taught = (
                literal_relation(*(literal_normalised(side[k][item].numpy(), h, w) for k in (i, j)))
                for side in (students, teachers)
            )
            items.append(sum((a - b) ** 2 for a, b in zip(own.flat, taught.flat, strict=True)) / own.size)
        pairs.append(sum(items) / len(items))
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize(("loss", "literal"), [(intra_layer, literal_intra), (inter_layer, literal_inter)])
def test_transfer_is_what_its_formula_says(loss: object, literal: object) -> None:
    students, teachers = maps(1), maps(2)

    assert loss(students, teachers).item() == pytest.approx(literal(students, teachers), rel=LITERAL_RELATIVE)


@pytest.mark.parametrize("loss", LOSSES)
def test_transfer_is_zero_when_student_and_teacher_agree(loss: object) -> None:
    assert loss(maps(1), maps(1)).item() == pytest.approx(0, abs=EXACT)


def test_patterns_that_point_the_same_way_agree_whatever_their_length() -> None:
    assert intra_layer(maps(1), [3 * one for one in maps(1)]).item() == pytest.approx(0, abs=EXACT)


def test_patterns_that_point_opposite_ways_are_two_apart() -> None:
    assert intra_layer(maps(1), [-one for one in maps(1)]).item() == pytest.approx(2, rel=EXACT)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batchs_transfer_is_the_mean_of_its_items(loss: object) -> None:
    students, teachers = maps(1, items=3), maps(2, items=3)

    items = [loss([s[i : i + 1] for s in students], [t[i : i + 1] for t in teachers]).item() for i in range(3)]

    assert len(set(items)) == 3
    assert loss(students, teachers).item() == pytest.approx(np.mean(items), rel=EXACT)


@pytest.mark.parametrize("loss", LOSSES)
def test_crops_put_side_by_side_weigh_like_one(loss: object) -> None:
    wide = [[torch.cat([one, one], dim=3) for one in maps(seed)] for seed in (1, 2)]

    assert loss(*wide).item() == pytest.approx(loss(maps(1), maps(2)).item(), rel=EXACT)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_of_transfer_is_right(loss: object) -> None:
    students, teachers = [one.requires_grad_() for one in maps(1)], maps(2)

    assert torch.autograd.gradcheck(lambda *own: loss(own, teachers), students)


@pytest.mark.parametrize("loss", LOSSES)
def test_flat_maps_leave_numbers(loss: object) -> None:
    students = [torch.zeros_like(one).requires_grad_() for one in maps(1)]

    loss(students, [torch.zeros_like(one) for one in maps(1)]).backward()

    assert all(torch.isfinite(one.grad).all() for one in students)


@pytest.mark.parametrize("loss", LOSSES)
def test_maps_that_do_not_pair_are_refused(loss: object) -> None:
    with pytest.raises(InputError, match="3 taps of a student beside 4 of its teacher, expected pairs"):
        loss(maps(1)[1:], maps(2))
    with pytest.raises(
        InputError, match=r"tap 0 of the student has shape \(2, 1, 4, 6\), its teacher's \(2, 3, 8, 12\)"
    ):
        loss(maps(1)[::-1], maps(2))


def test_relations_of_one_tap_are_refused() -> None:
    with pytest.raises(InputError, match="relations need at least two taps, got 1"):
        inter_layer(maps(1)[:1], maps(2)[:1])


def test_maps_are_pooled_to_sizes_rounded_up_and_to_no_other() -> None:
    odd = torch.arange(15.0).view(1, 1, 3, 5)

    assert pool_to(odd, (2, 3)).flatten().tolist() == [6, 8, 9, 11, 13, 14]
    with pytest.raises(InputError, match="a map of 3 x 5 cannot be pooled to 2 x 4"):
        pool_to(odd, (2, 4))


def test_a_soft_target_is_a_mean_squared_difference() -> None:
    density, teacher = torch.rand(2, 3, 4, dtype=torch.float64), torch.rand(2, 3, 4, dtype=torch.float64)
    cells = [(a - b) ** 2 for a, b in zip(density.flatten().tolist(), teacher.flatten().tolist(), strict=True)]

    assert soft_target(density, density).item() == 0
    assert soft_target(density, teacher).item() == pytest.approx(sum(cells) / 24, rel=LITERAL_RELATIVE)
    assert soft_target(density, teacher).item() == pytest.approx(
        (soft_target(density[:1], teacher[:1]) + soft_target(density[1:], teacher[1:])).item() / 2, rel=EXACT
    )
    assert torch.autograd.gradcheck(lambda d: soft_target(d, teacher), (density.requires_grad_(),))
    with pytest.raises(
        InputError, match=r"density has shape \(2, 3, 4\), the teacher's \(2, 4, 3\), expected \(n, h, w\)"
    ):
        soft_target(density, teacher.transpose(1, 2))
