"""Whether the machine was busy with something else while a contender ran."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sdk.bench.timed import all_processor_seconds
from sdk.timing import Stopwatch

STAT = Path("/proc/stat")
OTHERS, STEAL = 0.05, 0.01  # processors' time a second that others may take of a clean measurement
CLEAN, BUSY, UNWATCHED = "clean", "busy", "unwatched"


@dataclass(frozen=True)
class Ticks:
    """Seconds of all processors since the machine started."""

    busy: float
    steal: float  # that a hypervisor gave to others

    @classmethod
    def of(cls, stat: str) -> Ticks | None:
        """From the text of /proc/stat; None for any other."""
        words = stat.split("\n", 1)[0].split()
        if len(words) < 9 or words[0] != "cpu":
            return None
        user, nice, system, _idle, _wait, irq, softirq, steal = (int(word) / CLOCK for word in words[1:9])
        return cls(user + nice + system + irq + softirq, steal)

    @classmethod
    def now(cls) -> Ticks | None:
        """At this moment; None where the system does not tell, which is anywhere but on Linux."""
        try:
            return cls.of(STAT.read_text("utf-8"))
        except OSError:
            return None


CLOCK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100  # the kernel's ticks a second


@dataclass(frozen=True)
class Watched:
    """What went on during a stretch of time."""

    seconds: float
    others: float | None  # seconds of processors that other processes took; None: nobody can tell
    steal: float | None


class Watch:
    """Looks at the machine from its making on."""

    def __init__(self) -> None:
        self._clock, self._own, self._ticks = Stopwatch(), all_processor_seconds(), Ticks.now()

    def end(self, processor_s: float) -> Watched:
        """The stretch until now, in which the contender took so many seconds of processors."""
        now, own = Ticks.now(), processor_s + all_processor_seconds() - self._own
        if now is None or self._ticks is None:
            return Watched(self._clock.seconds(), None, None)
        others = max(0.0, now.busy - self._ticks.busy - own)
        return Watched(self._clock.seconds(), others, now.steal - self._ticks.steal)


@dataclass(frozen=True)
class Load:
    """How busy the machine was with others, over all rounds of a contender."""

    state: str  # clean, busy, or unwatched where nobody can tell
    others: float | None  # processors that others took, on average
    steal: float | None

    @classmethod
    def over(cls, stretches: Iterable[Watched]) -> Load:
        """All stretches together."""
        stretches = list(stretches)
        told = [(one.others, one.steal) for one in stretches if one.others is not None and one.steal is not None]
        seconds = sum(one.seconds for one in stretches)
        if len(told) < len(stretches) or not seconds:
            return cls(UNWATCHED, None, None)
        others, steal = (sum(part) / seconds for part in zip(*told, strict=True))
        return cls(BUSY if others > OTHERS or steal > STEAL else CLEAN, others, steal)

    @property
    def words(self) -> str:
        """For people: clean, or why not."""
        if self.others is None or self.steal is None:
            return UNWATCHED
        why = f"{self.others:.2f} processors to others, {self.steal:.2f} stolen"
        return self.state if self.state == CLEAN else f"{self.state}: {why}"
