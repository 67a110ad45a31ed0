"""Many photos: decoded while others are counted, a bounded number at once, results in the photos' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Ready = TypeVar("Ready")
Result = TypeVar("Result")


def in_order(
    items: Iterable[Item], prepare: Callable[[Item], Ready], work: Callable[[Ready], Result], at_once: int
) -> Iterator[Result]:
    """work(prepare(item)) of each item, in their order; the first error is raised in its item's place.

    Up to `at_once` items are prepared and as many worked on at the same time, each in a thread. No more than twice
    `at_once` are taken before the first result is, so that neither photos nor results pile up. Left early, by an error
    or because nobody asks for more, it waits for what is running and starts nothing else.
    """
    with ThreadPoolExecutor(at_once, "skt-prepare") as preparers, ThreadPoolExecutor(at_once, "skt-count") as workers:

        def start(item: Item) -> Future[Result]:
            ready = preparers.submit(prepare, item)
            return workers.submit(lambda: work(ready.result()))

        source = iter(items)
        try:
            pending = deque(start(item) for item in islice(source, 2 * at_once))
            while pending:
                yield pending.popleft().result()
                pending.extend(start(item) for item in islice(source, 1))
        finally:
            for pool in (workers, preparers):
                pool.shutdown(wait=False, cancel_futures=True)
