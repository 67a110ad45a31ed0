"""What a user may write for a source, and that credentials never show."""

from __future__ import annotations

import os
import re
import threading
from contextlib import closing
from pathlib import Path

import cv2
import pytest

from sdk.errors import ConfigError
from sdk.frame import Image
from sdk.streams import (
    Feed,
    Stream,
    StreamError,
    StreamLimits,
    StreamRefused,
    StreamUnreachable,
    StreamUnreadable,
    is_stream,
    read_source,
)
from sdk.streams.auth import authorization
from sdk.streams.pump import Pump
from sdk.streams.readers import Reader
from sdk.streams.source import Source
from sdk.streams.video import VideoReader, csi_pipeline, open_usb
from tests.sdk.counters import RedCounter
from tests.streams.videos import red, write_video
from tests.streams.watching import watch


def test_an_address_is_shown_without_user_password_and_query() -> None:
    source = read_source("rtsp://al:geheim@cam.local:8554/live?token=geheim")

    assert source.shown == "rtsp://cam.local:8554/live"
    assert source.url == "rtsp://al:geheim@cam.local:8554/live?token=geheim"
    assert "geheim" not in repr(source)


def test_a_password_may_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA_PASSWORD", "p@ss:w/rd")
    (tmp_path / "secret").write_text("p@ss:w/rd\n")

    in_uri = read_source("rtsp://al:env:CAMERA_PASSWORD@cam.local/live")
    beside = read_source("rtsp://cam.local/live", user="al", password=f"file:{tmp_path / 'secret'}")

    assert in_uri == beside
    assert in_uri.url == "rtsp://al:p%40ss%3Aw%2Frd@cam.local/live"


@pytest.mark.parametrize(
    ("text", "kind", "live"),
    [
        ("rtsp://cam/live", "network", True),
        ("http://cam/video.mjpg", "network", True),
        ("https://cam/live.m3u8", "network", True),
        ("https://host/film.mp4?x=1", "network", False),
        ("/dev/video0", "usb", True),
        ("csi://0?fps=15", "csi", True),
        ("raw://64x48", "raw", False),
    ],
)
def test_a_source_is_a_camera_or_a_recording(text: str, kind: str, live: bool) -> None:
    source = read_source(text)

    assert (source.kind, source.live) == (kind, live)
    assert is_stream(text)


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a walk.mp4").touch()

    assert read_source(f"file://{tmp_path}/a%20walk.mp4").place == str(tmp_path / "a walk.mp4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name of a source is empty"),
        ("-", "frames on stdin need a size .*raw://1920x1080"),
        ("rtps://cam/live", "rtps:// is of no known kind .*did you mean rtsps"),
        ("rtsp:///live", "names no host"),
        ("rtsp://al:geheim@cam:port/live", "is no address"),
        ("raw://64", "has size '64', expected WIDTHxHEIGHT"),
        ("raw://64x0", "has size '64x0'"),
        ("raw://64x48?form=nv12", "no setting 'form' .*did you mean format"),
        ("csi://front", "names no sensor"),
    ],
)
def test_what_cannot_be_understood_is_refused_at_once(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_source(text)

    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("text", ["/dev/video0", "csi://0", "raw://64x48", "."])
def test_a_password_for_what_asks_for_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"source {re.escape(text)} takes no user and password"):
        read_source(text, user="al", password="geheim")


@pytest.mark.parametrize("word", ["plaza.jpg", "photos", "*.png", "film.jpeg"])
def test_photos_are_no_streams(word: str) -> None:
    assert not is_stream(word)


def test_a_usb_camera_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(StreamUnreachable, match="no camera at /dev/video77"):
        next(watch("/dev/video77"))


@pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="not run: OpenCV has GStreamer here")
def test_a_csi_camera_needs_an_opencv_with_gstreamer() -> None:
    with pytest.raises(StreamUnreadable, match="csi://0 needs an OpenCV with GStreamer"):
        next(watch("csi://0"))


def test_a_csi_camera_is_a_pipeline_of_its_size_and_rate() -> None:
    pipeline = csi_pipeline(read_source("csi://1?size=1280x720&fps=15"))

    assert "sensor-id=1 ! video/x-raw(memory:NVMM),width=1280,height=720,framerate=15/1 !" in pipeline


def test_digest_answers_as_the_standard_shows() -> None:
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c"'

    header = authorization(challenge, "Mufasa", "Circle Of Life", "GET", "/dir/index.html")

    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in header
    assert header.endswith(', opaque="5ccc069c"')


def test_digest_with_protection_counts_its_request() -> None:
    header = authorization('Digest realm="a", nonce="b", qop="auth"', "u", "p", "GET", "/")

    assert "qop=auth, nc=00000001" in header


def test_a_way_to_log_in_that_is_not_known_gets_no_answer() -> None:
    assert authorization('Bearer realm="a"', "u", "p", "GET", "/") == ""


def test_closing_a_stream_that_never_began_does_nothing() -> None:
    stream = watch("raw://32x16")
    stream.close()

    assert list(stream) == []


def test_a_source_hides_its_secrets_from_repr() -> None:
    assert repr(Source("network", "rtsp://cam", "rtsp://cam", "al", "geheim")) == (
        "Source(kind='network', shown='rtsp://cam', options={})"
    )


class Undecodable(Reader):
    """Frames come, and none can be decoded."""

    def grab(self) -> bool:
        return True

    def frame(self) -> Image:
        raise StreamError("frame 7 cannot be decoded")


def test_a_live_stream_in_which_nothing_can_be_decoded_is_opened_anew() -> None:
    pump = Pump(Feed(read_source("rtsp://cam.local/live")), threading.Condition())

    with pytest.raises(StreamUnreadable, match=r"25 frames in a row of rtsp://cam\.local/live cannot be decoded"):
        pump._read(Undecodable())

    assert len(pump.box) == 1


def test_a_frame_that_was_not_grabbed_cannot_be_decoded(tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.avi", [red(3)] * 3)

    reader = VideoReader(read_source(video), StreamLimits())

    with closing(reader), pytest.raises(StreamError, match=r"frame 0 of .*walk\.avi cannot be decoded"):
        reader.frame()


def test_a_device_that_is_no_camera_is_told(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()

    with pytest.raises(StreamUnreadable, match="/dev/video0 gives no video"):
        open_usb(Source("usb", "/dev/video0", str(tmp_path / "video0")), StreamLimits())


@pytest.mark.skipif(os.geteuid() == 0, reason="not run: root may open every device")
def test_a_device_without_permission_is_told(tmp_path: Path) -> None:
    (tmp_path / "video0").touch(0)

    with pytest.raises(StreamRefused, match="may not open /dev/video0"):
        open_usb(Source("usb", "/dev/video0", str(tmp_path / "video0")), StreamLimits())


def test_a_bug_in_reading_is_an_error_of_the_stream_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StreamError, match="reading teapot failed: KeyError"):
        next(Stream(RedCounter().count, Feed(Source("teapot", "teapot", "teapot"))))

    assert "the reader of teapot met a bug" in caplog.text


def test_a_path_that_cannot_be_looked_at_is_refused() -> None:
    with pytest.raises(StreamError, match=r"cannot read .*: File name too long"):
        read_source("x" * 5000)
