"""What the density of a crop is trained against, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from distiller.augment import Crop
from distiller.losses import bayesian_loss, density_mse, poisson_squares
from distiller.networks import STRIDE
from distiller.targets import density_map
from distiller.transport import transport_loss

if TYPE_CHECKING:
    from distiller.config import TrainConfig


def bayesian(density: Tensor, points: Tensor, config: TrainConfig) -> Tensor:
    """See bayesian_loss; density (h, w), points (n, 2)."""
    return bayesian_loss(density, points, stride=STRIDE, sigma=config.sigma, margin=config.margin)


def bayesian_count(density: Tensor, points: Tensor, config: TrainConfig) -> Tensor:
    """The Bayesian loss and the absolute error of the crop's count; density (h, w), points (n, 2).

    The Bayesian loss alone is least where each person's expected count is a median, which is 0 for people that the
    network is not sure of; the count term (as in DM-Count, Wang et al., NeurIPS 2020, arXiv 2009.13077) asks for a sum
    that is right.
    """
    return bayesian(density, points, config) + (density.sum() - len(points)).abs()


def squared_error(density: Tensor, points: Tensor, config: TrainConfig) -> Tensor:
    """Mean squared error per cell beside the exact target map; density (h, w), points (n, 2)."""
    size = (density.shape[0] * STRIDE, density.shape[1] * STRIDE)
    return density_mse(density, density_map(points, size, config.target, stride=STRIDE))


def poisson(density: Tensor, points: Tensor, config: TrainConfig) -> Tensor:
    """See poisson_squares; density (h, w), points (n, 2)."""
    size = (density.shape[0] * STRIDE, density.shape[1] * STRIDE)
    return poisson_squares(density, density_map(points, size, config.target, stride=STRIDE))


def transport(density: Tensor, points: Tensor, _config: TrainConfig) -> Tensor:
    """DM-Count's, see transport_loss; density (h, w), points (n, 2)."""
    return transport_loss(density, points, stride=STRIDE)


OBJECTIVES: dict[str, Callable[[Tensor, Tensor, TrainConfig], Tensor]] = {
    "bayesian": bayesian,
    "bayesian-count": bayesian_count,
    "density-mse": squared_error,
    "poisson": poisson,
    "transport": transport,
}


USUAL_PEOPLE = 100  # a crop of so many people weighs 1, whatever the balance
FEW_PEOPLE = 10  # below about so many, crops weigh alike, so that empty ones do not outweigh the others


def crop_weight(people: float, balance: float) -> float:
    """How much a crop counts in its batch: 0 leaves dense crops their greater losses, 1 gives each person's share.

    people: as counted. Weights by the true number would make of crops that look alike the emptier ones weigh more, and
    the network count too few.
    """
    return float(((USUAL_PEOPLE + FEW_PEOPLE) / (people + FEW_PEOPLE)) ** balance)


def batch_loss(density: Tensor, crops: Sequence[Crop], config: TrainConfig) -> Tensor:
    """Weighted mean of the objective over the crops; density (n, h, w)."""
    objective = OBJECTIVES[config.objective]
    losses = [
        crop_weight(one.sum().item(), config.balance)
        * objective(one, torch.from_numpy(crop.points).to(density.device), config)
        for one, crop in zip(density, crops, strict=True)
    ]
    return torch.stack(losses).mean()
