"""Occupancy by periods of local time, through gaps, summer time and clocks that are set."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdk.errors import ConfigError, InputError
from sdk.occupancy import PERIODS, Occupancy, OccupancyLog, period_around
from sdk.timing import Moment


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


START = utc("2026-03-10T12:00:00")


def at(seconds: float, start: float = START, jump: float = 0.0) -> Moment:
    return Moment(70.0 + seconds, start + seconds + jump)


def fed(log: OccupancyLog, readings: Iterable[tuple[float, float]], start: float = START) -> list[Occupancy]:
    return [found for second, value in readings for found in log.update(at(second, start), value)]


def steady(value: float, seconds: int, step: int = 10) -> list[tuple[float, float]]:
    return [(second, value) for second in range(0, seconds + step, step)]


def test_each_minute_quarter_and_hour_is_handed_over_once() -> None:
    found = fed(OccupancyLog(), steady(5, 3600))

    assert [sum(one.period == period for one in found) for period in PERIODS] == [60, 4, 1]
    assert {one.covered_seconds for one in found if one.period == "hour"} == {3600}


def test_a_period_tells_its_numbers_weighted_by_time() -> None:
    readings = [(0, 10.0), (30, 40.0), (57, 100.0), (60, 0.0)]

    (minute,) = fed(OccupancyLog(periods=["minute"]), readings)

    assert minute.to_json() == {
        "period": "minute",
        "start": "2026-03-10T12:00:00+00:00",
        "end": "2026-03-10T12:01:00+00:00",
        "min": 10,
        "mean": (30 * 10 + 27 * 40 + 3 * 100) / 60,
        "max": 100,
        "p95": 40,
        "readings": 3,
        "covered_seconds": 60,
        "clock_jumped": False,
    }


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 50), st.floats(0, 900)), min_size=2, max_size=80))
def test_all_people_seconds_are_in_some_minute(readings: list[tuple[float, float]]) -> None:
    times = np.cumsum([interval for interval, _ in readings])
    values = [value for _, value in readings]
    log = OccupancyLog(periods=["minute"])

    found = fed(log, [*zip(times, values, strict=True), (times[-1] + 0.01, 0.0)])
    found += fed(log, [(times[-1] + 120, 0.0)])  # held for 60 of them

    true = float((np.diff([*times, times[-1] + 0.01]) * values).sum())
    assert sum(one.mean * one.covered_seconds for one in found) == pytest.approx(true, rel=1e-6, abs=1e-6)
    assert all(one.fewest <= one.mean <= one.most and one.fewest <= one.p95 <= one.most for one in found)


def test_the_percentile_is_that_of_a_sorted_list_to_three_digits() -> None:
    values = np.random.default_rng(0).gamma(3, 40, 3600)
    (hour,) = fed(OccupancyLog(periods=["hour"]), [*enumerate(values), (3600, 0.0)])

    assert hour.p95 == pytest.approx(np.quantile(values, 0.95, method="inverted_cdf"), rel=0.005)


def test_a_reading_holds_no_longer_than_a_gap_and_empty_periods_are_left_out() -> None:
    found = fed(OccupancyLog(periods=["minute"], max_gap_seconds=20), [(0, 7.0), (10, 7.0), (600, 7.0), (660, 7.0)])

    assert [(one.start.minute, one.covered_seconds) for one in found] == [(0, 30), (10, 20)]


@pytest.mark.parametrize(
    ("zone", "start", "offsets"),
    [
        ("Europe/Berlin", "2026-03-29T00:00:00", ["01+01:00", "03+02:00", "04+02:00"]),
        ("Europe/Berlin", "2026-10-25T00:00:00", ["02+02:00", "02+01:00", "03+01:00"]),
        ("America/New_York", "2026-11-01T05:00:00", ["01-04:00", "01-05:00", "02-05:00"]),
    ],
)
def test_hours_follow_summer_time(zone: str, start: str, offsets: list[str]) -> None:
    found = fed(OccupancyLog(zone, periods=["hour"]), steady(1, 3 * 3600, 30), utc(start))

    assert [f"{one.start:%H}{one.start.isoformat()[-6:]}" for one in found] == offsets
    assert {one.covered_seconds for one in found} == {3600}


def test_hours_of_a_zone_half_an_hour_off_begin_at_its_own_full_hours() -> None:
    found = fed(OccupancyLog("Asia/Kolkata", periods=["hour"]), steady(1, 5400, 30))

    assert [(one.start.hour, one.start.minute, one.covered_seconds) for one in found] == [(17, 0, 1800), (18, 0, 3600)]


def test_where_the_clock_moves_by_half_an_hour_periods_neither_overlap_nor_leave_a_hole() -> None:
    zone, start = ZoneInfo("Australia/Lord_Howe"), utc("2026-04-04T13:00:00")
    bounds = sorted({period_around(start + 60 * minute, 3600, zone) for minute in range(240)})

    assert all(end == following for (_, end), (following, _) in pairwise(bounds))
    assert sorted({end - begin for begin, end in bounds}) == [1800, 3600]


@settings(deadline=None)
@given(st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]), st.integers(0, 366 * 86400))
def test_every_moment_lies_in_its_period(zone: str, seconds: int) -> None:
    moment = utc("2026-01-01T00:00:00") + seconds + 0.5
    for length in PERIODS.values():
        start, end = period_around(moment, length, ZoneInfo(zone))
        assert start <= moment < end <= start + length


def test_a_clock_that_is_set_forward_closes_what_is_open_and_invents_no_time() -> None:
    log = OccupancyLog(periods=["minute"])
    fed(log, [(0, 4.0), (10, 4.0)])

    (broken,) = log.update(at(20, jump=3600), 4.0)

    assert (broken.covered_seconds, broken.clock_jumped) == (20, True)
    (after,) = log.update(at(60, jump=3600), 4.0)
    assert (after.start, after.covered_seconds, after.clock_jumped) == (
        broken.start + timedelta(hours=1), 40, False)  # fmt: skip


def test_a_clock_that_is_set_back_gives_a_period_twice_and_says_so() -> None:
    log = OccupancyLog(periods=["minute"])
    first = fed(log, steady(4, 60))
    second = log.update(at(70, jump=-60), 9.0)
    third = [found for second_ in (80, 90, 100, 125) for found in log.update(at(second_, jump=-60), 9.0)]

    assert [(one.start.minute, one.covered_seconds, one.clock_jumped) for one in (*first, *second, *third)] == [
        (0, 60, False),
        (1, 10, True),
        (0, 50, False),
    ]


def test_a_clock_that_is_set_within_the_minute_keeps_it_open() -> None:
    log = OccupancyLog(periods=["minute"])
    fed(log, steady(4, 30))

    assert log.update(at(40, jump=-5), 4.0) == ()
    (minute,) = log.update(at(70, jump=-5), 4.0)
    assert (minute.covered_seconds, minute.clock_jumped) == (65, True)


def test_a_restart_goes_on_in_the_same_period() -> None:
    whole, first = OccupancyLog("Europe/Berlin"), OccupancyLog("Europe/Berlin")
    readings = [(float(second), float(second % 7)) for second in range(0, 1000, 5)]
    expected = fed(whole, readings)

    found = fed(first, readings[:90])
    second = OccupancyLog.from_json(json.loads(json.dumps(first.to_json())), "Europe/Berlin")
    found += [one for time, value in readings[90:] for one in second.update(Moment(time, START + time), value)]

    assert found == expected


def test_unknown_names_and_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"time zone 'Europe/Belrin' is unknown .*tzdata"):
        OccupancyLog("Europe/Belrin")
    with pytest.raises(ConfigError, match=r"time zone '\.\./etc' is unknown"):
        OccupancyLog("../etc")
    with pytest.raises(ConfigError, match=r"period is 'day' .*minute, quarter, hour"):
        OccupancyLog(periods=["day"])
    with pytest.raises(ConfigError, match="max_gap_seconds is 0, expected more than 0"):
        OccupancyLog(max_gap_seconds=0)
    with pytest.raises(InputError, match="a reading is inf"):
        OccupancyLog().update(at(0), float("inf"))
