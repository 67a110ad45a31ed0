"""Results of streams: several sources share one engine and take turns; one alone is the simplest case."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

from sdk.errors import InputError
from sdk.frame import Image
from sdk.result import CountResult
from sdk.streams.budget import Budget
from sdk.streams.mailbox import Ended, Failed, Item, Seen
from sdk.streams.pump import Feed, Pump
from sdk.streams.spare import SpareMemory
from sdk.streams.stable import Gaps
from sdk.timing import Moment, processor_seconds
from sdk.trust.picture import look_at
from sdk.trust.state import State
from sdk.trust.watch import Watch

if TYPE_CHECKING:
    from typing_extensions import Self

Count = Callable[..., CountResult]  # of a frame (h, w, 3) BGR, and of the correction of its camera where it has one


@dataclass(frozen=True, eq=False)
class StreamResult:
    """What a stream said: a counted frame, or why there is none."""

    state: str  # ok; timeout: no frame came in time; error: see `error`; end: nothing more will come
    moment: Moment  # when the frame was taken; of a recording, its start now and its own time from there
    number: int  # of the frame, from 1; of other states that of the last frame
    drops: int  # frames left out so far because the engine was late
    reconnects: int  # attempts to open the source again so far
    result: CountResult | None = None  # of state ok
    error: InputError | None = None  # of state error
    latency_ms: float = 0.0  # from the frame to this result; 0 for recordings
    gap_seconds: float = 0.0  # for which frames are left out after this one, because counts are stable

    @property
    def ok(self) -> bool:
        """Whether a frame was counted."""
        return self.result is not None

    @property
    def time(self) -> datetime:
        """The moment as wall time, in UTC."""
        return datetime.fromtimestamp(self.moment.wall, timezone.utc)

    def to_json(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values; the state is called `stream`, beside what the count says."""
        return {
            "stream": self.state,
            "time": self.time.isoformat(timespec="milliseconds"),
            "frame": self.number,
            "drops": self.drops,
            "reconnects": self.reconnects,
            **({} if self.result is None else {**self.result.to_json(), "latency_ms": round(self.latency_ms, 2)}),
            **({"gap_seconds": round(self.gap_seconds, 3)} if self.gap_seconds else {}),
            **({} if self.error is None else {"error": self.error.to_json()}),
        }


class _Turn:
    """A source among others."""

    def __init__(self, name: str, feed: Feed, news: threading.Condition) -> None:
        self.name = name
        self.pump = Pump(feed, news)
        self.served = 0  # the number of the last turn that it had
        self.number = 0  # of its last frame
        self._told = self.pump.alive
        self._size: tuple[int, ...] = ()  # of its last frame
        stable = feed.sampling.stable
        self._gaps = None if stable is None else Gaps(stable)
        self._watch = Watch(still=feed.limits.frozen_seconds is None)

    def ready(self, *, resting: bool) -> bool:
        """Whether it has something to tell, frames aside while the engine rests."""
        return len(self.pump.box) > 0 and not (resting and self.pump.box.holds_frame())

    def silent_at(self) -> float:
        """When it will have been silent for too long, by the monotonic clock."""
        return max(self._told, self.pump.alive) + self.pump.feed.limits.read_seconds

    def result(self, item: Item | None, count: Count) -> StreamResult:
        """What an item becomes; None: it was silent."""
        now = Moment.now()
        if not isinstance(item, Seen):
            self._told = now.monotonic
        plain = StreamResult("timeout", now, self.number, self.pump.box.drops, self.pump.reconnects)
        if isinstance(item, Seen):
            self.number = item.number
            return self._counted(item, replace(plain, number=item.number, moment=item.moment), count)
        if isinstance(item, Failed):
            return replace(plain, state="error", error=item.error)
        return replace(plain, state="end") if isinstance(item, Ended) else plain

    def _counted(self, seen: Seen, plain: StreamResult, count: Count) -> StreamResult:
        try:
            fix = self.pump.feed.correction
            result = count(seen.image) if fix is None else count(seen.image, fix)
        except InputError as error:
            return replace(plain, state="error", error=error)
        live = not self.pump.feed.source.recorded
        latency = 1000 * (Moment.now().monotonic - seen.moment.monotonic) if live else 0.0
        state = self._state(seen, result)
        warnings = (*result.warnings, *self._changed(seen.image))
        result = replace(result, warnings=warnings, state=state.name, reasons=state.reasons, look=None)
        return replace(plain, state="ok", result=result, latency_ms=latency, gap_seconds=self._gap(seen, result.count))

    def _gap(self, seen: Seen, people: float) -> float:
        """Leave out frames while counts are stable; for how many seconds."""
        if self._gaps is None:
            return 0.0
        gap = self._gaps.after(seen.moment, people)
        self.pump.due.hold(seen.moment.monotonic + gap)
        return gap

    def _state(self, seen: Seen, result: CountResult) -> State:
        """What the frame tells by itself, and beside earlier ones."""
        look = look_at(seen.image) if result.look is None else result.look
        return State(result.state, result.reasons).with_findings(self._watch.update(look, seen.moment))

    def _changed(self, image: Image) -> tuple[str, ...]:
        """What is to be said where the frame has another size than the one before; photos of a folder may."""
        before, self._size = self._size, image.shape[:2]
        if not before or before == self._size or self.pump.feed.source.kind == "folder":
            return ()
        return (f"frame size changed from {before[1]} x {before[0]} to {self._size[1]} x {self._size[0]}",)


@final
class Streams:
    """Results of several sources by name, in turns: who waited longest is next, so that none starves another.

    Iterating never waits longer than a source's `read_seconds` for a result, its `every` aside. The last result of a
    source has state `end`; when all have ended, so does the iteration. Raises the StreamError of a source that fails
    before its first frame, unless its limits say to wait. budget: kept by counting fewer frames. Close it, or use it
    in a `with`.
    """

    def __init__(self, count: Count, feeds: Mapping[str, Feed], budget: Budget | None = None) -> None:
        self._count = count
        self._budget = budget
        self._news = threading.Condition()
        self._turns = [_Turn(name, feed, self._news) for name, feed in feeds.items()]
        self._spare = SpareMemory(Moment.now().monotonic)
        self._started = False
        self._turn = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[str, StreamResult]:
        self._start()
        self._spare.give_back(Moment.now().monotonic)
        turn, item = self._next()
        while isinstance(item, Seen) and turn.pump.due.held(item.moment.monotonic):
            turn, item = self._next()
        if isinstance(item, Failed) and item.for_good:
            self.close()
            raise item.error
        if isinstance(item, Ended):
            self._turns.remove(turn)
            turn.pump.close()
        return turn.name, turn.result(item, self._count)

    def close(self) -> None:
        """Let go of all sources; a second call does nothing."""
        for turn in self._turns:
            turn.pump.stop()
        for turn in self._turns:
            turn.pump.close()
        self._turns = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for turn in self._turns:
                turn.pump.start()

    def _next(self) -> tuple[_Turn, Item | None]:
        """Who is next, and with what; None: with its silence."""
        rested = self._rested_at()
        with self._news:
            while self._turns:
                now = Moment.now().monotonic
                ready = [turn for turn in self._turns if turn.ready(resting=now < rested)]
                if ready:
                    return self._serve(min(ready, key=lambda turn: turn.served))
                silent = [turn for turn in self._turns if not len(turn.pump.box)]
                first = min(silent, key=_Turn.silent_at, default=None)
                if first is not None and first.silent_at() <= now:
                    return first, None
                ends = [rested] if now < rested else []
                self._news.wait(min([*ends, *([first.silent_at()] if first else [])]) - now)
        raise StopIteration

    def _rested_at(self) -> float:
        """When the next frame may be counted, by the monotonic clock."""
        now = Moment.now().monotonic
        return now + (self._budget.rest(processor_seconds(), now) if self._budget is not None else 0.0)

    def _serve(self, turn: _Turn) -> tuple[_Turn, Item | None]:
        self._turn += 1
        turn.served = self._turn
        return turn, turn.pump.box.take()


@final
class Stream:
    """Results of one source; see `Streams`."""

    def __init__(self, count: Count, feed: Feed) -> None:
        self._streams = Streams(count, {feed.source.shown: feed})

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StreamResult:
        return next(self._streams)[1]

    def close(self) -> None:
        """Let go of the source; a second call does nothing."""
        self._streams.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
