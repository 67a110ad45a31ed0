"""What a person sees of a run: a bar on a terminal, elsewhere a plain line a minute."""

from __future__ import annotations

from datetime import timedelta
from typing import TextIO

from sdk.timing import Stopwatch

WIDTH = 24  # characters of the bar
CLEAR = "\r\x1b[2K"


class ProgressLine:
    """Step, loss, learning rate, speed and the time left, of a run from step `first` to step `last`."""

    def __init__(self, stream: TextIO, first: int, last: int) -> None:
        self.stream = stream
        self.first = first
        self.last = last
        self.terminal = stream.isatty()
        self.period = 0.5 if self.terminal else 60.0  # seconds
        self._watch = Stopwatch()
        self._shown = 0.0  # seconds at which the newest line was written
        self._losses: list[float] = []

    def step(self, step: int, loss: float, lr: float) -> None:
        """A step is done; shown when it is time, or when it was the last."""
        self._losses.append(loss)
        seconds = self._watch.seconds()
        if seconds - self._shown < self.period and step < self.last:
            return
        rate = (step - self.first) / max(seconds, 1e-9)
        left = timedelta(seconds=round((self.last - step) / max(rate, 1e-9)))
        mean = sum(self._losses) / len(self._losses)
        text = f"step {step}/{self.last}, loss {mean:.4g}, lr {lr:.2g}, {rate:.2f} steps/s, {left} left"
        self._write(f"{self._bar(step)} {text}" if self.terminal else text, end="" if self.terminal else "\n")
        self._shown, self._losses = seconds, []

    def end(self) -> None:
        """Leave the bar where it stands."""
        if self.terminal:
            self.stream.write("\n")

    def note(self, text: str) -> None:
        """A line that stays."""
        self._write(text, end="\n")

    def _bar(self, step: int) -> str:
        full = WIDTH * step // self.last
        return "━" * full + "─" * (WIDTH - full)

    def _write(self, text: str, *, end: str) -> None:
        self.stream.write(f"{CLEAR if self.terminal else ''}{text}{end}")
        self.stream.flush()
