"""Scores zone by zone."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sdk.datasets import Sample
from sdk.evaluation import Evaluation, evaluate
from sdk.report import markdown_page
from sdk.report_html import html_page
from sdk.score_text import zone_rows
from sdk.zones import Zone, Zones
from sdk.zones_count import ZoneCount
from sdk.zones_score import score_zones, zone_outcomes
from tests.sdk.counters import RedCounter
from tests.sdk.polygons import FRAME, Points, partitions, zone
from tests.sdk.test_evaluation import painted

TOP = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
LOWER = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
HALVES = (Zone("top", TOP), Zone("low & back", LOWER))


def scored(folder: Path, *zones: Zone) -> Evaluation:
    """Two photos of 64 x 64 pixels: two people counted at the top of each; the points are elsewhere."""
    samples = [painted(folder, "a", 2, [[4, 4], [4, 60]]), painted(folder, "b", 2, [[60, 60], [60, 64], [4, 60]])]
    return evaluate(RedCounter(), samples, dataset="painted", package="red", zones=Zones(zones))


def test_each_zone_has_its_error_and_bias(tmp_path: Path) -> None:
    scores = scored(tmp_path, *HALVES).zones

    assert scores is not None
    assert [(one.zone, one.people, one.mae, one.bias) for one in scores.zones] == [
        ("top", 1, 1.5, 1.5),
        ("low & back", 4, 2, -2),
    ]
    assert scores.game == 3.5


def test_what_is_excluded_counts_neither_for_nor_against(tmp_path: Path) -> None:
    evaluation = scored(tmp_path, Zone("top", TOP), Zone("mask", LOWER, "exclude"))

    assert evaluation.scores.people == 1
    assert [(photo.true, photo.counted) for photo in evaluation.photos] == [(1, 2), (0, 2)]


def test_masks_alone_leave_no_scores_by_zone(tmp_path: Path) -> None:
    assert scored(tmp_path, Zone("mask", LOWER, "exclude")).zones is None


def test_they_stand_in_the_json_and_both_reports(tmp_path: Path) -> None:
    evaluation = scored(tmp_path, *HALVES)
    record = json.loads(json.dumps(evaluation.to_json()))["zones"]

    assert record["true_and_counted"]["b"] == {"top": [0, 2], "low & back": [3, 0]}
    assert "<td>low &amp; back</td><td>4</td><td>2.0</td><td>-2.0</td>" in html_page(evaluation, [b""] * 2)
    assert r"| low \& back | 4 | 2.0 | -2.0 |" in markdown_page(evaluation, "files")


def test_the_last_row_sums_the_errors(tmp_path: Path) -> None:
    scores = scored(tmp_path, *HALVES).zones

    assert scores is not None
    assert zone_rows(scores)[-1] == ("all, errors summed", "", "3.5", "")


@settings(deadline=None)
@given(partitions(), st.lists(st.tuples(st.integers(0, 64), st.integers(0, 48)), max_size=30))
def test_every_head_is_in_one_of_the_zones_that_tile_the_frame(parts: list[Points], heads: list[Points]) -> None:
    zones = Zones(tuple(zone(str(i), part) for i, part in enumerate(parts)))
    assume(sum(one.share for one in zones.zones) > 1 - 1e-12)
    counts = tuple(ZoneCount(one.name, 0.0) for one in zones.zones)

    outcomes = zone_outcomes(np.array(heads, np.float32).reshape(-1, 2), (48, 64), zones, counts)

    assert sum(one.true for one in outcomes) == len(heads)


def test_no_photo_has_no_scores() -> None:
    assert score_zones([]) is None


def test_the_whole_frame_as_a_zone_scores_like_the_photo(tmp_path: Path) -> None:
    evaluation = scored(tmp_path, Zone("all", FRAME))

    assert evaluation.zones is not None
    assert evaluation.zones.game == pytest.approx(evaluation.scores.mae)


@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_that_of_a_slow_and_obvious_computation(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    zones = Zones(
        (
            Zone("left", ((0.05, 0.1), (0.55, 0.0), (0.45, 0.95))),
            Zone("right", ((0.4, 0.2), (1.0, 0.1), (0.9, 0.8), (0.5, 1.0))),
            Zone("mask", ((0.3, 0.3), (0.7, 0.4), (0.5, 0.7)), "exclude"),
        )
    )
    samples = [
        painted(tmp_path, name, int(rng.integers(20, 60)), rng.uniform(0, 64, (40, 2)).tolist()) for name in "ab"
    ]

    scores = evaluate(RedCounter(), samples, dataset="painted", package="red", zones=zones).zones

    assert scores is not None
    assert scores.game == pytest.approx(np.mean([slow_error(sample, zones) for sample in samples]), abs=0.1)


def slow_error(sample: Sample, zones: Zones) -> float:
    """The zones' absolute errors summed, their people told from 16 x 16 places in each cell."""
    red = cv2.imread(str(sample.photo))[4::8, 4::8, 2] > 200
    error = 0.0
    for one in zones.counted:
        true = sum(belongs(x / 64, y / 64, one, zones) for x, y in sample.points)
        counted = sum(
            belongs((column + (a + 0.5) / 16) / 8, (row + (b + 0.5) / 16) / 8, one, zones) / 256
            for row, column in np.argwhere(red)
            for a in range(16)
            for b in range(16)
        )
        error += abs(counted - true)
    return error


def belongs(x: float, y: float, one: Zone, zones: Zones) -> bool:
    """Whether a place is in a zone and in no mask."""
    masks = [zone for zone in zones.zones if zone.kind == "exclude"]
    return inside(x, y, one.points) and not any(inside(x, y, mask.points) for mask in masks)


def inside(x: float, y: float, corners: Points) -> bool:
    """Whether a line to the right of the place meets an odd number of sides."""
    sides = zip(corners, (*corners[1:], corners[0]), strict=True)
    return (
        sum((y1 > y) != (y2 > y) and x < x1 + (x2 - x1) * (y - y1) / (y2 - y1) for (x1, y1), (x2, y2) in sides) % 2 == 1
    )
