"""Scores zone by zone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

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
