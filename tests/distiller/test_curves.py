"""What a run draws and tells of itself."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import pytest

from distiller.config import TrainConfig
from distiller.curves import HEIGHT, WIDTH, panel, series_of, ticks, write_curves
from distiller.events import EventLog
from distiller.folder import RunFolder
from distiller.run import Places, train

RECORDS = [
    {"step": 100, "loss": 9.0, "parts": {"hard": 8.0, "soft": 1.0}},
    {"step": 200, "loss": 3.0, "parts": {"hard": 3.0, "soft": 0.0}},
    {"step": 200, "validation": {"a": {"mae": 12.0}, "b": {"mae": 4.0}}},
]


def test_curves_are_the_loss_with_its_parts_and_each_sets_error() -> None:
    panels = series_of(RECORDS)

    assert panels["loss a crop"] == {
        "loss": [(100, 9), (200, 3)],
        "hard": [(100, 8), (200, 3)],
        "soft": [(100, 1), (200, 0)],
    }
    assert panels["MAE of held-out photos"] == {"a": [(200, 12)], "b": [(200, 4)]}


def test_a_falling_line_is_drawn_falling() -> None:
    image = panel("loss", {"loss": [(0, 100.0), (100, 1.0)]})

    rows, columns = (image == (199, 110, 31)).all(2)[40:320].nonzero()
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert rows[columns.argmin()] < rows[columns.argmax()]


def test_nothing_is_drawn_of_values_that_a_logarithm_has_not() -> None:
    assert panel("loss", {"loss": [(0, 0.0), (1, float("nan"))]}).min() < 255  # its title stands


@pytest.mark.parametrize(
    ("least", "most", "expected"), [(0.9, 11, [1, 2, 5, 10]), (3.1, 3.9, [pytest.approx(3.477, 1e-3)])]
)
def test_ticks_are_round(least: float, most: float, expected: list[float]) -> None:
    assert ticks(least, most) == expected


def test_a_file_without_numbers_makes_no_picture(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("")

    write_curves(tmp_path / "metrics.jsonl", tmp_path / "curves.png")

    assert not (tmp_path / "curves.png").exists()


def test_a_run_writes_curves_and_the_model_cards_facts(drawn_set: Path, tiny: TrainConfig, tmp_path: Path) -> None:
    train(tiny, RunFolder(tmp_path / "run"), Places(drawn_set), io.StringIO())

    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert cv2.imread(str(tmp_path / "run" / "curves.png")).shape == (2 * HEIGHT, WIDTH, 3)
    assert card["network"] == {"name": "bl", "n": 64, "batch_norm": True}
    assert (card["step"], card["teacher"]) == (6, None)
    assert card["photos"] == {"crowd": {"training": 3, "held_out": 1}}
    assert card["validation"]["crowd"]["photos"] == 1


def test_tensorboard_gets_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="not run: tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventLog(tmp_path, 0)
    for record in RECORDS:
        log.add(record)
    log.close()

    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(100, 9), (200, 3)]
    assert [event.value for event in events.Scalars("validation/a/mae")] == [12]
