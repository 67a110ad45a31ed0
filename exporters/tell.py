"""How an export says what it is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """A bar; see `sdk.commands.common.Progress`."""

    def advance(self) -> None:
        """One more is done."""

    def clear(self) -> None:
        """Take the bar away."""


@dataclass(frozen=True)
class Tell:
    """Where to say it."""

    say: Callable[[str], None]
    bar: Callable[[int, str], Progress]

    @contextmanager
    def over(self, photos: int) -> Iterator[Callable[[], None]]:
        """A bar over so many photos, taken away at the end; call what it gives after each."""
        bar = self.bar(photos, "photos")
        try:
            yield bar.advance
        finally:
            bar.clear()
