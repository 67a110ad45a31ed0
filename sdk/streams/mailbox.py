"""Between the thread that reads and the one that counts."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from sdk.frame import Image
from sdk.streams.errors import StreamError
from sdk.timing import Moment

WAITING = 4  # frames that wait where none may be dropped; then the reader waits


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame."""

    image: Image = field(repr=False)
    number: int  # from 1, those between that nobody asked for included
    moment: Moment  # when it was taken, as far as can be known
    notes: tuple[str, ...] = ()  # what else is to be said of it


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
    """Items in their order. `latest` holds one frame, and drops it for a newer one; failures are never dropped."""

    def __init__(self, news: threading.Condition, *, latest: bool) -> None:
        self.drops = 0
        self._news = news
        self._latest = latest
        self._items: deque[Item] = deque()
        self._closed = False

    def put(self, item: Item) -> None:
        """Hand over; waits for room where no frame may be dropped, until `close`."""
        with self._news:
            if isinstance(item, Seen) and not self._latest:
                self._news.wait_for(lambda: self._closed or len(self._items) < WAITING)
            if self._replaced(item):
                self._items.pop()
            self._items.append(item)
            self._news.notify_all()

    def take(self) -> Item | None:
        """The oldest item, or None; the caller holds the lock of `news`."""
        item = self._items.popleft() if self._items else None
        self._news.notify_all()
        return item

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        """Let a reader that waits for room go on."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _replaced(self, item: Item) -> bool:
        """Whether an item takes the place of the one before: a newer frame, or one more failure."""
        if not self._items:
            return False
        last = self._items[-1]
        newer = self._latest and isinstance(item, Seen) and isinstance(last, Seen)
        self.drops += newer
        return newer or (isinstance(item, Failed) and isinstance(last, Failed))
