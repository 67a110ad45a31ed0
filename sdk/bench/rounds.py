"""Contenders in processes of their own, in turns, and what the machine did meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from sdk.bench.contenders import COUNTING, Contender
from sdk.bench.machine import Watch, Watched
from sdk.timing import Stopwatch

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 900.0  # seconds for one answer; an eager full-width network on a weak CPU takes minutes


@dataclass
class Seen:
    """All that a contender's process answered."""

    contender: Contender
    failed: str = ""  # why it is not in the results
    first_s: float = 0.0  # from the start of a process to its first count
    first_uncached_s: float | None = None  # the same with no compiled model kept; None: it compiles nothing
    people: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    peak_mb: float | None = None
    rounds: list[dict[str, Any]] = field(default_factory=list)
    watched: list[Watched] = field(default_factory=list)
    score: dict[str, Any] | None = None


class WorkerFailed(Exception):
    """A contender's process answered with an error, or not at all."""


class Worker:
    """The process of one contender."""

    def __init__(self, contender: Contender, cache: Path) -> None:
        paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        variables = {**os.environ, "PYTHONPATH": paths, "SKT_CACHE_DIR": str(cache)}
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end
        clock = Stopwatch()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sdk.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=variables,
            text=True,
        )
        try:
            self.answer = self.ask({"opener": contender.opener, "options": contender.options})
        except BaseException:
            self.end()
            raise
        self.first_s = clock.seconds()

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """The answer to one order; raises WorkerFailed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(PATIENCE, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        answer: dict[str, Any] = json.loads(line) if line else {"error": {"message": self._death()}}
        if "error" in answer:
            raise WorkerFailed(answer["error"]["message"])
        return answer

    def end(self) -> None:
        """Let it go, gently and then not; ending twice is fine."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for action in (self._process.stdin.close, self._process.terminate, self._process.kill):
            try:
                action()
                self._process.wait(5)
                break
            except (BrokenPipeError, subprocess.TimeoutExpired):
                continue
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _death(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        told = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"its process {how}" + "".join(f": {line}" for line in told)


def run_rounds(
    contenders: Sequence[Contender],
    rounds: int,
    seconds: float,
    score: dict[str, Any] | None,
    tell: Callable[[str], None],
) -> list[Seen]:
    """Start all, let each run once a round, in an order that turns, and score those that count at the end."""
    seen = [Seen(contender) for contender in contenders]
    with ExitStack() as stack:
        cache = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="skt-bench-")))
        workers = {id(one): worker for one in seen if (worker := _started(one, cache, tell, stack)) is not None}
        for number in range(rounds):
            tell(f"round {number + 1} of {rounds}")
            at = number % len(seen)
            for one in (*seen[at:], *seen[:at]):
                if not one.failed:
                    _round(one, workers[id(one)], seconds)
        for one in seen:
            if score is not None and not one.failed and one.contender.opener == COUNTING:
                tell(f"scoring {one.contender.name}")
                _scored(one, workers[id(one)], score)
    return seen


def _started(one: Seen, cache: Path, tell: Callable[[str], None], stack: ExitStack) -> Worker | None:
    """A process that has counted once; what compiles is started a second time, with the compiled model kept."""
    tell(f"starting {one.contender.name}")
    try:
        if one.contender.opener == COUNTING:
            with Worker(one.contender, cache) as uncached:
                one.first_uncached_s = uncached.first_s
        worker = stack.enter_context(Worker(one.contender, cache))
    except WorkerFailed as failure:
        one.failed = str(failure)
        return None
    one.first_s, one.people, one.facts = worker.first_s, worker.answer["people"], worker.answer["facts"]
    one.peak_mb = worker.answer["peak_mb"]
    return worker


def _round(one: Seen, worker: Worker, seconds: float) -> None:
    watch = Watch()
    try:
        answer = worker.ask({"do": "round", "seconds": seconds})
    except WorkerFailed as failure:
        one.failed = str(failure)
        return
    one.watched.append(watch.end(answer["processor_s"]))
    if not one.rounds:
        one.peak_mb = answer.get("peak_mb", one.peak_mb)
    one.rounds.append(answer)


def _scored(one: Seen, worker: Worker, score: dict[str, Any]) -> None:
    try:
        one.score = worker.ask({"do": "score", "options": score})
    except WorkerFailed as failure:
        one.failed = str(failure)
