"""The only clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class Stopwatch:
    """Seconds since it was made, and between laps."""

    def __init__(self) -> None:
        self._start = self._lap = time.perf_counter()

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    def lap_ms(self) -> float:
        """Milliseconds since the last lap, or the start."""
        now = time.perf_counter()
        elapsed, self._lap = now - self._lap, now
        return 1000 * elapsed


def processor_seconds() -> float:
    """Seconds of processors that this process took, all threads together."""
    return time.process_time()


@dataclass(frozen=True)
class Moment:
    """When something was seen, on both clocks."""

    monotonic: float  # seconds; never set back, so it says how long things took; begins anew when a machine starts
    wall: float  # seconds since 1970 in UTC; says when, and may jump when someone sets the clock

    @classmethod
    def now(cls) -> Self:
        """The present moment."""
        return cls(time.monotonic(), time.time())


class Pace:
    """Seconds between one moment and the next, through clock jumps and restarts."""

    def __init__(self, last: Moment | None = None, *, restarted: bool = False) -> None:
        self.last = last
        self._restarted = restarted

    def seconds_to(self, now: Moment) -> float | None:
        """Seconds since the last moment, never negative; None for the first one.

        By the monotonic clock, which says nothing about a moment before a restart; that is told from the wall clock.
        """
        last, self.last = self.last, now
        restarted, self._restarted = self._restarted, False
        if last is None:
            return None
        return max(0.0, now.wall - last.wall if restarted else now.monotonic - last.monotonic)
