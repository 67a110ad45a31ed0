"""A sink on this machine whose disk may be full for a while."""

from __future__ import annotations

import threading
from collections import deque

from sdk.sinks.base import Health, Sink, Trouble, log
from sdk.sinks.errors import SinkError
from sdk.sinks.reading import Reading

KEEP = 10_000  # readings; about 10 MB


class Patient(Sink):
    """Keeps readings in memory while `inner` cannot take them, and sends them in order as soon as it can.

    At most `keep` wait; then the oldest is dropped and counted. Nothing is raised after opening.
    """

    def __init__(self, name: str, inner: Sink, keep: int = KEEP) -> None:
        self._name = name
        self._inner = inner
        self._waiting: deque[Reading] = deque(maxlen=keep)
        self._sent = self._dropped = 0
        self._trouble = Trouble(name)
        self._lock = threading.Lock()

    def send(self, reading: Reading) -> None:
        """Write what waits, then this reading."""
        with self._lock:
            self._dropped += len(self._waiting) == self._waiting.maxlen
            self._waiting.append(reading.without_pictures())
            self._flush()

    def health(self) -> tuple[Health, ...]:
        with self._lock:
            waiting = len(self._waiting)
            trouble = f"{self._trouble.text}; {waiting} readings wait in memory" if waiting else ""
            return (Health(self._name, self._sent, waiting, waiting, self._dropped, trouble=trouble),)

    def close(self) -> None:
        with self._lock:
            self._flush()
            if self._waiting:
                log.error("sink %s: %d readings are lost: %s", self._name, len(self._waiting), self._trouble.text)
            self._inner.close()

    def _flush(self) -> None:
        while self._waiting:
            try:
                self._inner.send(self._waiting[0])
            except SinkError as error:
                self._trouble.starts(error)
                return
            self._waiting.popleft()
            self._sent += 1
        self._trouble.ends()
