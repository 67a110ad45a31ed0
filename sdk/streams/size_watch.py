"""Whether a camera still sends frames of the size that it began with.

OpenCV scales every frame to the size of a connection's first one and does not tell. So now and then a second connection
is opened for a moment, and its size compared.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import urlsplit

from sdk.streams.errors import StreamResized
from sdk.streams.source import Source

log = logging.getLogger(__name__)
Size = tuple[int, int]  # width and height
ONE_RECEIVER = ("srt", "udp")  # what is sent to one receiver would be taken from it


class SizeWatch:
    """Compares sizes every so many seconds, in a thread of its own, of one camera at a time; None: never.

    look: opens the source anew, and closes it; its size, or None where it does not open.
    """

    _turn: ClassVar = threading.Lock()  # held by the camera that is looked at

    def __init__(self, source: Source, every: float | None, look: Callable[[], Size | None]) -> None:
        camera = source.live and source.kind == "network" and urlsplit(source.place).scheme not in ONE_RECEIVER
        self._shown = source.shown
        self._every = every if camera else None
        self._look = look
        self._next: float | None = None  # when to look, by the monotonic clock
        self._thread: threading.Thread | None = None
        self._found: Size | None = None
        self._breaks = 0  # looks in a row during which the connection broke
        self._broke = False  # whether it did during the last one

    def opened(self, now: float) -> None:
        """A connection begins."""
        self._found = None
        self._next = None if self._every is None else now + self._every

    def check(self, size: Size | None, now: float) -> None:
        """Called with each frame; raises StreamResized where another size than this was found."""
        found, self._found = self._found, None
        if found is not None and size is not None and found != size:
            raise StreamResized(
                f"{self._shown} now sends {found[0]} x {found[1]} pixels, not {size[0]} x {size[1]}: it is opened anew"
            )
        due = self._every is not None and self._next is not None and now >= self._next and not self._looking
        if due and self._turn.acquire(blocking=False):
            self._next = now + (self._every or 0)
            self._breaks = self._breaks if self._broke else 0
            self._broke = False
            self._thread = threading.Thread(target=self._work, name=f"size of {self._shown}", daemon=True)
            self._thread.start()

    def lost(self) -> None:
        """The connection broke; a camera that breaks twice running while a second one is open bears only one."""
        if self._looking:
            self._breaks += not self._broke
            self._broke = True
        if self._looking and self._breaks == 2:
            self._every = None
            log.warning("%s was lost twice while its frame size was looked at: that is not done again", self._shown)

    @property
    def _looking(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._found = self._look()
        finally:
            self._turn.release()
