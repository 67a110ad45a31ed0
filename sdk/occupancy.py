"""Occupancy by the minute, quarter and hour of local time: fewest, mean, most people, and the 95th percentile.

A reading holds until the next one, but no longer than `max_gap_seconds`; means and percentiles are weighted by that
time, which is measured by the monotonic clock. Periods follow the local calendar through summer time: the hour that
comes twice makes two periods, told apart by their offsets, and the hour that is left out makes none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sdk.config import parse, to_plain
from sdk.errors import ConfigError
from sdk.smoothing import checked
from sdk.timing import Moment, Pace

if TYPE_CHECKING:
    from typing_extensions import Self

PERIODS = {"minute": 60, "quarter": 900, "hour": 3600}  # seconds
JUMP_SECONDS = 2.0  # the wall clock was set when it went on by so much more or less than the monotonic one
PERCENTILE = 0.95


@dataclass(frozen=True)
class Occupancy:
    """The people of one period."""

    period: str  # minute, quarter or hour
    start: datetime  # local time with its offset
    end: datetime
    fewest: float  # people
    mean: float  # people, weighted by time
    most: float  # people
    p95: float  # people: 95 % of the time there were no more; to three digits
    readings: int
    covered_seconds: float  # how much of the period the readings speak for
    clock_jumped: bool  # whether someone set the clock in it, so that it may be shorter, longer or there twice

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "period": self.period,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "min": round(self.fewest, 3),
            "mean": round(self.mean, 3),
            "max": round(self.most, 3),
            "p95": round(self.p95, 3),
            "readings": self.readings,
            "covered_seconds": round(self.covered_seconds, 3),
            "clock_jumped": self.clock_jumped,
        }


@dataclass
class _Open:
    """A period that is not over."""

    start: float  # seconds since 1970
    end: float
    fewest: float = math.inf
    most: float = -math.inf
    readings: int = 0
    clock_jumped: bool = False
    seconds_at: dict[str, float] = field(default_factory=dict)  # people, to three digits: how long there were so many
    people_seconds: float = 0.0

    def add(self, value: float, seconds: float, *, first: bool) -> None:
        """So many people for so long; first: the first piece of a reading."""
        self.fewest, self.most = min(self.fewest, value), max(self.most, value)
        self.readings += first
        self.people_seconds += value * seconds
        key = f"{value:.3g}"
        self.seconds_at[key] = self.seconds_at.get(key, 0.0) + seconds

    def closed(self, period: str, zone: tzinfo) -> Occupancy:
        """What came of it."""
        covered = sum(self.seconds_at.values())
        high = min(max(percentile(self.seconds_at, PERCENTILE), self.fewest), self.most)
        mean = min(max(self.people_seconds / covered, self.fewest), self.most)
        start, end = (datetime.fromtimestamp(time, zone) for time in (self.start, self.end))
        return Occupancy(
            period, start, end, self.fewest, mean, self.most, high, self.readings, covered, self.clock_jumped
        )


@dataclass(frozen=True)
class _State:
    """What a log remembers."""

    last: Moment | None = None
    value: float | None = None
    open: dict[str, _Open] = field(default_factory=dict)


@final
class OccupancyLog:
    """Adds readings up to periods; each period is handed over once, by the first reading after its end.

    Where nothing was read there is no period. When the clock is set, what was open is closed unless the new time is in
    it.
    """

    def __init__(
        self, time_zone: str = "UTC", *, periods: Iterable[str] = tuple(PERIODS), max_gap_seconds: float = 60.0
    ) -> None:
        self.periods = tuple(periods)
        for period in self.periods:
            if period not in PERIODS:
                raise ConfigError(f"occupancy period is {period!r}", hint=f"known: {', '.join(PERIODS)}")
        if not (math.isfinite(max_gap_seconds) and max_gap_seconds > 0):
            raise ConfigError(f"max_gap_seconds is {max_gap_seconds}, expected more than 0")
        self.max_gap_seconds = max_gap_seconds
        self._zone = named_zone(time_zone)
        self._pace = Pace()
        self._value: float | None = None
        self._open: dict[str, _Open] = {}

    def update(self, moment: Moment, value: float) -> tuple[Occupancy, ...]:
        """Take the next reading, in people; the periods that ended before it, oldest first."""
        checked(value)
        last, seconds = self._pace.last, self._pace.seconds_to(moment)
        done: list[Occupancy] = []
        if last is not None and seconds is not None and self._value is not None:
            held = min(seconds, self.max_gap_seconds)
            for period in self.periods:
                done += self._fill(period, last.wall, held, self._value)
            jumped = abs(moment.wall - last.wall - seconds) > JUMP_SECONDS
            for period in self.periods:
                done += self._close_before(period, moment.wall, jumped=jumped)
        self._value = value
        return tuple(sorted(done, key=lambda found: (found.end, found.start)))

    def to_json(self) -> dict[str, Any]:
        """All that it remembers, as plain values."""
        return dict(to_plain(_State(self._pace.last, self._value, self._open)))

    @classmethod
    def from_json(
        cls,
        data: Mapping[str, Any],
        time_zone: str = "UTC",
        *,
        periods: Iterable[str] = tuple(PERIODS),
        max_gap_seconds: float = 60.0,
    ) -> Self:
        """A log that goes on where `to_json` was taken."""
        log, state = cls(time_zone, periods=periods, max_gap_seconds=max_gap_seconds), parse(_State, data)
        log._pace = Pace(state.last, restarted=True)
        log._value = state.value
        log._open = {period: replace(part) for period, part in state.open.items() if period in log.periods}
        return log

    def _fill(self, period: str, wall: float, seconds: float, value: float) -> list[Occupancy]:
        """Add a reading that held from `wall` on for so many seconds; the periods that it ended."""
        done, first = [], True
        while seconds > 0:
            done += self._close_before(period, wall, jumped=False)
            part = self._open.get(period)
            if part is None:
                part = self._open[period] = _Open(*period_around(wall, PERIODS[period], self._zone))
            piece = min(seconds, part.end - wall)
            part.add(value, piece, first=first)
            wall, seconds, first = part.end if piece < seconds else wall + piece, seconds - piece, False
        return done

    def _close_before(self, period: str, wall: float, *, jumped: bool) -> list[Occupancy]:
        """The open period when `wall` is not in it; marked when the clock jumped."""
        part = self._open.get(period)
        if part is None:
            return []
        part.clock_jumped |= jumped
        if part.start <= wall < part.end:
            return []
        return [self._open.pop(period).closed(period, self._zone)]


def percentile(seconds_at: Mapping[str, float], share: float) -> float:
    """The number of people that was not exceeded for that share of the time."""
    wanted = share * sum(seconds_at.values())
    passed = 0.0
    ordered = sorted((float(people), seconds) for people, seconds in seconds_at.items())
    for people, seconds in ordered:
        passed += seconds
        if passed >= wanted:
            return people
    return ordered[-1][0]  # where rounding left the sum below


def named_zone(name: str) -> tzinfo:
    """The time zone of that name, as in Europe/Berlin."""
    if name == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        hint = "a name such as Europe/Berlin; where no name is known, install the system's package tzdata"
        raise ConfigError(f"time zone {name!r} is unknown", hint=hint) from error


def period_around(time: float, length: int, zone: tzinfo) -> tuple[float, float]:
    """Start and end, in seconds since 1970, of the local period of `length` seconds that holds `time`.

    Where the offset of local time changes within it, it is cut there.
    """
    offset = _offset(time, zone)
    start = math.floor((time + offset) / length) * length - offset
    end = start + length
    if _offset(start, zone) != offset:
        start = _change(start, math.floor(time), zone)
    if _offset(end - 1, zone) != offset:
        end = _change(math.floor(time), end - 1, zone)
    return float(start), float(end)


def _offset(time: float, zone: tzinfo) -> int:
    """Seconds by which local time is ahead of UTC."""
    return round((datetime.fromtimestamp(time, zone).utcoffset() or timedelta()).total_seconds())


def _change(before: int, after: int, zone: tzinfo) -> int:
    """The first second after `before` with the offset of `after`; between them it changes once."""
    offset = _offset(after, zone)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle, zone) == offset:
            after = middle
        else:
            before = middle
    return after
