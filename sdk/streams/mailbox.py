"""Between the thread that reads and the one that counts."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from sdk.frame import Image
from sdk.streams.errors import StreamError
from sdk.timing import Moment

WAITING = 4  # items at most where none may be dropped


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame."""

    image: Image = field(repr=False)
    number: int  # from 1, those between that nobody asked for included
    moment: Moment  # when it was taken, as far as can be known


@dataclass(frozen=True)
class Failed:
    """Something went wrong."""

    error: StreamError
    for_good: bool = False  # before the first frame, and not to be tried again


@dataclass(frozen=True)
class Ended:
    """Nothing more will come."""


Item = Seen | Failed | Ended


class Mailbox:
    """Items in their order.

    latest: one frame and one failure at most, each taken out again for a newer one; frames so lost are counted as
    drops. Else nothing is lost, and the reader waits for room.
    """

    def __init__(self, news: threading.Condition, *, latest: bool) -> None:
        self.drops = 0
        self._news = news
        self._latest = latest
        self._items: deque[Item] = deque()
        self._closed = False

    def put(self, item: Item) -> None:
        """Hand over."""
        with self._news:
            if self._latest:
                self._make_room(type(item))
            else:
                self._news.wait_for(lambda: self._closed or len(self._items) < WAITING)
            self._items.append(item)
            self._news.notify_all()

    def take(self) -> Item | None:
        """The oldest item, or None; the caller holds the lock of `news`."""
        item = self._items.popleft() if self._items else None
        self._news.notify_all()
        return item

    def holds_frame(self) -> bool:
        """Whether the oldest item is a frame; the caller holds the lock of `news`."""
        return bool(self._items) and isinstance(self._items[0], Seen)

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        """Let a reader that waits for room go on."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _make_room(self, kind: type[Item]) -> None:
        """Take out what a newer item of its kind replaces."""
        older = next((item for item in self._items if isinstance(item, kind)), None)
        if older is not None:
            self._items.remove(older)
            self.drops += isinstance(older, Seen)
