"""Readings that reach a receiver on the network, though it be away for a while."""

from __future__ import annotations

import abc
import hashlib
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sdk.errors import ConfigError, InputError
from sdk.sinks.base import Health, Sink, Trouble, log
from sdk.sinks.errors import SinkError, SinkRejected
from sdk.sinks.outbox import Bound, Item, Outbox
from sdk.sinks.pauses import Pauses
from sdk.sinks.reading import Reading, reading_from_line
from sdk.timing import Stopwatch

BATCH = 20  # readings handed to a receiver at a time


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """What every sink with an outbox can be told."""

    outbox: str = ""  # file; empty: one for this receiver in the user's state folder
    keep: int = 100_000  # readings that wait at most; then the oldest is dropped
    keep_mb: int = 64  # the same in megabytes
    timeout_s: float = 10.0  # for the receiver to connect, and to answer
    linger_s: float = 5.0  # at the end, for what still waits; the rest goes out next time

    def __post_init__(self) -> None:
        for name, value in (("keep", self.keep), ("keep_mb", self.keep_mb), ("timeout_s", self.timeout_s)):
            if value <= 0:
                raise ConfigError(f"{name} is {value}, expected more than 0")


class Receiver(abc.ABC):
    """Somebody on the network who takes readings."""

    @abc.abstractmethod
    def deliver(self, readings: Sequence[Reading]) -> int:
        """Hand over readings in order; how many of the first ones were taken, at least one.

        Raises SinkError where not even the first was: SinkRejected when it never will be.
        """

    def close(self) -> None:  # noqa: B027 - some have none
        """Let go of the connection; it may be in use by another thread."""


class Delivered(Sink):
    """Puts each reading in the outbox; a thread hands them to the receiver in order, at least once.

    After a failure it waits longer and longer. What a receiver will never take is dropped and counted as rejected.
    """

    def __init__(
        self, name: str, receiver: Receiver, outbox: Outbox, *, pauses: Pauses | None = None, linger_s: float = 5.0
    ) -> None:
        self._name = name
        self._receiver = receiver
        self._outbox = outbox
        self._pauses = pauses or Pauses()
        self._linger_s = linger_s
        self._sent = self._rejected = self._failures = 0
        self._pause_s = 0.0
        self._trouble = Trouble(name)
        self._news = threading.Event()  # something was put, or the end has come
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"sink {name}", daemon=True)
        self._thread.start()

    def send(self, reading: Reading) -> None:
        """Keep it; it is safe on disk when this returns, unless `health` says otherwise."""
        self._outbox.put(Item(reading.id, reading.to_line().encode()))
        self._news.set()

    def health(self) -> tuple[Health, ...]:
        level = self._outbox.level()
        trouble = "; ".join(text for text in (self._trouble.text, level.trouble) if text)
        numbers = (self._sent, level.waiting, level.in_memory, level.dropped, self._rejected)
        return (Health(self._name, *numbers, trouble),)

    def close(self) -> None:
        self._end.set()
        self._news.set()
        self._thread.join(self._linger_s)
        self._receiver.close()
        self._thread.join(self._linger_s)
        self._outbox.close()
        level = self._outbox.level()
        if level.in_memory:
            log.error("sink %s: %d readings are lost: %s", self._name, level.in_memory, level.trouble)

    def _work(self) -> None:
        watch: Stopwatch | None = None
        while True:
            self._news.clear()
            items = self._outbox.first(BATCH)
            if items:
                self._attempt(items)
            if self._end.is_set():
                watch = watch or Stopwatch()
                if not items or self._failures or watch.seconds() > self._linger_s:
                    return
            elif self._failures:
                self._end.wait(self._pause_s)
            elif not items:
                self._news.wait()

    def _attempt(self, items: Sequence[Item]) -> None:
        """Hand over what can be; one try."""
        try:
            count = self._receiver.deliver(_readable(items))
        except (SinkRejected, InputError) as error:  # InputError: an outbox of another version
            self._reject(items, error)
        except Exception as error:  # noqa: BLE001 - this thread must not end while readings wait
            self._failed(error)
        else:
            self._outbox.remove(items[:count])
            self._sent += count
            self._failures = 0
            self._trouble.ends()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, SinkError):
            log.exception("sink %s met a bug", self._name)
        self._failures += 1
        asked = error.details.get("retry_after_s", 0.0) if isinstance(error, SinkError) else 0.0
        self._pause_s = self._pauses.after(self._failures, asked)
        self._trouble.starts(error)

    def _reject(self, items: Sequence[Item], error: SinkRejected | InputError) -> None:
        log.error("sink %s: reading %s is dropped: %s", self._name, items[0].id, error)
        self._outbox.remove(items[:1])
        self._rejected += 1


def _readable(items: Sequence[Item]) -> list[Reading]:
    """The readings up to the first that cannot be read; raises InputError where that is the very first."""
    readings = [reading_from_line(items[0].body)]
    with suppress(InputError):
        readings += (reading_from_line(item.body) for item in items[1:])
    return readings


def open_delivered(name: str, receiver: Receiver, settings: DeliverySettings, key: str) -> Delivered:
    """A receiver with its outbox; `key` tells this receiver from others in the name of the default file."""
    path = Path(settings.outbox).expanduser() if settings.outbox else default_outbox(key)
    outbox = Outbox(path, Bound(settings.keep, settings.keep_mb << 20))
    return Delivered(name, receiver, outbox, linger_s=settings.linger_s)


def default_outbox(key: str) -> Path:
    """$SKT_STATE_DIR/outbox, else $XDG_STATE_HOME/skt-edge/outbox, else ~/.local/state/skt-edge/outbox."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return state_folder() / "outbox" / f"{digest}.sqlite"


def state_folder() -> Path:
    """Where what must outlive this process is kept."""
    if chosen := os.environ.get("SKT_STATE_DIR"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "state") / "skt-edge"
    except RuntimeError as error:  # a user without a home, as in many containers
        raise ConfigError("no folder for the outbox", hint="set SKT_STATE_DIR, or outbox=FILE") from error
