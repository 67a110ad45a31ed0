"""Target maps: people per cell that sum to the number of people, whatever the width of the kernel.

Each head becomes a Gaussian cut off at the photo's borders and brought back to one person there. A Gaussian's share of
a cell is a product of two differences of error functions, so maps of any stride are exact: they are the block sums of
finer ones, and nothing is sampled, truncated or resized.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from distiller.limits import check_choice, check_limits
from sdk.errors import ConfigError, InputError

KINDS = ("fixed", "adaptive")
ROWS = 1024  # points whose distances to all others are held at once


@dataclass(frozen=True)
class Spread:
    """The deviation of each head's Gaussian, pixels."""

    kind: str = "fixed"  # adaptive: in proportion to the distance of the nearest heads (Zhang et al., CVPR 2016)
    sigma: float = 8.0  # fixed
    factor: float = 0.3  # adaptive: of the mean distance to the `neighbours` nearest heads
    neighbours: int = 3
    smallest: float = 2.0  # adaptive: no deviation is less or more
    largest: float = 15.0

    def __post_init__(self) -> None:
        check_choice("target.kind", self.kind, KINDS)
        pixels = (0.1, 1000.0)
        limits = {"sigma": pixels, "factor": (1e-3, 10.0), "neighbours": (1.0, 100.0), "smallest": pixels}
        check_limits("target.", {name: getattr(self, name) for name in limits}, limits)
        if not self.smallest <= self.largest < math.inf:
            message = f"setting target.largest is {self.largest}, expected at least target.smallest, {self.smallest}"
            raise ConfigError(message)


def deviations(points: Tensor, spread: Spread) -> Tensor:
    """The deviation of each point's Gaussian, pixels: (n, 2) -> (n,)."""
    if spread.kind == "fixed":
        return torch.full_like(points[:, 0], spread.sigma)
    return (spread.factor * nearest_distance(points, spread.neighbours)).clamp(spread.smallest, spread.largest)


def nearest_distance(points: Tensor, neighbours: int) -> Tensor:
    """Mean distance from each point to its nearest others (n, 2) -> (n,); infinite where there is no other."""
    if len(points) < 2:
        return torch.full_like(points[:, 0], math.inf)
    count = min(neighbours, len(points) - 1) + 1  # the nearest of all is the point itself
    exact = "donot_use_mm_for_euclid_dist"
    means = [
        torch.cdist(rows, points, compute_mode=exact).topk(count, largest=False).values[:, 1:].mean(1)
        for rows in torch.split(points, ROWS)
    ]
    return torch.cat(means)


def density_map(points: Tensor, size: tuple[int, int], spread: Spread, *, stride: int = 1) -> Tensor:
    """Points (n, 2) as x, y in a photo of size (height, width) -> (ceil(h / stride), ceil(w / stride)) people per cell.

    float64 inside, float32 out; the sum is n. Refuses points that do not lie in the photo.
    """
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"points have shape {tuple(points.shape)}, expected (n, 2)")
    _check_inside(points, size)
    exact = points.double()
    sigma = deviations(exact, spread)
    along_y = _shares(exact[:, 1], sigma, size[0], stride)
    along_x = _shares(exact[:, 0], sigma, size[1], stride)
    return (along_y.T @ along_x).float()


def _check_inside(points: Tensor, size: tuple[int, int]) -> None:
    limits = torch.tensor([size[1], size[0]], dtype=points.dtype, device=points.device)
    outside = (~((points >= 0) & (points < limits)).all(1)).nonzero()
    if len(outside):
        x, y = points[outside[0, 0]].tolist()
        raise InputError(f"point ({x:g}, {y:g}) lies outside its photo of {size[1]} x {size[0]} pixels")


def _shares(centres: Tensor, sigma: Tensor, length: int, stride: int) -> Tensor:
    """Of Gaussians (n,) cut off at 0 and `length`, the part in each cell along one side: (n, cells), rows sum to 1."""
    cells = -(-length // stride)
    edges = torch.arange(cells + 1, dtype=centres.dtype, device=centres.device) * stride
    distance = (edges.clamp(max=length) - centres[:, None]) / (sigma[:, None] * math.sqrt(2))
    parts = torch.erf(distance).diff(dim=1)
    return parts / parts.sum(1, keepdim=True)
