"""What crops cost: of pictures with people by the objective and their weight, of others by what is counted in them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distiller.augment import Crop
from distiller.config import read_config
from distiller.objectives import OBJECTIVES, batch_loss, crop_weight, nobody_loss

CONFIG = read_config("bl-quarter", ["objective=density-mse"])


def crop(points: int, *, nobody: bool = False) -> Crop:
    places = np.random.default_rng(points).random((points, 2)).astype(np.float32) * 64
    return Crop(np.zeros((64, 64, 3), np.uint8), places, "drawn", nobody=nobody)


def test_people_counted_where_nobody_is_cost_their_number_where_they_are_few_and_its_root_where_they_are_many() -> None:
    few, many = torch.full((1, 1), 0.01), torch.full((100, 100), 1.0)

    assert nobody_loss(few).item() == pytest.approx(0.01, rel=0.01)
    assert nobody_loss(many).item() == pytest.approx(2 * 100, rel=0.02)


def test_a_batch_costs_the_mean_of_its_crops() -> None:
    crops, density = [crop(5), crop(0, nobody=True)], torch.rand(2, 8, 8)

    labelled = OBJECTIVES["density-mse"](density[0], torch.from_numpy(crops[0].points), CONFIG)
    expected = (labelled + nobody_loss(density[1])) / 2

    assert batch_loss(density, crops, CONFIG).item() == pytest.approx(expected.item())


def test_labels_that_weigh_nothing_leave_only_pictures_of_nobody() -> None:
    config = read_config("bl-quarter", ["teacher.hard=0", "teacher.soft=1"])
    density = torch.rand(2, 8, 8)

    loss = batch_loss(density, [crop(5), crop(0, nobody=True)], config)

    assert loss.item() == pytest.approx(nobody_loss(density[1]).item() / 2)


def test_a_crop_weighs_by_what_is_counted_in_it_and_only_where_that_is_asked_for() -> None:
    assert crop_weight(1000, 0.0) == crop_weight(0, 0.0) == 1
    assert crop_weight(1000, 0.5) < crop_weight(100, 0.5) == 1 < crop_weight(0, 0.5)
