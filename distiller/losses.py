"""What a network is trained against: pure functions of densities and head points."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sdk.errors import InputError


def cell_centres(cells: int, stride: int, like: Tensor) -> Tensor:
    """Centres in pixels of `cells` density cells along one side, (cells,)."""
    return (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) * stride


def squared_distances(points: Tensor, cells: int, axis: int, stride: int) -> Tensor:
    """Squared pixel distances along one axis from points (n, 2) as x, y to cell centres: (n, cells)."""
    return (points[:, axis, None] - cell_centres(cells, stride, points)) ** 2


def nearest_head(points: Tensor, shape: tuple[int, int], stride: int) -> Tensor:
    """Pixel distance from each cell's centre to its nearest point; points (n > 0, 2) as x, y -> (h, w)."""
    dx = squared_distances(points, shape[1], 0, stride)
    dy = squared_distances(points, shape[0], 1, stride)
    return (dy[:, :, None] + dx[:, None, :]).amin(0).sqrt()


def bayesian_loss(density: Tensor, points: Tensor, *, stride: int, sigma: float = 8.0, margin: float = 48.0) -> Tensor:
    """Bayesian loss with background (Ma et al., ICCV 2019, arXiv 1908.03684, equations 6 to 11) of one photo.

    Each cell belongs to each person with a posterior probability, Gaussian in the distance (deviation `sigma`, pixels),
    or to the background, a dummy point `margin` pixels away from the nearest head. Each person's expected count should
    be 1 and the background's 0; the loss is the sum of the absolute differences, in people. Beyond the margin the
    background's evidence stays at its greatest: there the paper's falls too, but the heads' falls faster.

    density: (h, w) float32, people per cell. points: (n, 2) float32, x and y in pixels; n may be 0.
    """
    if density.ndim != 2:
        raise InputError(f"density has shape {tuple(density.shape)}, expected (h, w)")
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"points have shape {tuple(points.shape)}, expected (n, 2)")
    if len(points) == 0:
        return density.abs().sum()
    with torch.no_grad():
        shape = (density.shape[0], density.shape[1])
        along_x = torch.exp(-squared_distances(points, shape[1], 0, stride) / (2 * sigma**2))  # (n, w)
        along_y = torch.exp(-squared_distances(points, shape[0], 1, stride) / (2 * sigma**2))  # (n, h)
        gap = (margin - nearest_head(points, shape, stride)).clamp(min=0)
        background = torch.exp(-(gap**2) / (2 * sigma**2))  # (h, w)
        evidence = along_y.T @ along_x + background
    share = density / evidence
    people = ((along_y @ share) * along_x).sum(1)
    return (people - 1).abs().sum() + (share * background).sum().abs()


def density_mse(density: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference per cell between densities of one shape, people per cell."""
    if density.shape != target.shape:
        raise InputError(f"density has shape {tuple(density.shape)}, its target {tuple(target.shape)}")
    return ((density - target) ** 2).mean()


BLOCKS = (1, 4, 16)  # sides in cells of the blocks whose sums are compared, beside the whole crop
GREATEST_PUSH = 4  # of a block whose people are all missed; 1 of a block where nobody is
LEAST_VARIANCE = 1.0  # people squared, of a cell; of a block, times the root of its cells


def poisson_squares(density: Tensor, target: Tensor) -> Tensor:
    """Squared errors of local counts over their Poisson variance, summed over blocks of several sizes and the crop.

    A count of m people scatters with variance m, so an error e weighs e^2 / m: dense places do not rule sparse ones, as
    plain squares let them. The variance is the prediction's, without gradient, over a floor, as in the score of Poisson
    regression: the optimum is the mean, so sums are right. With no more than that, a missed crowd would push a hundred
    times harder than one that is counted twice, and training drifts up; so the variance is a quarter of the truth at
    least, which leaves blocks alone that are counted within a factor of four and bounds the others' push. Half way
    between prediction and truth, which bounds it too, the optimum is below the mean, and dense places are counted low.
    density, target: (h, w) float32, people per cell.
    """
    if density.ndim != 2 or density.shape != target.shape:
        raise ValueError(f"density has shape {tuple(density.shape)}, its target {tuple(target.shape)}, expected (h, w)")
    both = torch.stack([density, target])[:, None]
    errors = [_poisson_error(both.sum((2, 3)), density.numel())]
    errors += [_poisson_error(block_sums(both, side), side**2) for side in BLOCKS]
    return torch.stack(errors).sum()


def block_sums(maps: Tensor, side: int) -> Tensor:
    """Sums over blocks of side x side cells, less at the end: (n, 1, h, w) -> (n, 1, ceil(h/side), ceil(w/side))."""
    return F.avg_pool2d(maps, side, ceil_mode=True, divisor_override=1)


def _poisson_error(both: Tensor, cells: int) -> Tensor:
    counted, true = both
    variance = torch.maximum(counted.detach(), true / GREATEST_PUSH) + LEAST_VARIANCE * cells**0.5
    return torch.sum((counted - true) ** 2 / (2 * variance))
