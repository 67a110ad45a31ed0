"""When a camera's frame size is looked at over a second connection, and when never again."""

from __future__ import annotations

import threading

import pytest

from sdk.streams import StreamLimits, StreamResized, read_source
from sdk.streams.size_watch import Size, SizeWatch
from sdk.streams.video import size_of
from tests.sinks.servers import free_port


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


def test_a_camera_lost_while_it_is_looked_at_is_left_alone_from_then_on(caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks((160, 96))
    watch = looks.watch()
    watch.check((160, 96), 10)
    watch.lost()
    finish(looks, watch)
    watch.opened(20)
    watch.check((160, 96), 1000)

    assert looks.begun == 1
    assert "rtsp://cam.local/live was lost while its frame size was looked at: that is not done again" in caplog.text


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
