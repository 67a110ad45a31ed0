"""A share of the machine's processor that counting keeps to: fewer frames, each counted as well as ever."""

from __future__ import annotations

import os

from sdk.errors import ConfigError

SAVED = 2.0  # seconds of the budget that quiet times can save up
LONGEST = 10.0  # seconds of rest at most, so that something is counted even where reading alone takes the budget


class Budget:
    """How long to rest so that this process, all threads together, takes no more than its share.

    percent: of all cores that it may use.
    """

    def __init__(self, percent: float, cores: int | None = None) -> None:
        if not 0 < percent <= 100:
            raise ConfigError(f"max_cpu is {percent:g}, expected more than 0 and at most 100 percent")
        self.rate = percent / 100 * (cores or len(os.sched_getaffinity(0)))  # seconds of processors a second
        self._debt = 0.0  # seconds of processors taken too early
        self._last: tuple[float, float] | None = None

    def rest(self, cpu: float, now: float) -> float:
        """Seconds to rest from now on; cpu: seconds of processors that were taken, now: by the monotonic clock."""
        if self._last is not None:
            taken, passed = cpu - self._last[0], now - self._last[1]
            self._debt = max(-SAVED * self.rate, self._debt + taken - self.rate * passed)
            self._debt = min(self._debt, LONGEST * self.rate)
        self._last = cpu, now
        return max(0.0, self._debt / self.rate)
