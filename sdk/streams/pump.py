"""The thread that reads one source: opens it, takes the frames that are due, and tries again when it went away."""

from __future__ import annotations

import functools
import logging
import threading
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from sdk.errors import InputError
from sdk.frame import Image
from sdk.sinks.pauses import Pauses
from sdk.streams.errors import StreamError, StreamFrozen, StreamLost, StreamRefused, StreamUnreadable
from sdk.streams.limits import Sampling, StreamLimits
from sdk.streams.mailbox import Ended, Failed, Mailbox, Seen
from sdk.streams.readers import FolderReader, RawReader, Reader
from sdk.streams.size_watch import Size, SizeWatch
from sdk.streams.source import Source
from sdk.timing import Moment
from sdk.trust.correction import Correction

log = logging.getLogger(__name__)
LAPSE = 1.0  # seconds between the photos of a folder, where nothing else is said
FIRST_PAUSE = 0.5  # seconds before the second attempt to connect
UNDECODED = 25  # frames in a row that cannot be decoded, until a stream is opened anew
COARSE = 8  # pixels between those by which frozen pictures are found
LET_GO = 1.0  # seconds that closing waits for the reader's thread


@dataclass(frozen=True)
class Feed:
    """A source, and how it is read."""

    source: Source
    sampling: Sampling = field(default_factory=Sampling)
    limits: StreamLimits = field(default_factory=StreamLimits)
    correction: Correction | None = None  # of the camera

    @property
    def latest(self) -> bool:
        """Whether frames are dropped for newer ones when the engine is late."""
        policy = self.sampling.policy
        return policy == "latest" or (policy == "auto" and self.source.live)


def open_reader(feed: Feed) -> Reader:
    """Open a source of whatever kind; raises InputError or ConfigError."""
    if feed.source.kind == "folder":
        return FolderReader(feed.source.place, feed.sampling.every or LAPSE)
    if feed.source.kind == "raw":
        return RawReader(feed.source)
    from sdk.streams.video import VideoReader

    return VideoReader(feed.source, feed.limits)


def size_now(feed: Feed) -> Size | None:
    """The frame size that a camera has now, over a second connection."""
    from sdk.streams.video import size_of

    return size_of(feed.source, feed.limits)


class Due:
    """Which frames are taken: one each `every` seconds, by the clock of the frames."""

    def __init__(self, every: float | None) -> None:
        self._every = every
        self._next = -np.inf
        self._held = -np.inf

    def hold(self, until: float) -> None:
        """Take none before that time; may be called by another thread."""
        self._held = until

    def held(self, seconds: float) -> bool:
        """Whether a frame of that time is left out; it may have been read before that was known."""
        return seconds < self._held - 1e-6

    def __call__(self, seconds: float) -> bool:
        if self.held(seconds):
            return False
        if self._every is None:
            return True
        if seconds < self._next - 1e-6:
            return False
        late = seconds - self._next
        self._next = self._next + self._every if late < self._every else seconds + self._every
        return True


class Frozen:
    """Since when a picture is the same, pixel by pixel; a camera's noise changes even one of a still scene."""

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._last: Image | None = None
        self._since = 0.0
        self._same = 0  # pictures

    def check(self, image: Image, now: float, shown: str) -> None:
        """Take the next picture; raises StreamFrozen after the limit and at least three that are the same."""
        if self._limit is None:
            return
        coarse = image[::COARSE, ::COARSE].copy()
        if self._last is None or not np.array_equal(coarse, self._last):
            self._last, self._since, self._same = coarse, now, 0
        self._same += 1
        if self._same > 2 and now - self._since >= self._limit:
            raise StreamFrozen(f"the picture of {shown} has not changed for {now - self._since:.0f} s: it is frozen")


class Pump:
    """Reads one source into a mailbox until it ends or is closed."""

    def __init__(self, feed: Feed, news: threading.Condition) -> None:
        self.feed = feed
        self.box = Mailbox(news, latest=feed.latest)
        self.reconnects = 0
        self.alive = Moment.now().monotonic  # when a frame last came, wanted or not
        self.worked = False  # whether a frame ever came
        self._number = 0
        self._failures = 0
        self._start = Moment.now()
        self.due = Due(None if feed.source.kind == "folder" else feed.sampling.every)
        self._frozen = Frozen(feed.limits.frozen_seconds if feed.source.live else None)
        self._sizes = SizeWatch(feed.source, feed.limits.size_seconds, functools.partial(size_now, feed))
        self._pauses = Pauses(FIRST_PAUSE, feed.limits.longest_pause_seconds)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"stream {feed.source.shown}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the reader to end."""
        self._stop.set()
        self.box.close()

    def close(self) -> None:
        """Stop; a reader that does not answer is left behind, and ends when it does."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join(LET_GO)

    def _work(self) -> None:
        while not self._stop.is_set():
            error = self._session()
            hopeless = not (self.worked or self.feed.limits.wait)
            if error is not None:
                self.box.put(Failed(error, for_good=hopeless))
            if error is None or not self.feed.source.live or hopeless:
                break
            self._failures += 1
            asked = self.feed.limits.longest_pause_seconds if isinstance(error, StreamRefused) else 0.0
            self._stop.wait(self._pauses.after(self._failures, asked))
            self.reconnects += 1
        self.box.put(Ended())

    def _session(self) -> StreamError | None:
        """Open, and read to the end; what ended it, None for the end of a recording."""
        try:
            with closing(open_reader(self.feed)) as reader:
                self._sizes.opened(Moment.now().monotonic)
                self._read(reader)
        except StreamLost as error:
            self._sizes.lost()
            return error
        except StreamError as error:
            return error
        except InputError as error:  # a folder without photos
            return StreamError(error.message, hint=error.hint)
        except Exception as error:  # the consumer must hear of it, whatever it is
            log.exception("the reader of %s met a bug", self.feed.source.shown)
            return StreamError(f"reading {self.feed.source.shown} failed: {type(error).__name__}")
        return None

    def _read(self, reader: Reader) -> None:
        undecoded = 0
        while not self._stop.is_set() and reader.grab():
            self._number += 1
            moment = self._moment(reader)
            self.alive = Moment.now().monotonic
            self._sizes.check(reader.size, self.alive)
            if not self.due(moment.monotonic):
                continue
            try:
                image = reader.frame()
            except InputError as error:
                undecoded += 1
                self._undecoded(error, undecoded)
                continue
            undecoded = 0
            self._hand_over(image, moment)

    def _hand_over(self, image: Image, moment: Moment) -> None:
        self._frozen.check(image, moment.monotonic, self.feed.source.shown)
        self.worked, self._failures = True, 0
        self.box.put(Seen(image, self._number, moment))

    def _undecoded(self, error: InputError, times: int) -> None:
        """Say it and go on; a live stream in which nothing can be decoded any more is opened anew."""
        self.box.put(Failed(StreamError(error.message, hint=error.hint)))
        if self.feed.source.live and times >= UNDECODED:
            raise StreamUnreadable(f"{times} frames in a row of {self.feed.source.shown} cannot be decoded")

    def _moment(self, reader: Reader) -> Moment:
        """When the grabbed frame was taken; a recording that is read as if live is played at its own speed."""
        if not self.feed.source.recorded:
            return Moment.now()
        moment = Moment(self._start.monotonic + reader.seconds, self._start.wall + reader.seconds)
        if self.feed.latest:
            self._stop.wait(max(0.0, moment.monotonic - Moment.now().monotonic))
        return moment
