"""DM-Count's objective (Wang et al., NeurIPS 2020, arXiv 2009.13077): distributions are matched, not smoothed targets.

The sum of three parts of a crop's density: the absolute error of its count; the cost of carrying the normalised density
to the normalised head points (optimal transport, squared distances); and half the absolute difference between both on
the grid (total variation), times the number of people.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distiller.losses import cell_centres
from sdk.errors import InputError

TRANSPORT_WEIGHT = 0.1  # of the transport's cost, the paper's lambda 1
VARIATION_WEIGHT = 0.01  # of the total variation, the paper's lambda 2
BLUR = 10.0  # pixels squared: strength of the entropy that makes the transport smooth
ITERATIONS = 100
SILENT = 1e-3  # people; a density of fewer is nowhere, and its count alone is asked for


def transport_loss(density: Tensor, points: Tensor, *, stride: int) -> Tensor:
    """The three parts together; density (h, w) people per cell, points (n, 2) x and y in pixels, n may be 0."""
    if density.ndim != 2:
        raise InputError(f"density has shape {tuple(density.shape)}, expected (h, w)")
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"points have shape {tuple(points.shape)}, expected (n, 2)")
    people = len(points)
    count = (density.sum() - people).abs()
    if not people or density.sum() < SILENT:
        return count
    cost = transport_cost(density, points, stride=stride)
    return count + TRANSPORT_WEIGHT * cost + VARIATION_WEIGHT * people * total_variation(density, points, stride=stride)


def total_variation(density: Tensor, points: Tensor, *, stride: int) -> Tensor:
    """Half the absolute difference between the normalised density and points on the grid: 0 to 1."""
    heads = torch.zeros_like(density).flatten()
    columns, rows = (points / stride).long().unbind(1)
    columns, rows = columns.clamp(0, density.shape[1] - 1), rows.clamp(0, density.shape[0] - 1)
    heads.index_add_(0, rows * density.shape[1] + columns, torch.ones_like(points[:, 0], dtype=density.dtype))
    return 0.5 * (normalised(density).flatten() - heads / len(points)).abs().sum()


def transport_cost(density: Tensor, points: Tensor, *, stride: int, iterations: int = ITERATIONS) -> Tensor:
    """Pixels squared that a person is carried on the way from the density to the points, entropy included.

    The dual value <f, 1/n> + <g, density / sum>. The potentials are constants: at the optimum the gradient by the
    density is g (Danskin's theorem), as in the paper.
    """
    with torch.no_grad():
        heads, cells = potentials(normalised(density.detach()), points, stride=stride, iterations=iterations)
    return heads.mean() + (cells * normalised(density)).sum()


def potentials(share: Tensor, points: Tensor, *, stride: int, iterations: int) -> tuple[Tensor, Tensor]:
    """Sinkhorn's dual potentials of points (n,) and of cells (h, w), in the log domain, so that nothing underflows.

    The cost of every pair of a point and a cell is held whole.
    share: (h, w), sums to 1.
    """
    height, width = share.shape
    dy = (points[:, 1, None] - cell_centres(height, stride, share)) ** 2
    dx = (points[:, 0, None] - cell_centres(width, stride, share)) ** 2
    closeness = -(dy[:, :, None] + dx[:, None, :]).flatten(1) / BLUR  # (n, cells)
    weight_of_cell, weight_of_head = share.flatten().log(), -math.log(len(points))
    cells = torch.zeros_like(weight_of_cell)
    for _ in range(iterations):
        heads = -torch.logsumexp(closeness + cells + weight_of_cell, dim=1)
        cells = -torch.logsumexp(closeness + heads[:, None], dim=0) - weight_of_head
    return BLUR * heads, BLUR * cells.view(height, width)


def normalised(density: Tensor) -> Tensor:
    """The density over its sum."""
    return density / density.sum()
