"""Cameras that work, go away, come back, stall, freeze and lie; the one who counts never waits for long."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk.streams import StreamLimits, StreamRefused, StreamUnreachable, StreamUnreadable
from tests.sinks.servers import free_port
from tests.streams.cameras import HttpCamera, RtspCamera, TalkingServer
from tests.streams.videos import red, write_video
from tests.streams.watching import QUICK, counts, failed, is_ok, until, watch

WAITS = replace(QUICK, wait=True)


def test_an_rtsp_camera_is_counted_as_it_comes(rtsp: RtspCamera) -> None:
    with watch(rtsp.url) as stream:
        until(stream, is_ok)
        seen = [next(stream) for _ in range(5)]

    assert [result.state for result in seen] == ["ok"] * 5
    assert all(result.result is not None and result.result.photo.shape == (96, 160, 3) for result in seen)
    assert all(0 <= result.latency_ms < 1000 for result in seen)


def test_every_takes_the_frames_that_are_due_and_no_other(rtsp: RtspCamera) -> None:
    with watch(rtsp.url, every=0.5) as stream:
        until(stream, is_ok)
        first, second, third = (until(stream, is_ok)[-1] for _ in range(3))

    assert third.moment.monotonic - first.moment.monotonic == pytest.approx(1.0, abs=0.45)
    assert second.drops == 0
    assert third.number > second.number > first.number


def test_a_slow_engine_gets_the_latest_frame_and_is_told_what_was_dropped(rtsp: RtspCamera) -> None:
    with watch(rtsp.url) as stream:
        before = until(stream, is_ok)[-1]
        time.sleep(2.0)
        waiting = next(stream)
        fresh = until(stream, is_ok)[-1]

    assert waiting.drops - before.drops >= 5
    assert waiting.number - before.number == waiting.drops - before.drops + 1
    assert fresh.latency_ms < 500


def test_with_policy_all_no_frame_is_dropped() -> None:
    with (
        HttpCamera(lambda at: red(at) if at < 40 else None, fps=100) as camera,
        watch(camera.url, policy="all") as slow,
    ):
        seen = []
        for result in slow:
            seen.append(result)
            time.sleep(0.02)
            if len(counts(seen)) == 40:
                break

    assert [result.number for result in seen if result.ok] == list(range(1, 41))
    assert seen[-1].drops == 0


def test_a_camera_that_is_killed_and_comes_back_goes_on(rtsp: RtspCamera) -> None:
    with watch(rtsp.url) as stream:
        until(stream, is_ok)
        rtsp.kill()
        gone = until(stream, failed("cannot reach"))
        rtsp.start()
        back = until(stream, is_ok)

    assert isinstance(gone[-1].error, StreamUnreachable)
    assert "stopped sending after" in " ".join(str(result.error) for result in gone)
    assert back[-1].reconnects >= 1


def test_a_camera_that_stalls_gives_timeouts_and_goes_on(rtsp: RtspCamera) -> None:
    with watch(rtsp.url) as stream:
        until(stream, is_ok)
        rtsp.stall()
        before = time.monotonic()
        until(stream, lambda result: result.state == "timeout")
        waited = time.monotonic() - before
        until(stream, lambda result: result.state == "error")
        rtsp.go_on()
        until(stream, is_ok)

    assert waited < 3 * QUICK.read_seconds


def test_a_camera_away_at_the_start_ends_the_stream_unless_it_is_to_wait() -> None:
    port = free_port()
    with pytest.raises(StreamUnreachable, match=rf"cannot reach rtsp://127.0.0.1:{port}/live: Connection refused"):
        next(watch(f"rtsp://127.0.0.1:{port}/live"))

    with watch(f"http://127.0.0.1:{port}/live", WAITS) as stream:
        states = [next(stream).state for _ in range(3)]

    assert set(states) <= {"error", "timeout"}
    assert "error" in states


@pytest.mark.usefixtures("_gstreamer")
def test_a_camera_that_starts_after_us_is_found() -> None:
    camera = RtspCamera()
    with watch(camera.url, WAITS) as stream:
        until(stream, failed("cannot reach"))
        with camera:
            assert until(stream, is_ok)[-1].reconnects >= 1


@pytest.mark.usefixtures("_gstreamer")
def test_wrong_credentials_are_told_from_missing_ones_and_never_shown(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with RtspCamera("--login", "al:p@ss:w/rd") as camera:
        right = camera.url.replace("//", "//al:p%40ss%3Aw%2Frd@")
        with watch(right) as stream:
            until(stream, is_ok)
        with pytest.raises(StreamRefused, match="refuses the user or password") as wrong:
            next(watch(camera.url.replace("//", "//al:geheim@")))
        with pytest.raises(StreamRefused, match="asks for a user and password"):
            next(watch(camera.url))
        with pytest.raises(StreamUnreachable, match=r"there is no stream at .*/nothing"):
            next(watch(right.replace("/live", "/nothing")))

    said = f"{caplog.text}{capfd.readouterr()}{wrong.value.to_json()}"
    assert "geheim" not in said
    assert "p%40ss" not in said


def test_refused_credentials_are_not_tried_again_soon() -> None:
    with HttpCamera(red, login="al:right") as camera:
        limits = StreamLimits(read_seconds=0.5, longest_pause_seconds=60, wait=True)
        with watch(camera.url.replace("//", "//al:wrong@"), limits) as stream:
            until(stream, failed("refuses the user or password"))
            after = [next(stream).state for _ in range(3)]

    assert after == ["timeout"] * 3


def test_an_http_camera_with_a_password_is_counted() -> None:
    with HttpCamera(lambda at: red(at + 1), login="al:p@ss") as camera:
        with watch(camera.url.replace("//", "//al:p%40ss@")) as stream:
            assert until(stream, is_ok)[-1].result is not None
        with pytest.raises(StreamRefused, match="asks for a user and password"):
            next(watch(camera.url))
        with pytest.raises(StreamUnreachable, match=r"there is no stream at .* \(404\)"):
            next(watch(camera.url.replace("/video", "/other")))


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ("403 Forbidden", StreamRefused, r"forbids this user to see it \(403\)"),
        ("503 Busy", StreamUnreachable, "answers with error 503"),
    ],
)
def test_other_refusals_are_told(status: str, error: type[Exception], said: str) -> None:
    with TalkingServer(f"RTSP/1.0 {status}\r\nCSeq: 1\r\n\r\n".encode()) as server, pytest.raises(error, match=said):
        next(watch(f"rtsp://127.0.0.1:{server.port}/live"))


def test_a_server_that_sends_garbage_is_told_from_one_that_is_away() -> None:
    garbage = np.random.default_rng(0).bytes(5000)

    with TalkingServer(garbage) as server:
        with pytest.raises(StreamUnreadable, match="answers with what is not RTSP"):
            next(watch(f"rtsp://127.0.0.1:{server.port}/live"))
        with pytest.raises(StreamUnreadable, match="answers with what is not HTTP"):
            next(watch(f"http://127.0.0.1:{server.port}/live"))


def test_a_server_that_takes_the_call_and_says_nothing_is_given_up() -> None:
    limits = StreamLimits(connect_seconds=1, read_seconds=0.5)
    with TalkingServer(None) as server, watch(f"rtsp://127.0.0.1:{server.port}/live", limits) as stream:
        first = next(stream)
        with pytest.raises(StreamUnreachable, match="does not answer in 1 s"):
            list(stream)

    assert first.state == "timeout"


def test_a_camera_that_is_slow_to_open_does_not_hold_up_another(tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.avi", [red(at) for at in range(3)])
    limits = StreamLimits(connect_seconds=4, read_seconds=4)
    with TalkingServer(None) as server, watch(f"rtsp://127.0.0.1:{server.port}/live", limits) as slow:
        waits = threading.Thread(target=next, args=(slow,))
        waits.start()
        assert server.called.wait(5)
        states = [seen.state for seen in watch(video)]
        held_up = not waits.is_alive()
        waits.join()

    assert states == ["ok", "ok", "ok", "end"]
    assert not held_up


def test_a_page_instead_of_video_is_said_to_be_one() -> None:
    page = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>hello</html>"

    with (
        TalkingServer(page) as server,
        pytest.raises(StreamUnreadable, match=r"its video \(text/html\) cannot be read"),
    ):
        next(watch(f"http://127.0.0.1:{server.port}/live"))


@pytest.mark.usefixtures("_gstreamer")
def test_a_camera_without_pictures_is_said_to_have_none() -> None:
    with RtspCamera("--codec", "sound") as camera, pytest.raises(StreamUnreadable, match="answers, but its video"):
        next(watch(camera.url))


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(StreamUnreachable, match=r"host of rtsp://nowhere\.invalid/live is unknown"):
        next(watch("rtsp://nowhere.invalid/live"))


def test_an_rtmp_server_that_gives_no_video_is_said_to_answer() -> None:
    with TalkingServer(b"?") as server, pytest.raises(StreamUnreadable, match="answers, but gives no video"):
        next(watch(f"rtmp://127.0.0.1:{server.port}/live"))


def test_a_multicast_without_a_sender_times_out() -> None:
    limits = StreamLimits(connect_seconds=0.5)

    with pytest.raises(StreamUnreachable, match=r"no video came from udp://127\.0\.0\.1:\d+ in 0.5 s"):
        next(watch(f"udp://127.0.0.1:{free_port()}", limits))


def of_no_size() -> bytes:
    """A picture whose header says 0 x 0 pixels."""
    data = cv2.imencode(".jpg", red(3))[1].tobytes()
    size = data.index(b"\xff\xc0") + 5
    return data[:size] + bytes(4) + data[size + 4 :]


@pytest.mark.parametrize("bad", [np.random.default_rng(1).bytes(2000), b"", of_no_size()], ids=["noise", "none", "0x0"])
def test_pictures_that_turn_to_garbage_are_reported_and_the_stream_goes_on(bad: bytes) -> None:
    def pictures(at: int) -> np.ndarray | bytes | None:
        return red(at) if at < 8 else bad if at < 16 else None

    with HttpCamera(pictures) as camera, watch(camera.url) as stream:
        until(stream, is_ok)
        until(stream, lambda result: result.state == "error")
        again = until(stream, is_ok)

    assert again[-1].reconnects >= 1


def test_a_frozen_picture_is_found_and_the_camera_opened_anew() -> None:
    limits = replace(QUICK, frozen_seconds=0.5)
    with HttpCamera(lambda at: red(min(at, 5))) as camera, watch(camera.url, limits) as stream:
        seen = until(stream, failed("has not changed for"))
        until(stream, is_ok)
        visits = camera.visits

    assert max(counts(seen)) == 5
    assert visits >= 2


def test_a_still_scene_may_be_allowed() -> None:
    limits = replace(QUICK, frozen_seconds=None)
    with HttpCamera(lambda _: red(3)) as camera, watch(camera.url, limits, every=0.1) as stream:
        until(stream, is_ok)
        states = {next(stream).state for _ in range(10)}

    assert states == {"ok"}


def test_closing_does_not_wait_for_a_reader_that_hangs(rtsp: RtspCamera) -> None:
    stream = watch(rtsp.url, StreamLimits(read_seconds=20))
    until(stream, is_ok)
    rtsp.stall()
    before = time.monotonic()
    stream.close()

    assert time.monotonic() - before < 3
    rtsp.go_on()


def test_no_thread_is_left_when_a_stream_is_closed(rtsp: RtspCamera) -> None:
    with watch(rtsp.url) as stream:
        until(stream, is_ok)

    assert not [thread for thread in threading.enumerate() if thread.name == f"stream {rtsp.url}"]
