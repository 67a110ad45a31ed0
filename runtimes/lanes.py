"""Turns at an engine: so many callers at once, the others wait; once closed, nobody enters."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Lanes:
    """Lets up to `count` threads in at once."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._inside = 0
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Wait for a free lane and hold it; False, and no lane, where they are closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._inside < self.count)
            entered = not self._closed
            self._inside += entered
        try:
            yield entered
        finally:
            with self._changed:
                self._inside -= entered
                self._changed.notify_all()

    def close(self) -> bool:
        """Let nobody in any more, and wait until all are out; True for the call that closed them."""
        with self._changed:
            first, self._closed = not self._closed, True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._inside)
        return first
