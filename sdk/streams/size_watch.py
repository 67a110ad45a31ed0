"""Whether a camera still sends frames of the size that it began with.

OpenCV scales every frame to the size of a connection's first one and does not tell. So now and then a second connection
is opened for a moment, and its size compared.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from sdk.streams.errors import StreamResized
from sdk.streams.source import Source

log = logging.getLogger(__name__)
Size = tuple[int, int]  # width and height
ONE_RECEIVER = ("srt", "udp")  # what is sent to one receiver would be taken from it


class SizeWatch:
    """Compares sizes every so many seconds, in a thread of its own; None: never.

    look: opens the source anew, and closes it; its size, or None where it does not open.
    """

    def __init__(self, source: Source, every: float | None, look: Callable[[], Size | None]) -> None:
        camera = source.live and source.kind == "network" and urlsplit(source.place).scheme not in ONE_RECEIVER
        self._shown = source.shown
        self._every = every if camera else None
        self._look = look
        self._next: float | None = None  # when to look, by the monotonic clock
        self._thread: threading.Thread | None = None
        self._found: Size | None = None

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
        if self._every is not None and self._next is not None and now >= self._next and not self._looking:
            self._next = now + self._every
            self._thread = threading.Thread(target=self._work, name=f"size of {self._shown}", daemon=True)
            self._thread.start()

    def lost(self) -> None:
        """The connection broke; where a second one was open, the camera may bear only one, and is left alone."""
        if self._looking:
            self._every = None
            log.warning("%s was lost while its frame size was looked at: that is not done again", self._shown)

    @property
    def _looking(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        self._found = self._look()
