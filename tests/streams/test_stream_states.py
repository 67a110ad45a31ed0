"""States of a camera travel with its results, through every kind of sink that keeps them."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sdk.frame import Image
from sdk.streams.camera import CameraConfig
from sdk.streams.cameras import Cameras, CamerasConfig
from sdk.streams.limits import StreamLimits
from tests.sdk.counters import RedCounter
from tests.streams.videos import write_video
from tests.streams.watching import watch
from tests.tiny_package import noise_photo

GOOD, COVERED = 6, 2  # frames


def street(seed: int) -> Image:
    """A view of large shapes that stay, and grains that do not."""
    shapes = np.kron(noise_photo(12, 20, seed=1), np.ones((8, 8, 1), np.uint8))
    return np.clip(shapes.astype(int) + noise_photo(96, 160, seed=seed) // 32, 0, 255).astype(np.uint8)


def covered(seed: int) -> Image:
    return (90 + noise_photo(96, 160, seed=seed) // 64).astype(np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A camera whose lens is covered in the end."""
    frames = [*map(street, range(GOOD)), *map(covered, range(COVERED))]
    return write_video(tmp_path / "gate.avi", frames)


def test_a_covered_lens_shows_in_results_and_in_every_sink(video: Path, tmp_path: Path) -> None:
    sinks = tuple(str(place) for place in (tmp_path / "a.jsonl", tmp_path / "b.csv", f"sqlite:///{tmp_path / 'c.db'}"))
    config = CamerasConfig({"gate": CameraConfig(str(video), sinks=sinks)})

    with Cameras(RedCounter().count, config) as cameras:
        results = [taken.stream.result for taken in cameras if taken.stream.result]

    expected = ["ok"] * GOOD + ["untrusted"] * COVERED
    assert [result.state for result in results] == expected
    assert results[-1].reasons[0].startswith("covered: ")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == expected
    (table,) = tmp_path.glob("b-*.csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["state"] for row in rows] == expected
    assert rows[-1]["reasons"] == results[-1].reasons[0] == lines[-1]["reasons"][0]
    with closing(sqlite3.connect(tmp_path / "c.db")) as database:
        assert [state for (state,) in database.execute("SELECT state FROM readings ORDER BY rowid")] == expected


@pytest.mark.parametrize(
    ("limits", "state"), [(StreamLimits(), "untrusted"), (StreamLimits(frozen_seconds=None), "ok")]
)
def test_a_recording_that_stands_still_is_frozen_unless_it_may(
    tmp_path: Path, limits: StreamLimits, state: str
) -> None:
    still = write_video(tmp_path / "still.avi", [street(3)] * 8, fps=1)

    with watch(still, limits) as stream:
        last = [seen.result for seen in stream if seen.result][-1]

    assert last.state == state
    assert [reason.partition(":")[0] for reason in last.reasons] == (["frozen"] if state == "untrusted" else [])
