"""Scores against head points, beside slow references written from their definitions."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdk.errors import InputError
from sdk.metrics import BINS, PhotoScore, density_by_part, game_errors, points_by_part, score_photos
from tests.tolerances import EXACT

PHOTOS = [
    PhotoScore("empty", 0, 2.0, (2.0, 2.0, 2.0, 2.0)),
    PhotoScore("few", 10, 7.0, (3.0, 3.0, 5.0, 6.0)),
    PhotoScore("many", 600, 690.0, (90.0, 92.0, 100.0, 120.0)),
]


def slow_game(density: NDArray[np.float32], points: NDArray[np.float32], size: tuple[int, int], level: int) -> float:
    """GAME(level) of one photo, pixel by pixel: each pixel gets an equal part of its cell, each part its pixels."""
    height, width = size
    parts = 2**level
    total = 0.0
    for row in range(parts):
        for column in range(parts):
            top, bottom = row * height / parts, (row + 1) * height / parts
            left, right = column * width / parts, (column + 1) * width / parts
            people = sum(
                float(density[i, j])
                * (max(0.0, min(bottom, 8 * i + 8) - max(top, 8 * i)) / (min(8 * i + 8, height) - 8 * i))
                * (max(0.0, min(right, 8 * j + 8) - max(left, 8 * j)) / (min(8 * j + 8, width) - 8 * j))
                for i in range(density.shape[0])
                for j in range(density.shape[1])
            )
            total += abs(people - sum(left <= x < right and top <= y < bottom for x, y in points))
    return total


@st.composite
def counted_photos(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]]:
    """A density with cells of 8 pixels, head points, and the photo's height and width."""
    size = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = rng.random((math.ceil(size[0] / 8), math.ceil(size[1] / 8)), np.float32)
    points = rng.random((draw(st.integers(0, 30)), 2)) * (size[1], size[0])
    return density, np.floor(points).astype(np.float32), size


@given(counted_photos())
def test_game_is_what_its_definition_says(
    photo: tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]],
) -> None:
    density, points, size = photo

    expected = [slow_game(density, points, size, level) for level in range(4)]

    assert game_errors(density, points, size, 8.0) == pytest.approx(expected, rel=EXACT, abs=EXACT)


@given(counted_photos())
def test_parts_share_out_all_people_and_all_points(
    photo: tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]],
) -> None:
    density, points, size = photo

    assert density_by_part(density, size, 8.0, 8).sum() == pytest.approx(density.sum(dtype=np.float64), rel=EXACT)
    assert points_by_part(points, size, 8).sum() == len(points)


@given(counted_photos())
def test_game_never_falls_as_parts_get_smaller(
    photo: tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]],
) -> None:
    errors = game_errors(*photo, 8.0)

    assert all(later >= earlier - EXACT for earlier, later in pairwise(errors))


def test_people_in_the_wrong_place_cost_nothing_at_level_0_and_twice_at_level_1() -> None:
    density = np.array([[3, 0], [0, 0]], np.float32)
    points = np.array([[12, 12]] * 3, np.float32)

    assert game_errors(density, points, (16, 16), 8.0) == (0, 6, 6, pytest.approx(6))


def test_a_cell_on_a_border_is_shared_out_by_area() -> None:
    parts = density_by_part(np.array([[0, 4, 0]], np.float32), (8, 24), 8.0, 2)

    assert parts.tolist() == [[1, 1], [1, 1]]


def test_a_last_cell_that_holds_padding_gives_all_its_people_to_the_photo() -> None:
    parts = density_by_part(np.array([[0, 4]], np.float32), (8, 10), 8.0, 2)

    assert parts.tolist() == [[0, 2], [0, 2]]


def test_a_shrunk_photo_is_scored_on_the_photo_s_own_pixels() -> None:
    density, points = np.array([[1, 0]], np.float32), np.array([[10, 10]], np.float32)

    assert game_errors(density, points, (32, 64), 8 / 0.25)[1] == 1.0


@pytest.mark.parametrize("size", [(8, 16), (17, 8), (8, 33)])
def test_a_density_of_another_photo_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"cells of 8 pixels do not fit a photo's side of \d+ pixels"):
        game_errors(np.zeros((1, 3), np.float32), np.zeros((0, 2), np.float32), size, 8.0)


def test_scores_are_what_their_definitions_say() -> None:
    scores = score_photos(PHOTOS)

    assert (scores.photos, scores.people) == (3, 610)
    assert scores.mae == pytest.approx((2 + 3 + 90) / 3, rel=EXACT)
    assert scores.rmse == pytest.approx(math.sqrt((4 + 9 + 8100) / 3), rel=EXACT)
    assert scores.bias == pytest.approx((2 - 3 + 90) / 3, rel=EXACT)
    assert scores.bias_percent == pytest.approx(100 * 89 / 610, rel=EXACT)
    assert scores.game == pytest.approx((95 / 3, 97 / 3, 107 / 3, 128 / 3), rel=EXACT)


def test_the_normalised_error_leaves_photos_without_people_out_and_says_how_many() -> None:
    scores = score_photos(PHOTOS)

    assert scores.nae == pytest.approx((3 / 10 + 90 / 600) / 2, rel=EXACT)
    assert scores.nae_left_out == 1


def test_a_set_without_people_has_no_relative_scores() -> None:
    scores = score_photos(PHOTOS[:1])

    assert (scores.mae, scores.nae, scores.bias_percent) == (2, None, None)


def test_bins_hold_each_photo_once_with_its_error() -> None:
    bins = score_photos(PHOTOS).bins

    assert [(part.photos, part.people, part.mae, part.bias) for part in bins] == [
        (1, 0, 2, 2),
        (1, 10, 3, -3),
        (0, 0, None, None),
        (0, 0, None, None),
        (1, 600, 90, 90),
    ]


@pytest.mark.parametrize(
    ("people", "place"), [(0, 0), (1, 1), (50, 1), (51, 2), (200, 2), (201, 3), (500, 3), (501, 4)]
)
def test_bins_meet_without_gap_or_overlap(people: int, place: int) -> None:
    photo = PhotoScore("a", people, 0.0, (0.0, 0.0, 0.0, 0.0))

    assert [part.photos for part in score_photos([photo]).bins] == [int(i == place) for i in range(len(BINS))]


def test_scores_are_json_without_special_numbers() -> None:
    text = json.dumps(score_photos(PHOTOS[:1]).to_json(), allow_nan=False)

    assert json.loads(text)["bins"][4] == {
        "fewest": 501, "most": None, "photos": 0, "people": 0, "mae": None, "bias": None,
    }  # fmt: skip


def test_no_photo_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="no photo was scored"):
        score_photos([])


def test_a_count_that_is_not_finite_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="photo plaza counts nan people"):
        score_photos([PhotoScore("plaza", 1, math.nan, (0.0,) * 4)])
