"""Heat maps over photos, and the label with the count."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sdk.overlay import count_label, draw_overlay, heat_map
from tests.tiny_package import noise_photo

SIZES = [(1, 1), (3, 900), (64, 64), (200, 320), (300, 4000), (4000, 300)]


def spot(rows: int, columns: int, row: int, column: int) -> np.ndarray:
    density = np.zeros((rows, columns), np.float32)
    density[row, column] = 1
    return density


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [0.0, 7.0, 12_345.4])
def test_any_photo_gets_a_picture_of_its_size(size: tuple[int, int], count: float) -> None:
    photo = noise_photo(*size)
    before = photo.copy()

    picture = draw_overlay(photo, np.ones((-(-size[0] // 8), -(-size[1] // 8)), np.float32), count, 8.0)

    assert (picture.shape, picture.dtype) == (photo.shape, np.uint8)
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("size", [(96, 160), (99, 163), (523, 95)])
def test_the_heat_is_where_the_people_are(size: tuple[int, int]) -> None:
    rows, columns = -(-size[0] // 8), -(-size[1] // 8)
    heat = heat_map(spot(rows, columns, rows - 3, columns - 4), *size, 8.0)

    ys, xs = np.nonzero(heat > 250)

    assert heat.shape == size
    assert ys.mean() == pytest.approx(8 * (rows - 3) + 3.5, abs=1)
    assert xs.mean() == pytest.approx(8 * (columns - 4) + 3.5, abs=1)


def test_the_heat_of_a_shrunk_frame_lies_over_the_whole_photo() -> None:
    heat = heat_map(spot(5, 10, 2, 5), 160, 320, 32.0)

    ys, xs = np.nonzero(heat > 250)

    assert (ys.mean(), xs.mean()) == (pytest.approx(79.5, abs=4), pytest.approx(175.5, abs=4))


def test_noise_in_an_empty_scene_never_glows() -> None:
    density = np.random.default_rng(0).random((30, 40)).astype(np.float32) * 1e-4

    assert heat_map(density, 240, 320, 8.0).max() < 5


def test_a_photo_in_strips_looks_like_one_piece() -> None:
    photo = np.full((700, 64, 3), 120, np.uint8)

    picture = draw_overlay(photo, np.full((88, 8), 0.5, np.float32), 352.0, 8.0)

    assert (picture[:300] == picture[0, 0]).all()


def test_a_label_is_drawn_where_there_is_room_and_only_there() -> None:
    def changed(side: int) -> bool:
        photo, empty = np.full((side, side, 3), 200, np.uint8), np.zeros((side // 8, side // 8), np.float32)
        return len(np.unique(draw_overlay(photo, empty, 5.0, 8.0).reshape(-1, 3), axis=0)) > 1

    assert (changed(400), changed(64)) == (True, False)


@pytest.mark.parametrize("height", [18, 40, 300])
def test_the_label_holds_its_words_whole(height: int) -> None:
    label = count_label("12,345", height)

    edge = np.concatenate([label[:2].ravel(), label[-2:].ravel(), label[:, :2].ravel(), label[:, -2:].ravel()])
    assert edge.max() < 40
    assert label.max() > 200
    assert 1.3 * height < label.shape[0] < 3 * height


def test_one_person_is_no_people() -> None:
    assert count_label("1", 40).shape != count_label("2", 40).shape
    assert cv2.absdiff(count_label("2", 40), count_label("2", 40)).max() == 0
