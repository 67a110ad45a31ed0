"""Crops: heads stay where their points are, at every scale and place."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from distiller.augment import PADDING_BGR, Augment, change_light, empty_crop, random_crop
from sdk.errors import ConfigError
from tests.tolerances import CROP_PIXELS

BACKGROUND = 40


def photo_with_dot(x: float, y: float, size: tuple[int, int], deviation: float) -> np.ndarray:
    """A soft bright dot on dark (h, w, 3), centred on the continuous point x, y: pixel i covers i to i + 1."""
    rows, columns = (np.arange(side) + 0.5 for side in size)
    along_x, along_y = (np.exp(-((place - at) ** 2) / (2 * deviation**2)) for place, at in ((columns, x), (rows, y)))
    dot = np.outer(along_y, along_x)
    return np.repeat((BACKGROUND + 200 * dot)[:, :, None].round(), 3, axis=2).astype(np.uint8)


def centre_of_dot(image: np.ndarray, around: np.ndarray, reach: float) -> np.ndarray:
    """x, y of the brightness above the background within `reach` pixels of a place."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    near = (np.abs(columns - around[0]) < reach) & (np.abs(rows - around[1]) < reach)
    weight = np.where(near, np.clip(image[:, :, 0].astype(float) - BACKGROUND - 8, 0, None), 0)
    assert weight.sum() > 0, "no dot near its point"
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("scale", [0.1, 0.2, 0.33, 0.5, 0.61, 0.75, 0.9, 0.999, 1.0, 1.001, 1.25, 1.6, 2.5, 4.0])
@pytest.mark.parametrize("part", [0.71, 1.3])  # the photo's side, of the window's that a crop shows
def test_a_dot_lies_on_its_point_after_the_crop(scale: float, part: float) -> None:
    size = (round(part * 128 / scale) + 3, round(part * 128 / scale) + 18)
    deviation = max(2.0, 1.2 / scale)
    reach = 3 * deviation * scale
    checked = 0
    for seed in range(24):
        x, y = np.random.default_rng(seed).uniform(0.3, 0.7, 2) * size[::-1]
        image, point = photo_with_dot(x, y, size, deviation), np.array([[x, y]], np.float32)
        crop = random_crop(image, point, Augment(crop=128, smallest=scale, largest=scale), np.random.default_rng(seed))
        if (crop.points > reach).all() and (crop.points < 128 - reach).all() and len(crop.points):  # not cut off
            assert np.abs(centre_of_dot(crop.image, crop.points[0], reach) - crop.points[0]).max() < CROP_PIXELS
            checked += 1
    assert checked >= 8


@pytest.mark.parametrize("scale", [0.5, 0.83, 1.0, 1.3, 2.0])
def test_the_mean_error_over_many_crops_is_a_small_part_of_a_pixel(scale: float) -> None:
    augment = Augment(crop=96, smallest=scale, largest=scale)
    image, point = photo_with_dot(150.3, 101.7, (200, 300), 3.0), np.array([[150.3, 101.7]], np.float32)
    errors = []
    for seed in range(150):
        crop = random_crop(image, point, augment, np.random.default_rng(seed))
        if len(crop.points) and (crop.points > 18).all() and (crop.points < 78).all():
            errors.append(centre_of_dot(crop.image, crop.points[0], 9 * scale) - crop.points[0])

    assert len(errors) > 5
    assert np.abs(np.mean(errors, axis=0)).max() < CROP_PIXELS / 6


def test_points_lie_inside_the_crop_whichever_way_it_is_mirrored() -> None:
    image = np.zeros((80, 80, 3), np.uint8)
    points = np.array([[0, 0], [79.99, 79.99], [0, 79.99], [40, 40]], np.float32)
    augment = Augment(crop=80, smallest=1, largest=1)
    for seed in range(10):
        crop = random_crop(image, points, augment, np.random.default_rng(seed))
        assert len(crop.points) == 4
        assert ((crop.points >= 0) & (crop.points < 80)).all()


def test_crops_that_do_not_cut_a_photo_keep_all_its_people() -> None:
    points = np.random.default_rng(1).uniform(0, 60, (50, 2)).astype(np.float32)
    crop = random_crop(
        np.zeros((60, 60, 3), np.uint8), points, Augment(crop=160, smallest=0.5, largest=2), np.random.default_rng(2)
    )

    assert len(crop.points) == 50


def rows_seen(augment: Augment, side: int) -> NDArray[np.float64]:
    """In which part of a photo's crops each of its rows is, (side,)."""
    image = np.repeat(np.arange(side, dtype=np.uint8), side * 3).reshape(side, side, 3)
    seen = np.zeros(side)
    for seed in range(600):
        crop = random_crop(image, np.zeros((0, 2), np.float32), augment, np.random.default_rng(seed))
        seen[crop.image[1:-1].min() : crop.image[1:-1].max() + 1] += 1
    return seen / 600


@pytest.mark.parametrize("crop", [48, 64])
def test_even_crops_show_the_rim_as_often_as_the_middle(crop: int) -> None:
    even = rows_seen(Augment(crop=crop, smallest=1, largest=1, even=True), 192)
    plain = rows_seen(Augment(crop=crop, smallest=1, largest=1), 192)

    assert even[[2, -3]] == pytest.approx(even[96], rel=0.4)
    assert plain[[2, -3]].max() < 0.1 * plain[96]


def test_even_crops_that_do_not_cut_a_photo_keep_all_its_people() -> None:
    points = np.random.default_rng(1).uniform(0, 60, (50, 2)).astype(np.float32)
    for seed in range(20):
        augment = Augment(crop=160, smallest=0.5, largest=2, even=True)
        crop = random_crop(np.zeros((60, 60, 3), np.uint8), points, augment, np.random.default_rng(seed))
        assert len(crop.points) == 50


def test_what_lies_outside_the_photo_is_plain() -> None:
    crop = random_crop(
        np.full((20, 20, 3), 255, np.uint8),
        np.zeros((0, 2), np.float32),
        Augment(crop=64, smallest=1, largest=1),
        np.random.default_rng(4),
    )

    assert (crop.image == PADDING_BGR).all(axis=2).sum() >= 64 * 64 - 22 * 22
    assert (crop.image == 255).all(axis=2).sum() >= 18 * 18


def test_a_shrunk_fine_pattern_turns_grey_instead_of_aliasing() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = random_crop(
        stripes, np.zeros((0, 2), np.float32), Augment(crop=64, smallest=0.3, largest=0.3), np.random.default_rng(1)
    )

    assert crop.image.std() < 30


def test_light_changes_a_photo_but_not_its_shape_and_is_off_at_zero() -> None:
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    same = change_light(image, Augment(light=0, grey=0, blur=0), np.random.default_rng(1))
    other = change_light(image, Augment(light=0.5, grey=1, blur=1), np.random.default_rng(1))

    assert np.array_equal(same, image)
    assert (other.shape, other.dtype) == (image.shape, np.uint8)
    assert (other[..., 0] == other[..., 2]).all()


def test_empty_crops_show_nobody_and_differ() -> None:
    crops = [empty_crop(48, np.random.default_rng(seed)) for seed in range(20)]

    assert all((len(crop.points), crop.image.shape) == (0, (48, 48, 3)) for crop in crops)
    assert len({crop.image.tobytes() for crop in crops}) == 20


def test_a_scale_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"setting augment.smallest 2.0 is more than augment.largest 1.5"):
        Augment(smallest=2.0, largest=1.5)
