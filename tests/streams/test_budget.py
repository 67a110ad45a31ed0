"""A budget of the processor: kept by rests, never by counting worse."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sdk.errors import ConfigError
from sdk.frame import Image
from sdk.result import CountResult
from sdk.streams import Feed, Streams, read_source
from sdk.streams.budget import LONGEST, Budget
from tests.sdk.counters import RedCounter
from tests.streams.videos import red, write_video


def busy_count(image: Image) -> CountResult:
    """An engine that takes 50 ms of a processor."""
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    return RedCounter().count(image)


def test_what_was_taken_is_rested_for() -> None:
    budget = Budget(50, cores=1)

    assert budget.rest(cpu=0.0, now=0.0) == 0
    assert budget.rest(cpu=1.0, now=1.0) == pytest.approx(1.0)
    assert budget.rest(cpu=1.0, now=1.5) == pytest.approx(0.5)
    assert budget.rest(cpu=1.0, now=2.0) == 0


def test_quiet_times_save_up_only_a_little() -> None:
    budget = Budget(50, cores=2)
    budget.rest(cpu=0.0, now=0.0)
    budget.rest(cpu=0.0, now=3600.0)

    assert budget.rest(cpu=5.0, now=3600.0) == pytest.approx(3.0)


def test_a_budget_that_reading_alone_takes_does_not_end_counting() -> None:
    budget = Budget(1, cores=1)
    budget.rest(cpu=0.0, now=0.0)

    assert budget.rest(cpu=100.0, now=100.0) == LONGEST


def test_a_stream_keeps_to_its_budget_and_counts_every_frame_of_a_recording(tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.avi", [red(at) for at in range(12)])
    start, taken = time.monotonic(), time.process_time()

    with Streams(busy_count, {"walk": Feed(read_source(video))}, Budget(25, cores=1)) as streams:
        counts = [seen.result.count for _, seen in streams if seen.result is not None]

    share = (time.process_time() - taken) / (time.monotonic() - start)
    assert counts == list(range(12))
    assert share < 0.32


@pytest.mark.parametrize("percent", [0, 101])
def test_a_share_that_cannot_be_is_refused(percent: float) -> None:
    with pytest.raises(ConfigError, match=f"max_cpu is {percent}, expected more than 0"):
        Budget(percent)
