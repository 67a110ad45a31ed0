"""What a student learns from its teacher's features and densities (Liu et al., ACM MM 2020, arXiv 2003.10120).

Pure functions of feature maps (n, channels, h, w) of the student, brought to the teacher's channels, and the teacher.
All are means over the batch's items and over what an item holds, so that a weight means the same whatever the size of
crops and batches; the paper sums instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from sdk.errors import InputError

EPSILON = 1e-5  # added to the variance of a map that is normalised: a flat map becomes zeros


def intra_layer(students: Sequence[Tensor], teachers: Sequence[Tensor]) -> Tensor:
    """Intra-Layer Pattern Transfer: mean over taps, items and positions of 1 - cos over the channels.

    Pairs of maps (n, c, h, w) of one shape. 0 when all vectors point the same way, at most 2.
    """
    _check_pairs(students, teachers)
    parts = [(1 - F.cosine_similarity(one, other, dim=1)).mean() for one, other in zip(students, teachers, strict=True)]
    return torch.stack(parts).mean()


def inter_layer(students: Sequence[Tensor], teachers: Sequence[Tensor]) -> Tensor:
    """Inter-Layer Relation Transfer: mean squared difference of all relation matrices between two taps.

    Maps (n, c, h, w) are max-pooled to the smallest of them. Mean over pairs of taps, items and entries; a difference
    of entries, which are correlations, is at most 2.
    """
    _check_pairs(students, teachers)
    if len(students) < 2:
        raise InputError(f"relations need at least two taps, got {len(students)}")
    own, taught = (relations(pooled(maps)) for maps in (students, teachers))
    return torch.stack([((one - other) ** 2).mean() for one, other in zip(own, taught, strict=True)]).mean()


def relations(maps: Sequence[Tensor]) -> list[Tensor]:
    """The dense FSP matrices (n, c_i, c_j) of all pairs i < j of maps (n, c, h, w) of one size: correlations."""
    flat = [normalised(one).flatten(2) for one in maps]
    places = flat[0].shape[2]
    return [one @ other.transpose(1, 2) / places for one, other in combinations(flat, 2)]


def normalised(x: Tensor) -> Tensor:
    """Each channel of each item of (n, c, h, w) with mean 0 and deviation 1 over its places."""
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + EPSILON).sqrt()


def pooled(maps: Sequence[Tensor]) -> list[Tensor]:
    """The maps max-pooled to the size of the smallest."""
    height, width = (min(one.shape[axis] for one in maps) for axis in (2, 3))
    return [pool_to(one, (height, width)) for one in maps]


def pool_to(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, c, H, W) max-pooled to (n, c, h, w); refuses a size that no whole window gives, rounded up."""
    if tuple(x.shape[2:]) == size:
        return x
    window = (-(-x.shape[2] // size[0]), -(-x.shape[3] // size[1]))
    if tuple(-(-side // step) for side, step in zip(x.shape[2:], window, strict=True)) != size:
        raise InputError(f"a map of {x.shape[2]} x {x.shape[3]} cannot be pooled to {size[0]} x {size[1]}")
    return F.max_pool2d(x, window, ceil_mode=True)


def soft_target(density: Tensor, teacher: Tensor) -> Tensor:
    """The teacher's density as a target: mean squared difference per cell of (n, h, w), people per cell."""
    if density.ndim != 3 or density.shape != teacher.shape:
        shapes = f"{tuple(density.shape)}, the teacher's {tuple(teacher.shape)}"
        raise InputError(f"density has shape {shapes}, expected (n, h, w) of both")
    return ((density - teacher) ** 2).mean()


def _check_pairs(students: Sequence[Tensor], teachers: Sequence[Tensor]) -> None:
    if not students or len(students) != len(teachers):
        raise InputError(f"{len(students)} taps of a student beside {len(teachers)} of its teacher, expected pairs")
    for index, (one, other) in enumerate(zip(students, teachers, strict=True)):
        if one.ndim != 4 or one.shape != other.shape:
            shapes = f"{tuple(one.shape)}, its teacher's {tuple(other.shape)}"
            raise InputError(f"tap {index} of the student has shape {shapes}, expected (n, c, h, w) of both")
