"""Alarms on a count: two thresholds with hysteresis and hold times; one event for each change of level."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, final

from sdk.config import parse, to_plain
from sdk.errors import ConfigError
from sdk.smoothing import checked
from sdk.timing import Moment, Pace

if TYPE_CHECKING:
    from typing_extensions import Self

LEVELS = ("clear", "warn", "alarm")


@dataclass(frozen=True)
class AlarmRules:
    """When to warn, when to raise an alarm, and when that is over."""

    warn: float | None = None  # people at or above which to warn; None: never
    alarm: float | None = None  # people at or above which to raise an alarm; None: never
    hysteresis: float = 0.1  # share of a threshold by which the value must fall below it before it is over
    hold_seconds: float = 10.0  # how long the value must stay at or above a threshold
    clear_seconds: float = 30.0  # how long it must stay below
    max_gap_seconds: float = 60.0  # readings further apart say nothing about the time between: holding begins anew

    def __post_init__(self) -> None:
        thresholds = [value for value in (self.warn, self.alarm) if value is not None]
        if not thresholds:
            raise ConfigError("an alarm has neither warn nor alarm", hint="give one of them a number of people")
        if any(not (math.isfinite(value) and value > 0) for value in thresholds):
            raise ConfigError(f"alarm thresholds are {thresholds}, expected numbers above 0")
        if self.warn is not None and self.alarm is not None and self.warn >= self.alarm:
            raise ConfigError(f"warn at {self.warn:g} is not below alarm at {self.alarm:g}", hint="swap them")
        if not 0 <= self.hysteresis < 1:
            raise ConfigError(f"hysteresis is {self.hysteresis}, expected 0 or more and below 1")
        for name in ("hold_seconds", "clear_seconds", "max_gap_seconds"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name} is {value}, expected 0 or more")


@dataclass(frozen=True)
class AlarmEvent:
    """A change of level."""

    level: str  # warn, alarm or clear
    previous: str  # the level until now
    value: float  # people, the reading that completed the hold time
    threshold: float  # people: the one reached, or for a fall the one that the value is now below
    time: datetime  # wall time, in UTC

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "event": self.level,
            "previous": self.previous,
            "value": round(self.value, 3),
            "threshold": round(self.threshold, 3),
            "time": self.time.isoformat(timespec="milliseconds"),
        }


@dataclass(frozen=True)
class _Switch:
    """One threshold: on or off, and for how long the value has been on the other side."""

    on: bool = False
    pending: float | None = None  # seconds that the value has been across, at least; None: it is not

    def after(self, crossed: bool, seconds: float | None, hold: float) -> _Switch:
        """The switch after a reading; seconds: since the reading before, None after a gap."""
        if not crossed:
            return _Switch(self.on)
        held = 0.0 if self.pending is None or seconds is None else self.pending + seconds
        return _Switch(not self.on) if held >= hold else _Switch(self.on, held)


@dataclass(frozen=True)
class _State:
    """What an alarm remembers."""

    warn: _Switch = _Switch()
    alarm: _Switch = _Switch()
    last: Moment | None = None


@final
class Alarm:
    """Watches one value, and says once when its level changes: warn, alarm, and clear when all is over.

    Falling from alarm to warn is a change, too. Hold times run by the monotonic clock; setting the clock neither raises
    an alarm nor keeps one back. After a gap, or a restart that took longer than one, the level stays as it was.
    """

    def __init__(self, rules: AlarmRules) -> None:
        self.rules = rules
        self._pace = Pace()
        self._warn, self._alarm = _Switch(), _Switch()

    @property
    def level(self) -> str:
        """clear, warn or alarm."""
        return LEVELS[2 if self._alarm.on else 1 if self._warn.on else 0]

    def update(self, moment: Moment, value: float) -> AlarmEvent | None:
        """Take the next reading, in people; an event when the level changed with it."""
        checked(value)
        seconds = self._pace.seconds_to(moment)
        if seconds is not None and seconds > self.rules.max_gap_seconds:
            seconds = None
        previous = self.level
        self._warn = self._moved(self._warn, self.rules.warn, value, seconds)
        self._alarm = self._moved(self._alarm, self.rules.alarm, value, seconds)
        if self.level == previous:
            return None
        time = datetime.fromtimestamp(moment.wall, timezone.utc)
        return AlarmEvent(self.level, previous, value, self._threshold(previous), time)

    def to_json(self) -> dict[str, Any]:
        """All that it remembers, as plain values."""
        return dict(to_plain(_State(self._warn, self._alarm, self._pace.last)))

    @classmethod
    def from_json(cls, rules: AlarmRules, data: Mapping[str, Any]) -> Self:
        """An alarm that goes on where `to_json` was taken; it does not repeat the event of its level."""
        alarm, state = cls(rules), parse(_State, data)
        alarm._pace = Pace(state.last, restarted=True)
        alarm._warn = state.warn if rules.warn is not None else _Switch()
        alarm._alarm = state.alarm if rules.alarm is not None else _Switch()
        return alarm

    def _moved(self, switch: _Switch, threshold: float | None, value: float, seconds: float | None) -> _Switch:
        if threshold is None:
            return switch
        if switch.on:
            return switch.after(value < threshold * (1 - self.rules.hysteresis), seconds, self.rules.clear_seconds)
        return switch.after(value >= threshold, seconds, self.rules.hold_seconds)

    def _threshold(self, previous: str) -> float:
        """The threshold that a change from `previous` went across, last of all."""
        rising = LEVELS.index(self.level) > LEVELS.index(previous)
        crossed = {"warn": self.rules.warn, "alarm": self.rules.alarm}
        if rising:
            return float(crossed[self.level] or 0.0)
        if self.level == "warn":
            return float(self.rules.alarm or 0.0)
        return float(self.rules.warn or self.rules.alarm or 0.0)
