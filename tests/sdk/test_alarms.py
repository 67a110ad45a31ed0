"""Alarms: one event for each change of level, after its hold time."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdk.alarms import Alarm, AlarmEvent, AlarmRules
from sdk.errors import ConfigError, InputError
from sdk.timing import Moment

RULES = AlarmRules(warn=50, alarm=100, hysteresis=0.1, hold_seconds=10, clear_seconds=30, max_gap_seconds=60)
WALL = 1_767_225_600.0


def at(seconds: float, jump: float = 0.0) -> Moment:
    return Moment(500.0 + seconds, WALL + seconds + jump)


def watch(alarm: Alarm, values: Iterable[tuple[float, float]]) -> list[tuple[float, str]]:
    """When and which events came of (second, value)."""
    events = [(second, alarm.update(at(second), value)) for second, value in values]
    return [(second, event.level) for second, event in events if event]


def held(value: float, start: int, stop: int) -> list[tuple[float, float]]:
    return [(second, value) for second in range(start, stop, 2)]


def test_each_change_is_said_once_after_its_hold_time() -> None:
    values = [*held(10, 0, 20), *held(60, 20, 60), *held(120, 60, 100), *held(0, 100, 200)]

    assert watch(Alarm(RULES), values) == [(30, "warn"), (70, "alarm"), (130, "clear")]


def test_a_sudden_crowd_is_an_alarm_without_a_warning_before() -> None:
    assert watch(Alarm(RULES), held(200, 0, 40)) == [(10, "alarm")]


def test_a_slow_fall_passes_through_warn() -> None:
    values = [*held(120, 0, 20), *held(60, 20, 80), *held(10, 80, 140)]

    assert watch(Alarm(RULES), values) == [(10, "alarm"), (50, "warn"), (110, "clear")]


def test_a_short_peak_is_no_event() -> None:
    assert watch(Alarm(RULES), [*held(120, 0, 8), *held(10, 8, 60)]) == []


def test_a_value_that_swings_around_a_threshold_is_one_event() -> None:
    swinging = [(second, 49.0 if second % 4 else 51.0) for second in range(12, 300, 2)]

    assert watch(Alarm(RULES), [*held(55, 0, 12), *swinging]) == [(10, "warn")]


def test_an_event_tells_what_happened() -> None:
    alarm = Alarm(RULES)
    alarm.update(at(0), 60)

    event = alarm.update(at(12), 61.5)

    assert isinstance(event, AlarmEvent)
    assert event.to_json() == {
        "event": "warn",
        "previous": "clear",
        "value": 61.5,
        "threshold": 50,
        "time": "2026-01-01T00:00:12.000+00:00",
    }


@pytest.mark.parametrize(("fall", "threshold"), [(70, 100), (10, 50)])
def test_a_fall_names_the_threshold_that_the_value_is_below(fall: float, threshold: float) -> None:
    alarm = Alarm(RULES)
    events = [alarm.update(at(second), value) for second, value in [*held(120, 0, 20), *held(fall, 20, 60)]]

    assert [event.threshold for event in events if event] == [100, threshold]


def test_nothing_is_held_through_a_gap() -> None:
    assert watch(Alarm(RULES), [(0, 60), (5, 60), (200, 60), (205, 60), (210, 60)]) == [(210, "warn")]


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_setting_the_wall_clock_neither_raises_an_alarm_nor_keeps_one_back(jump: float) -> None:
    alarm = Alarm(RULES)

    events = [alarm.update(at(second, jump if second > 4 else 0), 60) for second in range(0, 14, 2)]

    assert [event is not None for event in events] == [False] * 5 + [True, False]


def test_a_restart_neither_repeats_an_event_nor_forgets_what_was_held() -> None:
    first = Alarm(RULES)
    watch(first, [*held(60, 0, 20), *held(120, 20, 28)])

    second = Alarm.from_json(RULES, json.loads(json.dumps(first.to_json())))

    assert second.level == "warn"
    assert second.update(Moment(1.0, WALL + 29), 120) is None
    event = second.update(Moment(2.5, WALL + 30.5), 120)
    assert event is not None
    assert (event.level, event.previous) == ("alarm", "warn")


def test_rules_without_a_threshold_forget_its_level() -> None:
    first = Alarm(RULES)
    watch(first, held(120, 0, 20))

    assert Alarm.from_json(AlarmRules(warn=50), first.to_json()).level == "warn"
    assert Alarm.from_json(AlarmRules(alarm=100), first.to_json()).level == "alarm"


@pytest.mark.parametrize("rules", [AlarmRules(warn=50, hold_seconds=0, clear_seconds=0), AlarmRules(alarm=50)])
def test_one_threshold_is_enough(rules: AlarmRules) -> None:
    name = "warn" if rules.warn else "alarm"

    assert [level for _, level in watch(Alarm(rules), [*held(80, 0, 40), *held(0, 40, 90)])] == [name, "clear"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 200)), max_size=60))
def test_every_event_is_a_change_of_level(readings: list[tuple[float, float]]) -> None:
    alarm, now, level = Alarm(RULES), 0.0, "clear"
    for interval, value in readings:
        now += interval
        event = alarm.update(at(now), value)
        if event:
            assert event.previous == level != event.level
            level = event.level
        assert alarm.level == level


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "neither warn nor alarm"),
        ({"warn": 0}, r"thresholds are \[0\], expected numbers above 0"),
        ({"warn": float("nan")}, r"thresholds are \[nan\]"),
        ({"warn": 100, "alarm": 50}, "warn at 100 is not below alarm at 50"),
        ({"warn": 1, "hysteresis": 1.0}, "hysteresis is 1.0, expected"),
        ({"warn": 1, "hold_seconds": -1}, "hold_seconds is -1, expected 0 or more"),
        ({"warn": 1, "max_gap_seconds": float("nan")}, "max_gap_seconds is nan"),
    ],
)
def test_rules_that_make_no_sense_are_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        AlarmRules(**options)


def test_a_reading_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="a reading is nan"):
        Alarm(RULES).update(at(0), float("nan"))
