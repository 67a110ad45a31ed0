"""From what was seen to figures: percentiles, fractions of the peak, ratios that are withheld."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sdk.bench.contenders import Contender
from sdk.bench.figures import ratio, rows
from sdk.bench.machine import Watched
from sdk.bench.rounds import Seen

FAST = Contender("fast", "", {}, "net 1", "engine", "int8", 1, parameters=9, macs=10**9, bytes=2_000_000)
QUIET, BUSY = Watched(1.0, 0.0, 0.0), Watched(1.0, 1.0, 0.0)


def seen(contender: Contender, ms: float, people: float | None = 100.0, watched: Watched = QUIET, **more: Any) -> Seen:
    found = {"ms": [ms, ms, 2 * ms], "ms_cpu": [ms / 2] * 3, **more}
    return Seen(contender, first_s=1.0, people=people, rounds=[found, found], watched=[watched, watched])


def plain(**changes: Any) -> Contender:
    return replace(FAST, name="plain", precision="fp32", reference=True, **changes)


def test_a_row_holds_percentiles_the_peak_and_the_difference_from_fp32() -> None:
    peak = replace(FAST, name="convolutions", network="", macs=None)
    bare = {"bare_ms": [8.0, 8.0, 16.0], "bare_ms_cpu": [4.0] * 3, "photos": 30, "photos_s": 0.1}
    row, other = rows([seen(FAST, 10.0, 99.0, **bare), seen(plain(), 40.0), seen(peak, 5.0, None)])

    assert (row.median_ms, row.p95_ms, row.processor_ms) == (10.0, 20.0, 5.0)
    assert (row.a_second, row.size_mb, other.a_second) == (pytest.approx(300), 2.0, None)
    assert row.difference_percent == pytest.approx(1.0)
    assert row.of_peak == pytest.approx(0.5)
    assert row.overhead == pytest.approx(0.25)
    assert other.of_peak is None  # nobody ran convolutions in its precision
    assert row.clean


def test_a_labelled_set_adds_its_photos_to_the_difference() -> None:
    one, other = seen(FAST, 10.0), seen(plain(), 40.0)
    one.score = {"mae": 3.0, "counts": {"a": 45.0}}
    other.score = {"mae": 2.0, "counts": {"a": 100.0}}

    row = rows([one, other])[0]

    assert (row.mae, row.difference_percent) == (3.0, pytest.approx(27.5))


def test_a_ratio_is_the_median_over_rounds() -> None:
    found = ratio(seen(FAST, 10.0), seen(plain(), 40.0))

    assert (found.times, found.times_processor, found.clean) == (4.0, 4.0, True)
    assert found.what == "the same network"


def test_a_ratio_is_withheld_where_the_same_network_counts_otherwise() -> None:
    found = ratio(seen(FAST, 10.0, 60.0), seen(plain(), 40.0))

    assert found.times is None
    assert found.note == "no ratio: they count 60.00 and 100.00 people in the same photo"


def test_another_network_is_compared_by_time_only() -> None:
    found = ratio(seen(FAST, 10.0, 60.0), seen(plain(network="net 2"), 40.0, watched=BUSY))

    assert (found.times, found.what, found.clean) == (4.0, "another network: time only", False)
