"""A counter scored on a labelled set."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk.datasets import Sample, read_dataset
from sdk.errors import InputError
from sdk.evaluation import WORST, evaluate
from tests.sdk import labels
from tests.sdk.counters import RedCounter


def painted(folder: Path, name: str, red: int, points: list[list[float]], height: int = 64) -> Sample:
    """A photo of 64 pixels in width whose first `red` cells are red, with its head points."""
    image = np.zeros((height, 64, 3), np.uint8)
    for cell in range(red):
        top, left = 8 * (cell // 8), 8 * (cell % 8)
        image[top : top + 8, left : left + 8, 2] = 255
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), image)
    return Sample(name, path, np.array(points, np.float32).reshape(-1, 2))


def test_each_photo_is_counted_and_compared_with_its_points(tmp_path: Path) -> None:
    samples = [painted(tmp_path, "a", 2, [[4, 4]]), painted(tmp_path, "b", 1, [[4, 4], [60, 60]])]

    evaluation = evaluate(RedCounter(), samples, dataset="painted", package="red")

    assert [(photo.name, photo.true, photo.counted) for photo in evaluation.photos] == [("a", 1, 2), ("b", 2, 1)]
    assert (evaluation.scores.mae, evaluation.scores.bias, evaluation.scores.photos) == (1, 0, 2)
    assert evaluation.backend == "red 1.0, cpu (numpy), fp32"


def test_people_found_in_another_place_show_in_game_alone(tmp_path: Path) -> None:
    evaluation = evaluate(RedCounter(), [painted(tmp_path, "a", 1, [[60, 60]])], dataset="painted", package="red")

    assert evaluation.scores.game == (0, 2, 2, 2)


def test_an_unreadable_photo_is_reported_and_the_rest_still_scored(tmp_path: Path) -> None:
    samples = [painted(tmp_path, "a", 1, [[4, 4]]), painted(tmp_path, "b", 1, [])]
    samples[1].photo.write_bytes(b"no photo")

    evaluation = evaluate(RedCounter(), samples, dataset="painted", package="red")

    assert evaluation.scores.photos == 1
    assert [failure.name for failure in evaluation.failed] == ["b"]
    assert "b.png is not a photo" in evaluation.failed[0].message


def test_a_set_without_one_readable_photo_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    samples = [Sample("a", tmp_path / "a.jpg", np.zeros((0, 2), np.float32))]

    with pytest.raises(InputError, match=r"none of 1 photos could be counted; the first: no such photo: .*a\.jpg"):
        evaluate(RedCounter(), samples, dataset="painted", package="red")


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(InputError, match="no photo was scored"):
        evaluate(RedCounter(), [], dataset="painted", package="red")


def test_the_worst_photos_are_kept_as_small_pictures_greatest_error_first(tmp_path: Path) -> None:
    samples = [painted(tmp_path, str(red), red, [], height=1280) for red in (3, 9, 1, 7, 2, 8, 5)]

    worst = evaluate(RedCounter(), samples, dataset="painted", package="red").worst

    assert [item.photo.name for item in worst] == ["9", "8", "7", "5", "3", "2"]
    assert len(worst) == WORST
    assert worst[0].picture.shape == (640, 32, 3)


def test_progress_is_told_after_each_photo_readable_or_not(tmp_path: Path) -> None:
    samples = [painted(tmp_path, "a", 1, []), Sample("b", tmp_path / "b.jpg", np.zeros((0, 2), np.float32))]
    ticks: list[int] = []

    evaluate(RedCounter(), samples, dataset="painted", package="red", progress=lambda: ticks.append(1))

    assert len(ticks) == 2


def test_a_rotated_photo_is_counted_as_stored_because_its_points_are(tmp_path: Path) -> None:
    content = labels.photo(tmp_path / "a.jpg", height=32, width=64).read_bytes()
    (tmp_path / "a.jpg").write_bytes(labels.turned(content))
    labels.text(tmp_path / "points.csv", "photo,x,y\na.jpg,60,30\n")

    (photo,) = evaluate(RedCounter(), read_dataset("points", tmp_path), dataset="own", package="red").photos

    assert photo.game == (1, 1, 1, 1)


def test_points_labelled_outside_are_counted_and_told(tmp_path: Path) -> None:
    labels.photo(tmp_path / "1.jpg")
    labels.mat(tmp_path / "1_ann.mat", annPoints=[[5, 5], [500, 5]])

    evaluation = evaluate(RedCounter(), read_dataset("ucf-cc-50", tmp_path), dataset="ucf", package="red")

    assert (evaluation.scores.people, evaluation.moved) == (2, 1)


def test_an_evaluation_is_json(tmp_path: Path) -> None:
    evaluation = evaluate(RedCounter(), [painted(tmp_path, "a", 1, [])], dataset="painted", package="red")

    record = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))

    assert record["photos"] == [{"name": "a", "true": 0, "counted": 1, "game": [1, 1, 1, 1]}]
    assert (record["scores"]["mae"], record["failed"], record["points_moved"]) == (1, [], 0)
