"""Scores of skt-eval on their way to the model card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporters.evaluations import check_of_model, read_evaluation
from sdk.config import to_plain
from sdk.errors import ConfigError
from sdk.metrics import PhotoScore, score_photos

PHOTOS = [
    PhotoScore("a", 10, 12.0, (2.0,) * 4),
    PhotoScore("b", 0, 0.5, (0.5,) * 4),
    PhotoScore("c", 9, 5.0, (4.0,) * 4),
]
SCORES = score_photos(PHOTOS)


def scored(folder: Path, *, indent: int | None = None) -> Path:
    record = {
        "dataset": "points",
        "package": "tiny 1a",
        "backend": "x",
        "scores": SCORES.to_json(),
        "photos": to_plain(PHOTOS),
    }
    path = folder / "scores.json"
    path.write_text(json.dumps(record, indent=indent), "utf-8")
    return path


@pytest.mark.parametrize("indent", [None, 2])
def test_scores_are_kept_and_the_worst_photos(tmp_path: Path, indent: int | None) -> None:
    kept = read_evaluation(scored(tmp_path, indent=indent))

    assert (kept["dataset"], kept["photos"], kept["mae"]) == ("points", 3, SCORES.mae)
    assert [photo["name"] for photo in kept["worst"]] == ["c", "a", "b"]
    assert kept["worst"][0] == {"name": "c", "true": 9, "counted": 5.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not JSON"),
        ("scores: 3", "is not JSON"),
        ("[1]", "holds list, expected an object of scores"),
        ('{"dataset": "a"}', "has no photos, mae, rmse"),
        (
            '{"dataset": "a", "scores": {"photos": 1, "mae": 1, "rmse": 1}, "photos": ["b"]}',
            "has a photo without name, true, counted",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, "utf-8")

    with pytest.raises(ConfigError, match=told):
        read_evaluation(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read evaluation .*none.json: No such file"):
        read_evaluation(tmp_path / "none.json")


def test_scores_of_other_weights_are_refused(tmp_path: Path) -> None:
    evaluation = read_evaluation(scored(tmp_path))

    check_of_model(evaluation, "1a")
    with pytest.raises(ConfigError, match="the evaluation on points is of tiny 1a, this model's version is 2b"):
        check_of_model(evaluation, "2b")
