"""What the results of one camera become: zones, smoothed counts, alarms, occupancy, and readings for its sinks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdk.alarms import Alarm, AlarmEvent, AlarmRules
from sdk.errors import ConfigError, InputError
from sdk.occupancy import OccupancyLog
from sdk.result import CountResult
from sdk.sinks.base import Sink, Trouble
from sdk.sinks.errors import SinkError
from sdk.sinks.line_file import LineFile
from sdk.sinks.reading import Reading, reading_of
from sdk.sinks.target import nearest
from sdk.smoothing import MedianSmoother, RateOfChange
from sdk.streams.limits import Sampling, StreamLimits
from sdk.streams.pump import Feed
from sdk.streams.source import read_source
from sdk.streams.stable import Stable
from sdk.streams.stream import StreamResult
from sdk.timing import Moment
from sdk.trust.correction import Correction
from sdk.zones import Zones

FRAME = ""  # the name of what is no zone: the whole frame


@dataclass(frozen=True)
class CameraConfig:
    """A camera, and what is done with its counts."""

    source: str  # as `counter.stream` takes it
    user: str = ""
    password: str = ""  # env:NAME or file:PATH keep it out of the config
    every: float | None = None  # seconds between counted frames; None: all that there is time for
    policy: str = "auto"  # latest, all, auto
    stable: Stable | None = None  # when more frames may be left out
    zones: Path | None = None  # a file of zones
    correction: Path | None = None  # a file of skt-calibrate
    smooth_seconds: float | None = None  # window of the median; None: not smoothed
    rate_seconds: float | None = None  # window over which it is told how fast the frame fills; None: not told
    alarm: AlarmRules | None = None  # on the people in the frame
    zone_alarms: dict[str, AlarmRules] = field(default_factory=dict)  # on those in a zone, by its name
    occupancy: Path | None = None  # a file of JSON lines: the frame by minute, quarter and hour
    time_zone: str = "UTC"  # of occupancy
    sinks: tuple[Any, ...] = ()  # URIs, paths or mappings
    limits: StreamLimits = field(default_factory=StreamLimits)

    def feed(self) -> Feed:
        """How it is read; raises ConfigError and StreamError where its source cannot be right."""
        source = read_source(self.source, user=self.user, password=self.password)
        fix = None if self.correction is None else Correction.read(self.correction)
        return Feed(source, Sampling(self.every, self.policy, self.stable), self.limits, fix)


@dataclass(frozen=True, eq=False)
class CameraResult:
    """A stream's result, and what its camera made of it."""

    camera: str
    stream: StreamResult  # its count with the people of each zone
    smoothed: float | None = None  # people in the frame
    rate: float | None = None  # people a minute in the frame, below 0 for fewer
    events: Mapping[str, AlarmEvent] = field(default_factory=dict)  # by zone; of the whole frame under ""

    @property
    def said(self) -> tuple[str, ...]:
        """The events in words."""
        return tuple(in_words(zone, event) for zone, event in self.events.items())

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        over_time = {"smoothed": self.smoothed, "rate_a_minute": self.rate}
        events = [{"zone": zone or None, **event.to_json()} for zone, event in self.events.items()]
        return {
            "camera": self.camera,
            **self.stream.to_json(),
            **{name: round(value, 3) for name, value in over_time.items() if value is not None},
            **({"events": events} if events else {}),
        }


def in_words(zone: str, event: AlarmEvent) -> str:
    """An event as a line for people."""
    where = f" in {zone}" if zone else ""
    return f"{event.level}{where}: {event.value:.1f} people, threshold {event.threshold:.1f}"


class OccupancyFile:
    """Occupancy of one camera as JSON lines; a full disk is logged once and costs lines, never counts."""

    def __init__(self, camera: str, path: Path, time_zone: str) -> None:
        self._camera = camera
        self._log = OccupancyLog(time_zone)
        self._file = LineFile(path)
        self._trouble = Trouble(f"occupancy {path}")

    def update(self, moment: Moment, people: float) -> None:
        """Take the next reading, and write the periods that it ended."""
        for period in self._log.update(moment, people):
            self._write(json.dumps({"camera": self._camera, **period.to_json()}))

    def _write(self, line: str) -> None:
        try:
            self._file.append(f"{line}\n")
        except SinkError as error:
            self._trouble.starts(error)
        else:
            self._trouble.ends()

    def close(self) -> None:
        """Close the file; the open periods are not written, because they are not over."""
        self._file.close()


class Camera:
    """One camera's zones, memory and sink."""

    def __init__(self, name: str, config: CameraConfig, sink: Sink) -> None:
        self.name = name
        self.zones = None if config.zones is None else Zones.read(config.zones)
        self._sink = sink
        self._window = config.smooth_seconds
        self._rate = None if config.rate_seconds is None else RateOfChange(config.rate_seconds)
        self._smoothers: dict[str, MedianSmoother] = {}
        self._alarms = _alarms(config, self.zones)
        if self._window is not None:
            MedianSmoother(self._window)  # a window that cannot be is refused now, not at the first frame
        occupancy = config.occupancy
        self._occupancy = None if occupancy is None else OccupancyFile(name, occupancy, config.time_zone)

    def take(self, seen: StreamResult) -> CameraResult:
        """Take the stream's next result; a counted frame goes to the sinks, with what was found in it."""
        if seen.result is None:
            return CameraResult(self.name, seen)
        try:
            result = seen.result if self.zones is None else seen.result.with_zones(self.zones)
        except InputError as error:
            return CameraResult(self.name, replace(seen, state="error", result=None, error=error))
        people = {FRAME: result.count, **{zone.name: zone.count for zone in result.zones}}
        smooth = {name: self._smooth(name, seen.moment, count) for name, count in people.items()}
        events = self._events(seen.moment, smooth)
        if self._occupancy is not None:
            self._occupancy.update(seen.moment, smooth[FRAME])
        smoothed = None if self._window is None else smooth[FRAME]
        rate = None if self._rate is None else self._rate.update(seen.moment, result.count)
        taken = CameraResult(self.name, replace(seen, result=result), smoothed, rate, events)
        self._sink.send(self._reading(taken, result))
        return taken

    def close(self) -> None:
        """Let go of its own files; the sink belongs to others."""
        if self._occupancy is not None:
            self._occupancy.close()

    def _smooth(self, name: str, moment: Moment, count: float) -> float:
        if self._window is None:
            return count
        smoother = self._smoothers.setdefault(name, MedianSmoother(self._window))
        return smoother.update(moment, count).value

    def _events(self, moment: Moment, people: Mapping[str, float]) -> dict[str, AlarmEvent]:
        answers = {name: alarm.update(moment, people[name]) for name, alarm in self._alarms.items()}
        return {name: event for name, event in answers.items() if event is not None}

    def _reading(self, taken: CameraResult, result: CountResult) -> Reading:
        seen = taken.stream
        reading = reading_of(result, self.name, seen.time, drops=seen.drops)
        reasons = (*reading.reasons, *taken.said)
        return replace(reading, smoothed=taken.smoothed, reasons=reasons, latency_ms=max(0.0, seen.latency_ms))


def _alarms(config: CameraConfig, zones: Zones | None) -> dict[str, Alarm]:
    """An alarm for the frame and for each zone that has rules."""
    known = [zone.name for zone in zones.counted] if zones is not None else []
    for zone in config.zone_alarms:
        if zone not in known:
            hint = nearest(zone, known) if known else "give the camera a file of zones"
            raise ConfigError(f"an alarm is for zone {zone!r}, which the camera has not", hint=hint)
    rules = {FRAME: config.alarm, **config.zone_alarms}
    return {zone: Alarm(rule) for zone, rule in rules.items() if rule is not None}
