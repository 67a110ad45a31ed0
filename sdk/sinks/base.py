"""The seam: one verb, `send`; and the composition of several sinks."""

from __future__ import annotations

import abc
import logging
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

from sdk.sinks.reading import Reading
from sdk.sinks.secret import masked

if TYPE_CHECKING:
    from typing_extensions import Self

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """How a sink fares, in numbers of readings."""

    sink: str  # its name, credentials left out
    sent: int = 0  # written, or taken by the receiver
    waiting: int = 0  # not sent yet, on disk or in memory
    in_memory: int = 0  # of those waiting: a power cut would lose them
    dropped: int = 0  # lost, because more waited than the bound allows
    rejected: int = 0  # refused by the receiver for what they hold
    trouble: str = ""  # what goes wrong now, in one line; empty: nothing

    @property
    def ok(self) -> bool:
        """Whether nothing goes wrong now."""
        return not self.trouble


class Sink(abc.ABC):
    """Where readings go. `send` may be called from several threads."""

    @abc.abstractmethod
    def send(self, reading: Reading) -> None:
        """Take one reading; raises SinkError where it could not be kept."""

    def health(self) -> tuple[Health, ...]:
        """How it fares; a composition answers for each of its parts."""
        return ()

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Write what is left and let go of everything; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Trouble:
    """What goes wrong with a sink now: said once in the log when it starts and once when it ends."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.text = ""

    def starts(self, reason: object) -> None:
        """Something went wrong, perhaps again."""
        new = masked(" ".join(str(reason).split()))
        if new != self.text:
            log.warning("sink %s: %s", self._name, new)
        self.text = new

    def ends(self) -> None:
        """It works."""
        if self.text:
            log.warning("sink %s works again", self._name)
        self.text = ""


class Tee(Sink):
    """Each reading to several sinks; one that fails harms no other."""

    def __init__(self, parts: Iterable[Sink]) -> None:
        self._parts = [(part, Trouble(_name(part))) for part in parts]

    def send(self, reading: Reading) -> None:
        """Send to every part; what fails is logged and shows in `health`."""
        for part, trouble in self._parts:
            _send(part, trouble, reading)

    def health(self) -> tuple[Health, ...]:
        answers: list[Health] = []
        for part, trouble in self._parts:
            first, *others = part.health() or (Health(_name(part)),)
            answers += [replace(first, trouble=first.trouble or trouble.text), *others]
        return tuple(answers)

    def close(self) -> None:
        with ExitStack() as stack:
            for part, _ in self._parts:
                stack.callback(part.close)


def _name(part: Sink) -> str:
    """What it calls itself, else what it is."""
    health = part.health()
    return health[0].sink if health else type(part).__name__


def _send(part: Sink, trouble: Trouble, reading: Reading) -> None:
    try:
        part.send(reading)
    except Exception as error:  # noqa: BLE001 - a sink of whatever kind must not stop the others
        trouble.starts(error)
    else:
        trouble.ends()
