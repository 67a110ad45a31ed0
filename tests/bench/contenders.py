"""Contenders that go wrong in their own process, each in its way; openers for `sdk.bench.worker`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sdk.bench.contenders import Contender


class Doubtful:
    """Counts seven people for as long as it is let."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._ends = options["ends"]
        print("an engine that prints")  # noqa: T201 - as engines do

    def first(self) -> float:
        if self._ends == "raises":
            raise ValueError("no weights")
        return 7.0

    def round(self, seconds: float) -> dict[str, Any]:
        if self._ends == "crashes":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._ends == "leaves":
            sys.exit("gone home")
        return {"ms": [1000 * seconds]}

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def doubtful(ends: str) -> Contender:
    return Contender(ends, "tests.bench.contenders:Doubtful", {"ends": ends}, "doubtful", "none", "fp32", 1)
