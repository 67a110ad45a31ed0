"""Smoothed counts keep their word about the lag, at any intervals and whatever the wall clock does."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdk.errors import ConfigError, InputError
from sdk.smoothing import FINEST, LEFT_OVER, ExponentialSmoother, MedianSmoother, RateOfChange
from sdk.timing import Moment, Pace

INTERVALS = st.lists(st.floats(0.001, 40.0), min_size=1, max_size=60)
WALL = 1_767_225_600.0  # 2026-01-01 00:00 UTC


def at(seconds: float) -> Moment:
    return Moment(1000.0 + seconds, WALL + seconds)


@settings(deadline=None)
@given(INTERVALS, INTERVALS, st.sampled_from([5.0, 30.0]), st.booleans())
def test_a_lasting_step_has_arrived_after_the_stated_lag(
    before: list[float], after: list[float], window: float, up: bool
) -> None:
    median = MedianSmoother(window)
    old, new = (10.0, 90.0) if up else (90.0, 10.0)
    now = 0.0
    for interval in before:
        now += interval
        median.update(at(now), old)
    step = now
    for interval in after:
        now += interval
        smoothed = median.update(at(now), new)
        if now > step + smoothed.lag_seconds + 1e-6:
            assert (smoothed.value, smoothed.raw) == (new, new)


@settings(deadline=None)
@given(INTERVALS, st.sampled_from([2.0, 20.0]))
def test_of_a_lasting_step_an_exponential_lacks_no_more_than_it_says(after: list[float], constant: float) -> None:
    smoother = ExponentialSmoother(constant)
    smoother.update(at(0), 0.0)
    now = 0.0
    for interval in after:
        now += interval
        smoothed = smoother.update(at(now), 100.0)
        assert smoothed.value == pytest.approx(100 * (1 - math.exp(-now / constant)))
        if now >= smoothed.lag_seconds:
            assert smoothed.value >= 100 * (1 - LEFT_OVER) - 1e-9


def test_wrong_counts_for_less_than_half_the_window_vanish_and_the_raw_value_is_kept() -> None:
    median = MedianSmoother(10)

    found = [median.update(at(second), 500.0 if 20 < second < 25 else 50.0) for second in range(40)]

    assert {smoothed.value for smoothed in found} == {50.0}
    assert max(smoothed.raw for smoothed in found) == 500.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 1000)), min_size=1, max_size=40))
def test_smoothed_values_lie_among_the_raw_ones(readings: list[tuple[float, float]]) -> None:
    median, mean, now = MedianSmoother(10), ExponentialSmoother(3), 0.0
    for interval, value in readings:
        now += interval
        for smoother in (median, mean):
            smoothed = smoother.update(at(now), value).value
            assert min(v for _, v in readings) - 1e-6 <= smoothed <= max(v for _, v in readings) + 1e-6


def test_after_a_gap_the_new_value_counts_at_once() -> None:
    median = MedianSmoother(10)
    median.update(at(0), 5.0)
    median.update(at(9), 5.0)

    assert median.update(at(600), 80.0).value == 80.0


def test_memory_stays_bounded_at_any_rate() -> None:
    median, rate = MedianSmoother(60), RateOfChange(60)
    for frame in range(9000):
        median.update(at(frame / 30), frame)
        rate.update(at(frame / 30), frame)

    assert len(median.to_json()["readings"]) <= 2 / FINEST + 2
    assert len(rate.to_json()["readings"]) <= 2 / FINEST + 2


@pytest.mark.parametrize("jump", [-86_400.0, 3600.0])
def test_setting_the_wall_clock_changes_nothing(jump: float) -> None:
    steady, jumped = MedianSmoother(10), MedianSmoother(10)

    for second, value in enumerate([1.0, 9.0, 4.0, 7.0, 7.0, 2.0]):
        expected = steady.update(at(second), value)
        moment = Moment(at(second).monotonic, at(second).wall + (jump if second > 2 else 0))
        assert jumped.update(moment, value) == expected


def test_a_monotonic_clock_that_stands_or_falls_back_counts_as_no_time() -> None:
    pace = Pace()

    assert [pace.seconds_to(Moment(t, WALL)) for t in (5.0, 5.0, 3.0, 4.0)] == [None, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("kind", [MedianSmoother, ExponentialSmoother, RateOfChange])
def test_a_restart_goes_on_by_the_wall_clock(kind: type[MedianSmoother]) -> None:
    steady = kind(20)
    for second, value in enumerate([5.0, 8.0, 3.0, 9.0, 4.0, 6.0, 7.0, 9.0, 9.0, 2.0, 3.0, 4.0]):
        steady.update(at(second), value)

    restarted = kind.from_json(20, json.loads(json.dumps(steady.to_json())))

    rebooted = [Moment(seconds, at(seconds + 12).wall) for seconds in (3.0, 4.0)]  # a monotonic clock from 0
    assert [restarted.update(moment, 30.0) for moment in rebooted] == [steady.update(at(s), 30.0) for s in (15, 16)]


def test_the_rate_is_the_slope_in_people_a_minute() -> None:
    rate = RateOfChange(30)

    found = [rate.update(at(second), 100 + 2 * second) for second in (0, 1, 5, 13, 16, 22, 40)]

    assert found[:4] == [None] * 4
    assert found[4:6] == pytest.approx([120.0, 120.0])
    assert found[6] is None  # after a gap of over half the window


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_a_window_without_length_is_refused(seconds: float) -> None:
    for kind, name in ((MedianSmoother, "window_seconds"), (ExponentialSmoother, "time_constant")):
        with pytest.raises(ConfigError, match=f"{name} is {seconds}, expected more than 0"):
            kind(seconds)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_reading_that_is_no_number_is_refused(value: float) -> None:
    for kind in (MedianSmoother, ExponentialSmoother, RateOfChange):
        with pytest.raises(InputError, match=f"a reading is {value}, expected a finite number"):
            kind(5).update(at(0), value)
