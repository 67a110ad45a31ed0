"""Frame sizes that change after a reconnect and within a connection, and when a camera is asked for its size."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sdk.frame import Image
from sdk.streams import StreamLimits, StreamResized, read_source
from sdk.streams.size_watch import Size, SizeWatch
from sdk.streams.video import size_of
from tests.sinks.servers import free_port
from tests.streams.cameras import HttpCamera
from tests.streams.videos import red
from tests.streams.watching import QUICK, counts, is_ok, until, watch


class Looks:
    """Looks that end when they are let."""

    def __init__(self, size: Size | None) -> None:
        self.begun = 0
        self.end = threading.Event()
        self._size = size

    def __call__(self) -> Size | None:
        self.begun += 1
        assert self.end.wait(10)
        return self._size

    def watch(self, source: str = "rtsp://cam.local/live", every: float | None = 10) -> SizeWatch:
        watch = SizeWatch(read_source(source), every, self)
        watch.opened(0)
        return watch


def finish(looks: Looks, watch: SizeWatch) -> None:
    looks.end.set()
    assert watch._thread is not None
    watch._thread.join(10)


def test_sizes_are_looked_at_one_at_a_time_and_compared() -> None:
    looks = Looks((320, 192))
    watch = looks.watch()
    for now in (9, 10, 21):
        watch.check((160, 96), now)
    finish(looks, watch)

    with pytest.raises(StreamResized, match=r"rtsp://cam\.local/live now sends 320 x 192 pixels, not 160 x 96"):
        watch.check((160, 96), 22)

    assert looks.begun == 1


def test_of_several_cameras_one_is_looked_at_at_a_time() -> None:
    one, other = Looks((160, 96)), Looks((160, 96))
    first, second = one.watch(), other.watch()
    first.check((160, 96), 10)
    second.check((160, 96), 10)
    assert other.begun == 0
    finish(one, first)

    second.check((160, 96), 11)
    finish(other, second)

    assert (one.begun, other.begun) == (1, 1)


@pytest.mark.parametrize("found", [(160, 96), None])
def test_the_same_size_and_a_camera_that_does_not_open_twice_say_nothing(found: Size | None) -> None:
    looks = Looks(found)
    watch = looks.watch()
    watch.check((160, 96), 10)
    finish(looks, watch)

    watch.check((160, 96), 11)


def test_what_was_found_says_nothing_of_the_next_connection() -> None:
    looks = Looks((320, 192))
    watch = looks.watch()
    watch.check((160, 96), 10)
    finish(looks, watch)
    watch.opened(20)

    watch.check((160, 96), 21)


def looked_at(looks: Looks, watch: SizeWatch, now: float, *, breaks: bool) -> None:
    looks.end.clear()
    watch.opened(now - 10)
    watch.check((160, 96), now)
    if breaks:
        watch.lost()
    finish(looks, watch)


def test_a_camera_lost_twice_while_it_is_looked_at_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks((160, 96))
    watch = looks.watch()
    for now, breaks in ((10, True), (20, False), (30, True), (40, True)):
        assert not caplog.text
        looked_at(looks, watch, now, breaks=breaks)
    watch.opened(50)
    watch.check((160, 96), 1000)

    assert looks.begun == 4
    assert "rtsp://cam.local/live was lost twice while its frame size was looked at: that is not done" in caplog.text


def test_a_camera_lost_at_another_time_is_looked_at_again() -> None:
    looks = Looks((160, 96))
    watch = looks.watch()
    watch.lost()
    watch.opened(20)
    watch.check((160, 96), 30)
    finish(looks, watch)

    assert looks.begun == 1


@pytest.mark.parametrize("source", ["udp://239.0.0.1:5000", "srt://cam.local:5000", "http://cam.local/film.mp4", "."])
def test_what_sends_to_one_receiver_and_recordings_are_never_looked_at(source: str) -> None:
    looks = Looks((320, 192))
    looks.watch(source).check((160, 96), 1e6)

    assert looks.begun == 0


def test_an_address_that_does_not_open_has_no_size() -> None:
    assert size_of(read_source(f"http://127.0.0.1:{free_port()}/live"), StreamLimits(connect_seconds=1)) is None


def test_another_frame_size_after_a_reconnect_is_counted_and_noted() -> None:
    sizes = iter([(160, 96), (320, 192)])
    size: list[tuple[int, int]] = []

    def pictures(at: int) -> Image | None:
        if at == 0:
            size[:] = [next(sizes, (320, 192))]
        return red(9, *size[0]) if at < 12 else None

    with HttpCamera(pictures) as camera, watch(camera.url) as stream:
        small = until(stream, is_ok)[-1]
        large = until(stream, lambda seen: seen.result is not None and seen.result.photo.shape[0] == 192)[-1]

    assert counts([small, large]) == [9, 9]
    assert large.result is not None
    assert large.result.warnings == ("frame size changed from 160 x 96 to 320 x 192",)


@pytest.fixture
def growing() -> Iterator[tuple[HttpCamera, threading.Event]]:
    """A camera whose pictures are twice as wide and high, within the connection, once the event is set."""
    grown = threading.Event()
    with HttpCamera(lambda _: red(9, 320, 192) if grown.is_set() else red(9)) as camera:
        yield camera, grown


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_another_frame_size_within_a_connection_is_found_and_the_camera_opened_anew(
    kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "rtsp":
        camera = request.getfixturevalue("rtsp")
        grow = camera.grow
    else:
        camera, grown = request.getfixturevalue("growing")
        grow = grown.set
    limits = replace(QUICK, frozen_seconds=None, read_seconds=3, size_seconds=0.5)

    with watch(camera.url, limits) as stream:
        until(stream, is_ok)
        time.sleep(1.0)
        alike = until(stream, is_ok)[-1]
        grow()
        told = until(stream, lambda seen: seen.state == "error")[-1]
        large = until(stream, is_ok)[-1]

    assert alike.reconnects == 0
    assert isinstance(told.error, StreamResized)
    assert "now sends 320 x 192 pixels, not 160 x 96: it is opened anew" in str(told.error)
    assert large.result is not None
    assert large.result.photo.shape == (192, 320, 3)
    assert large.result.warnings == ("frame size changed from 160 x 96 to 320 x 192",)


def test_sizes_are_not_looked_at_unless_asked(growing: tuple[HttpCamera, threading.Event]) -> None:
    camera, grown = growing
    with watch(camera.url, replace(QUICK, frozen_seconds=None, size_seconds=None), every=0.1) as stream:
        until(stream, is_ok)
        grown.set()
        seen = [until(stream, is_ok)[-1] for _ in range(10)]

    assert {result.result.photo.shape for result in seen if result.result} == {(96, 160, 3)}
    assert camera.visits == 1
