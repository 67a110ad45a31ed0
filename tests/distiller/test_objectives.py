"""What a batch of crops costs, and how much each of them weighs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distiller.augment import Crop
from distiller.config import read_config
from distiller.objectives import OBJECTIVES, batch_loss, crop_weight

CONFIG = read_config("bl-quarter", ["objective=density-mse"])


def crop(points: int) -> Crop:
    places = np.random.default_rng(points).random((points, 2)).astype(np.float32) * 64
    return Crop(np.zeros((64, 64, 3), np.uint8), places, "drawn")


def test_a_batch_costs_the_mean_of_its_crops() -> None:
    crops, density = [crop(5), crop(9)], torch.rand(2, 8, 8)

    costs = [
        OBJECTIVES["density-mse"](one, torch.from_numpy(each.points), CONFIG).item()
        for one, each in zip(density, crops, strict=True)
    ]

    assert batch_loss(density, crops, CONFIG).item() == pytest.approx(np.mean(costs))


def test_a_crop_weighs_by_what_is_counted_in_it_and_only_where_that_is_asked_for() -> None:
    assert crop_weight(1000, 0.0) == crop_weight(0, 0.0) == 1
    assert crop_weight(1000, 0.5) < crop_weight(100, 0.5) == 1 < crop_weight(0, 0.5)
