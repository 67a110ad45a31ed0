"""How a network does on held-out photos while it is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from distiller.data import LabelledSet, read_photo
from distiller.device import autocast
from distiller.networks import STRIDE, CountingNetwork
from distiller.quantised import Quantised
from sdk.datasets import Sample
from sdk.frame import pad_to_multiple, photo_cells

Scores = dict[str, float]
Counter = CountingNetwork | Quantised


@torch.no_grad()
def count_photo(network: Counter, image: NDArray[np.uint8], number_format: str = "off") -> float:
    """People in a whole photo (h, w, 3) uint8 BGR; the network stands in evaluation mode."""
    device = next(network.parameters()).device
    padded = torch.from_numpy(np.ascontiguousarray(pad_to_multiple(image, network.multiple)))[None].to(device)
    with autocast(device, number_format):
        density = network(padded)
    height, width = image.shape[:2]
    return float(photo_cells(density.cpu().numpy(), height, width, STRIDE).sum(dtype=np.float64))


def validate(network: Counter, samples: Sequence[Sample], number_format: str = "off") -> Scores:
    """MAE, RMSE and mean signed error (counted less true) against the number of points, and the number of photos."""
    errors = np.array([count_photo(network, read_photo(s.photo), number_format) - len(s.points) for s in samples])
    mae, rmse = np.abs(errors).mean(), np.sqrt(np.square(errors).mean())
    return {"mae": float(mae), "rmse": float(rmse), "bias": float(errors.mean()), "photos": len(samples)}


def validate_sets(network: Counter, sets: Sequence[LabelledSet], number_format: str = "off") -> dict[str, Scores]:
    """The scores of each set that has held-out photos."""
    return {one.name: validate(network, one.validation, number_format) for one in sets if one.validation}
