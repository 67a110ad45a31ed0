"""Counts over time: smoothed with a stated lag, and how fast they change.

All take readings at any intervals, gaps included: a reading speaks for the time since the one before it. Time runs by
the monotonic clock, so that setting the clock changes nothing. `to_json` and `from_json` carry the state
over a restart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from sdk.config import parse, to_plain
from sdk.errors import ConfigError, InputError
from sdk.timing import Moment, Pace

if TYPE_CHECKING:
    from typing_extensions import Self

FINEST = 1 / 100  # of a window; readings closer together are averaged, so that memory and work stay bounded
LEFT_OVER = 0.05  # of a step, which an exponential smoother still lacks after its lag


@dataclass(frozen=True)
class Smoothed:
    """One reading and what it became."""

    raw: float  # people, as counted
    value: float  # people, smoothed
    lag_seconds: float  # how long after a lasting change `value` may still show the old state


@dataclass(frozen=True)
class Stretch:
    """A reading and the time that it speaks for."""

    seconds: float
    value: float


@dataclass(frozen=True)
class _State:
    """What a smoother remembers."""

    last: Moment | None = None
    readings: tuple[Stretch, ...] = ()  # oldest first, back to the beginning of the window


@final
class MedianSmoother:
    """The median over a window of time: single wrong counts vanish, and a lasting step arrives unblurred.

    A step that lasts has arrived in the first reading later than `lag_seconds` after it, at any intervals.
    """

    def __init__(self, window_seconds: float) -> None:
        self.window_seconds = _positive("window_seconds", window_seconds)
        self._pace = Pace()
        self._readings: tuple[Stretch, ...] = ()

    @property
    def lag_seconds(self) -> float:
        """Half the window, and what readings that are averaged may add."""
        return (0.5 + FINEST) * self.window_seconds

    def update(self, moment: Moment, value: float) -> Smoothed:
        """Take the next reading, in people."""
        checked(value)
        reading = Stretch(self._pace.seconds_to(moment) or 0.0, value)
        self._readings = _in_window((*self._readings, reading), self.window_seconds)
        return Smoothed(value, weighted_median(self._readings), self.lag_seconds)

    def to_json(self) -> dict[str, Any]:
        """All that it remembers, as plain values."""
        return dict(to_plain(_State(self._pace.last, self._readings)))

    @classmethod
    def from_json(cls, window_seconds: float, data: Mapping[str, Any]) -> Self:
        """A smoother that goes on where `to_json` was taken."""
        smoother, state = cls(window_seconds), parse(_State, data)
        smoother._pace = Pace(state.last, restarted=True)
        smoother._readings = _in_window(state.readings, window_seconds)
        return smoother


@dataclass(frozen=True)
class _Level:
    """What an exponential smoother remembers."""

    last: Moment | None = None
    value: float | None = None


@final
class ExponentialSmoother:
    """A mean that forgets: after `time_constant` seconds, 63 % of a step has arrived, after `lag_seconds` 95 %."""

    def __init__(self, time_constant: float) -> None:
        self.time_constant = _positive("time_constant", time_constant)
        self._pace = Pace()
        self._value: float | None = None

    @property
    def lag_seconds(self) -> float:
        """Seconds after a lasting step until at most LEFT_OVER of it is missing."""
        return -math.log(LEFT_OVER) * self.time_constant

    def update(self, moment: Moment, value: float) -> Smoothed:
        """Take the next reading, in people."""
        checked(value)
        seconds = self._pace.seconds_to(moment) or 0.0
        kept = math.exp(-seconds / self.time_constant)
        self._value = value if self._value is None else kept * self._value + (1 - kept) * value
        return Smoothed(value, self._value, self.lag_seconds)

    def to_json(self) -> dict[str, Any]:
        """All that it remembers, as plain values."""
        return dict(to_plain(_Level(self._pace.last, self._value)))

    @classmethod
    def from_json(cls, time_constant: float, data: Mapping[str, Any]) -> Self:
        """A smoother that goes on where `to_json` was taken."""
        smoother, state = cls(time_constant), parse(_Level, data)
        smoother._pace = Pace(state.last, restarted=True)
        smoother._value = state.value
        return smoother


@final
class RateOfChange:
    """How fast a count changes: the slope of the straight line that fits the window best, in people a minute."""

    def __init__(self, window_seconds: float) -> None:
        self.window_seconds = _positive("window_seconds", window_seconds)
        self._pace = Pace()
        self._readings: tuple[Stretch, ...] = ()

    def update(self, moment: Moment, value: float) -> float | None:
        """People a minute, negative for fewer; None until the readings span half the window, and after such a gap."""
        checked(value)
        reading = Stretch(self._pace.seconds_to(moment) or 0.0, value)
        if reading.seconds > self.window_seconds / 2:
            self._readings = ()
        self._readings = _in_window((*self._readings, reading), self.window_seconds)
        return slope(self._readings, self.window_seconds / 2)

    def to_json(self) -> dict[str, Any]:
        """All that it remembers, as plain values."""
        return dict(to_plain(_State(self._pace.last, self._readings)))

    @classmethod
    def from_json(cls, window_seconds: float, data: Mapping[str, Any]) -> Self:
        """A rate that goes on where `to_json` was taken."""
        rate, state = cls(window_seconds), parse(_State, data)
        rate._pace = Pace(state.last, restarted=True)
        rate._readings = _in_window(state.readings, window_seconds)
        return rate


def weighted_median(readings: tuple[Stretch, ...]) -> float:
    """The value below and above which the readings speak for equal times; of readings without time, the last."""
    half = sum(reading.seconds for reading in readings) / 2
    if half <= 0:
        return readings[-1].value
    passed = 0.0
    for reading in sorted(readings, key=lambda reading: reading.value):
        passed += reading.seconds
        if passed >= half:
            return reading.value
    return readings[-1].value  # where rounding left the sum below its half


def slope(readings: tuple[Stretch, ...], least_seconds: float) -> float | None:
    """People a minute, by least squares over readings that span at least so many seconds."""
    times = [0.0]
    for reading in readings[1:]:
        times.append(times[-1] + reading.seconds)
    if times[-1] < least_seconds or times[-1] <= 0:
        return None
    middle = sum(times) / len(times)
    spread = sum((time - middle) ** 2 for time in times)
    rise = sum((time - middle) * reading.value for time, reading in zip(times, readings, strict=True))
    return 60 * rise / spread


def checked(value: float) -> float:
    """The value itself, refused when it is no finite number; leave out what could not be counted."""
    if not math.isfinite(value):
        raise InputError(f"a reading is {value}, expected a finite number", hint="leave out what was not counted")
    return value


def _in_window(readings: tuple[Stretch, ...], window: float) -> tuple[Stretch, ...]:
    """The readings that speak for the last `window` seconds, the newest merged while they are too fine to tell."""
    if len(readings) > 2 and readings[-1].seconds + readings[-2].seconds < FINEST * window:
        readings = (*readings[:-2], _merged(readings[-2], readings[-1]))
    left = window
    for place in range(len(readings) - 1, -1, -1):
        oldest = readings[place]
        if oldest.seconds >= left:
            return (Stretch(left, oldest.value), *readings[place + 1 :])
        left -= oldest.seconds
    return readings


def _merged(a: Stretch, b: Stretch) -> Stretch:
    """Both as one: their mean, weighted by their times."""
    seconds = a.seconds + b.seconds
    return Stretch(seconds, (a.seconds * a.value + b.seconds * b.value) / seconds if seconds else b.value)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} is {value}, expected more than 0 seconds")
    return value
