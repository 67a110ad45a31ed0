"""Memory that the C library holds free, given back so that a process that counts for months does not grow."""

from __future__ import annotations

import ctypes
import sys

EVERY = 60.0  # seconds


class SpareMemory:
    """Gives back to the system what glibc holds free, once a minute.

    Frames are made in one thread and let go in another. glibc has a heap for each thread, and of what is free between
    blocks in use it gives nothing back by itself. Where there is no glibc, nothing happens.
    """

    def __init__(self, now: float) -> None:
        library = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._trim = getattr(library, "malloc_trim", None)
        self._next = now + EVERY

    def give_back(self, now: float) -> None:
        """Do it if a minute is over; now: by the monotonic clock."""
        if now >= self._next:
            self._next = now + EVERY
            if self._trim is not None:
                self._trim(0)
