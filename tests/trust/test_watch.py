"""What earlier frames of a camera tell."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sdk.frame import Image
from sdk.timing import Moment
from sdk.trust.picture import look_at
from sdk.trust.watch import Watch
from tests.trust.looks import dim, hidden, moved, noisy, view


def watched(frames: Iterable[Image], watch: Watch | None = None, every: float = 2) -> list[list[str]]:
    """What is found in each frame; a frame comes every two seconds."""
    watch = watch or Watch()
    found = []
    for at, frame in enumerate(frames):
        moment = Moment(every * at, every * at)
        found.append([finding.reason.partition(":")[0] for finding in watch.update(look_at(frame), moment)])
    return found


def frames(count: int, start: int = 0) -> list[Image]:
    """A crowd that changes, as a camera sees it."""
    return [noisy(view(people=20 + at % 3), start + at) for at in range(count)]


def test_a_changing_crowd_before_a_camera_that_stands_is_nothing_to_tell() -> None:
    assert watched(frames(14)) == [[]] * 14


def test_the_same_picture_is_frozen_after_a_while_and_no_longer_once_it_changes() -> None:
    found = watched([*frames(2), *[view()] * 5, *frames(1)])

    assert found == [[], [], [], [], [], ["frozen"], ["frozen"], []]


def test_a_source_that_may_stand_still_is_never_frozen() -> None:
    assert watched([view()] * 8, Watch(still=True)) == [[]] * 8


def test_a_hand_over_the_lens_is_told_at_once_and_no_longer_once_it_is_gone() -> None:
    found = watched([*frames(6), *[noisy(hidden(view(), 0.8), at) for at in range(2)], *frames(1)])

    assert found == [*[[]] * 6, ["covered"], ["covered"], []]


def test_a_camera_that_was_moved_is_told_after_three_frames_until_it_is_back() -> None:
    away = [moved(frame, 60) for frame in frames(40)]

    found = watched([*frames(6), *away, *frames(2)])

    assert found == [*[[]] * 8, *[["camera moved"]] * 38, [], []]


def test_one_frame_of_another_view_is_not_a_move() -> None:
    assert watched([*frames(6), moved(frames(1)[0], 60), *frames(3)]) == [[]] * 10


def test_dusk_and_night_are_not_a_move() -> None:
    darker = [noisy(dim(frame, 1 - at / 20), at) for at, frame in enumerate(frames(20))]

    assert watched([*frames(6), *darker, *frames(2)]) == [[]] * 28


def test_photos_of_different_places_are_no_camera_that_was_moved() -> None:
    places = [noisy(moved(view(seed=5 + at % 3), 37 * at), at) for at in range(12)]

    assert not any("camera moved" in found for found in watched(places))


def test_another_frame_size_begins_anew() -> None:
    small = [np.ascontiguousarray(frame[:100, :100]) for frame in frames(4)]

    assert watched([*frames(6), *small]) == [[]] * 10
