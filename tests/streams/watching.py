"""A stream counted without a model, with short limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sdk.sinks import Reading, Sink
from sdk.streams import Feed, Sampling, Stream, StreamLimits, StreamResult, read_source
from sdk.zones import Zone, Zones
from tests.sdk.counters import RedCounter

QUICK = StreamLimits(connect_seconds=3, read_seconds=1, longest_pause_seconds=0.5)


HALVES = Zones(
    (
        Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1))),
        Zone("right", ((0.5, 0), (1, 0), (1, 1), (0.5, 1))),
    )
)


class Kept(Sink):
    """Keeps readings in memory."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def send(self, reading: Reading) -> None:
        self.readings.append(reading)


def watch(
    source: str | Path, limits: StreamLimits = QUICK, *, every: float | None = None, policy: str = "auto"
) -> Stream:
    return Stream(RedCounter().count, Feed(read_source(source), Sampling(every, policy), limits))


def until(
    stream: Iterable[StreamResult], wanted: Callable[[StreamResult], bool], seconds: float = 30
) -> list[StreamResult]:
    """Results up to the first that is wanted."""
    seen = []
    end = time.monotonic() + seconds
    for result in stream:
        seen.append(result)
        if wanted(result):
            return seen
        assert time.monotonic() < end, [(one.state, str(one.error)) for one in seen[-20:]]
    raise AssertionError([(one.state, str(one.error)) for one in seen[-20:]])


def is_ok(result: StreamResult) -> bool:
    return result.ok


def failed(text: str) -> Callable[[StreamResult], bool]:
    return lambda result: text in str(result.error)


def counts(results: Iterable[StreamResult]) -> list[float]:
    return [result.result.count for result in results if result.result is not None]
