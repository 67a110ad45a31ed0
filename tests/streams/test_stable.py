"""Frames are left out while counts are stable within an error, and never for any other reason."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from sdk.errors import ConfigError
from sdk.streams import Feed, Sampling, Stable, Streams, read_source
from sdk.streams.stable import Gaps
from sdk.streams.stream import StreamResult
from sdk.timing import Moment
from tests import terminal
from tests.sdk.counters import RedCounter
from tests.streams.videos import red, write_video


def simulated(rules: Stable, people: Iterable[float], step: float = 0.1) -> list[tuple[int, float]]:
    """Which frames of a camera are counted, and what is counted in them."""
    gaps, counted, free = Gaps(rules), [], -1.0
    for at, count in enumerate(people):
        if at * step >= free - 1e-6:
            counted.append((at, count))
            free = at * step + gaps.after(Moment(at * step, 0), count)
    return counted


def test_a_crowd_that_stands_is_counted_at_growing_gaps_but_never_later_than_the_longest() -> None:
    counted = [at for at, _ in simulated(Stable(people=2, longest_seconds=5), [40.0] * 2000)]
    gaps = [later - sooner for sooner, later in pairwise(counted)]

    assert gaps[:2] == [1, 1]
    assert gaps == sorted(gaps)
    assert gaps[-1] == 50
    assert len(counted) < 60


def test_a_change_beyond_the_error_is_counted_frame_by_frame_again() -> None:
    people = [40.0] * 400 + [60.0 + at for at in range(100)]

    counted = [at for at, _ in simulated(Stable(people=2, longest_seconds=5), people) if at >= 400]

    assert counted[0] <= 450
    assert all(later - sooner <= 2 for sooner, later in pairwise(counted))


def test_counts_that_grow_steadily_are_within_the_error_at_every_moment() -> None:
    people = [0.05 * at for at in range(4000)]
    counted = dict(simulated(Stable(people=3, longest_seconds=60), people))

    last, errors = 0.0, []
    for at, true in enumerate(people):
        last = counted.get(at, last)
        errors.append(true - last)

    assert len(counted) < 400
    assert max(errors) <= 3


def test_counts_that_waver_more_than_the_error_leave_nothing_out() -> None:
    people = [40.0 + 10 * (at % 2) for at in range(50)]

    assert len(simulated(Stable(people=2), people)) == 50


def test_counts_that_waver_less_than_the_error_do() -> None:
    people = [40.0 + at % 2 for at in range(500)]

    assert len(simulated(Stable(percent=5), people)) < 60


def test_time_that_goes_back_begins_anew() -> None:
    gaps = Gaps(Stable(people=1))
    gaps.after(Moment(10, 0), 5)

    assert gaps.after(Moment(12, 0), 5) > 0
    assert gaps.after(Moment(3, 0), 5) == 0


def watched(path: Path, stable: Stable | None) -> list[StreamResult]:
    feed = Feed(read_source(path), Sampling(stable=stable))
    with Streams(RedCounter().count, {"gate": feed}) as streams:
        return [seen for _, seen in streams if seen.ok]


def test_a_stream_counts_fewer_frames_of_a_crowd_that_stands_and_drops_none(tmp_path: Path) -> None:
    video = write_video(tmp_path / "stand.avi", [red(12)] * 100 + [red(40)] * 20)

    every, fewer = watched(video, None), watched(video, Stable(people=1, longest_seconds=4))

    assert len(every) == 120
    assert len(fewer) < 80
    assert {seen.result.count for seen in fewer if seen.result} == {12, 40}
    assert max(seen.gap_seconds for seen in fewer) <= 4
    assert (every[-1].gap_seconds, fewer[-1].drops) == (0, 0)
    assert max(seen.to_json().get("gap_seconds", 0) for seen in fewer) > 0.4


def test_the_command_takes_people_or_a_percentage(tiny: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "stand.avi", [red(12)] * 60)

    done = terminal.run("count", "-m", tiny, video, "--stable", "10%", "--json")
    refused = terminal.run("count", "-m", tiny, video, "--stable", "0")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) < 50
    assert refused.returncode == 2
    assert "expected one of them above 0" in refused.stderr


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "stable.people is 0.0 and stable.percent 0.0, expected one of them above 0"),
        ({"people": -1.0, "percent": 5.0}, "stable.people is -1.0"),
        ({"people": 1.0, "longest_seconds": 0.0}, "stable.longest_seconds is 0.0, expected more than 0"),
    ],
)
def test_rules_that_cannot_be_are_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Stable(**values)
