"""What TensorRT says while it works: its log, its progress, and how it is asked to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

KEPT = 1000  # warnings, and errors, in a process that runs for years
SAID = 3  # of the last errors, when one is told


class Bar(Protocol):
    """What shows how far a phase is."""

    def advance(self) -> None:
        """One more step is done."""

    def clear(self) -> None:
        """The phase is over."""


@dataclass
class Phases:
    """The outermost phase of a build as a bar, where there is one to draw; the phases within it pass unseen."""

    draw: Callable[[int, str], Bar] | None = None  # takes the number of steps, and what they are steps of
    phase: str = ""
    bar: Bar | None = None
    seen: list[str] = field(default_factory=list)  # outermost phases, in order

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase begins; only the outermost has no parent."""
        if parent is None:
            self.end()
            self.seen.append(phase)
            self.phase = phase
            self.bar = self.draw(steps, f"steps of {phase.lower()}") if self.draw else None

    def step(self, phase: str) -> None:
        """One step of a phase is done."""
        if phase == self.phase and self.bar:
            self.bar.advance()

    def finish(self, phase: str) -> None:
        """A phase is done."""
        if phase == self.phase:
            self.end()

    def end(self) -> None:
        """Take the bar away."""
        if self.bar:
            self.bar.clear()
        self.phase, self.bar = "", None


def last_words(errors: list[str]) -> str:
    """What TensorRT said before it gave up, in one line."""
    return " ".join(" ".join(errors[-SAID:]).split())[:300] or "it does not say why"


def log_of(trt: Any) -> Any:
    """A logger that keeps what is worth reading: `warnings` and `errors`."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.warnings: list[str] = []
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity == trt.ILogger.WARNING:
                self.warnings.append(text)
                del self.warnings[:-KEPT]
            elif severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(text)
                del self.errors[:-KEPT]

    return Log()


def monitor_of(trt: Any, phases: Phases, stop: threading.Event) -> Any:
    """What tells `phases` how a build goes on, and ends the build when it is to stop."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            phases.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            del step
            phases.step(phase_name)
            return not stop.is_set()

        def phase_finish(self, phase_name: str) -> None:
            phases.finish(phase_name)

    return Monitor()


@contextlib.contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Ctrl-C asks the builder to stop and is raised when it has: an error within its callbacks would crash it."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
    if stop.is_set():
        raise KeyboardInterrupt
