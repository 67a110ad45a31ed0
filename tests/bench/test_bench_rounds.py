"""Contenders in processes of their own: turns, failures, and the machine meanwhile."""

from __future__ import annotations

import pytest

from sdk.bench.machine import Load, Ticks, Watch, Watched
from sdk.bench.rounds import run_rounds
from tests.bench.contenders import doubtful

STAT = "cpu  100 20 30 4000 50 6 4 10 0 0\ncpu0 1 2 3\n"


def test_contenders_take_turns_and_the_failed_ones_are_told() -> None:
    contenders = [doubtful(ends) for ends in ("well", "raises", "crashes", "leaves")]
    told: list[str] = []

    well, raises, crashes, leaves = run_rounds(contenders, 2, 0.01, None, told.append)

    assert (well.failed, well.people, [one["ms"] for one in well.rounds]) == ("", 7.0, [[10.0], [10.0]])
    assert well.first_s > 0
    assert raises.failed == "ValueError: no weights"
    assert crashes.failed.startswith("its process was ended by SIGKILL")
    assert leaves.failed == "its process ended with exit code 1: gone home"
    assert told[-2:] == ["round 1 of 2", "round 2 of 2"]


def test_the_kernels_ticks_are_read() -> None:
    assert Ticks.of(STAT) == Ticks(busy=pytest.approx(1.6), steal=pytest.approx(0.1))
    assert Ticks.of("intr 5") is None


def test_a_stretch_of_time_knows_its_own_work() -> None:
    watched = Watch().end(processor_s=0.0)

    assert watched.seconds >= 0
    assert watched.others is None or watched.others >= 0


@pytest.mark.parametrize(
    ("others", "steal", "words"),
    [
        (0.1, 0.0, "clean"),
        (0.5, 0.0, "busy: 0.25 processors to others, 0.00 stolen"),
        (0.0, 0.1, "busy: 0.00 processors to others, 0.05 stolen"),
        (None, None, "unwatched"),
    ],
)
def test_a_busy_machine_is_never_clean(others: float | None, steal: float | None, words: str) -> None:
    load = Load.over([Watched(1.0, 0.0, 0.0), Watched(1.0, others, steal)])

    assert load.words == words
    assert load.state == words.split(":", maxsplit=1)[0]
