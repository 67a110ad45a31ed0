"""The only clock."""

from __future__ import annotations

import time


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
