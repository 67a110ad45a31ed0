"""What a contender does in its process, and how its runs are timed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from sdk.timing import Stopwatch, processor_seconds

LEAST = 2  # runs a round, however slow
STATUS = Path("/proc/self/status")


class Subject(Protocol):
    """A contender in its own process. An opener is a function from a JSON object of options to one."""

    def first(self) -> float | None:
        """Run once; people counted, or None for what counts nobody."""

    def round(self, seconds: float) -> dict[str, Any]:
        """Run for about so long: lists of milliseconds by name (`ms` at least), and `photos` in `photos_s` seconds."""

    def facts(self) -> dict[str, Any]:
        """What really loaded, and figures of the network."""

    def close(self) -> None:
        """Let go of everything."""


def timed(seconds: float, **calls: Callable[[], object]) -> dict[str, list[float]]:
    """Run all calls in turns for about so long: NAME and NAME_cpu, milliseconds by the clock and of processors."""
    found: dict[str, list[float]] = {name: [] for call in calls for name in (call, f"{call}_cpu")}
    whole = Stopwatch()
    while whole.seconds() < seconds or len(next(iter(found.values()))) < LEAST:
        for name, call in calls.items():
            watch, before = Stopwatch(), processor_seconds()
            call()
            found[name].append(watch.lap_ms())
            found[f"{name}_cpu"].append(1000 * (processor_seconds() - before))
    return found


def peak_megabytes() -> float | None:
    """The most memory that this process has held, in MB of a million bytes; None where the system does not say."""
    try:
        line = next(line for line in STATUS.read_text("utf-8").splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024 / 1e6


def all_processor_seconds() -> float:
    """Seconds of processors that this process and its ended children took."""
    return sum(os.times()[:4])
