"""Pictures that leave the process: only where a sink says so, and without detail where that was asked for."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import weakref
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from sdk.errors import ConfigError
from sdk.frame import Image
from sdk.sinks import Reading, Sink, SinkError, open_sink, open_sinks, reading_of
from sdk.sinks.hide import blurred, pixelated
from sdk.sinks.mjpeg import MOST_VIEWERS
from sdk.sinks.pictures import PictureSettings, picture_of
from tests.sinks.records import NOON, reading, result
from tests.sinks.servers import free_port, wait_for

ROOT = Path(__file__).parents[2]


def framed(number: int = 0, camera: str = "gate", size: tuple[int, int] = (240, 320)) -> Reading:
    return reading_of(result(number, size), camera, NOON + timedelta(seconds=number))


def detail(picture: Image) -> float:
    """Mean strength of what changes within three pixels."""
    return float(np.abs(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F)).mean())


def faces(seed: int) -> Image:
    """A wall of small drawn faces, each with its own eyes and mouth."""
    random = np.random.default_rng(seed)
    picture = np.full((480, 640, 3), 200, np.uint8)
    for y in range(20, 480, 40):
        for x in range(20, 640, 40):
            cv2.circle(picture, (x, y), 14, (120, 150, 210), -1)
            eye = int(random.integers(2, 7))
            cv2.circle(picture, (x - eye, y - 4), 2, (0, 0, 0), -1)
            cv2.circle(picture, (x + eye, y - 4), 2, (0, 0, 0), -1)
            cv2.line(picture, (x - 5, y + 6), (x + 5, y + 6 + int(random.integers(-3, 4))), (30, 30, 160), 1)
    return picture


@pytest.mark.parametrize(("hide", "left"), [(pixelated, 0.12), (blurred, 0.03)])
def test_hiding_takes_the_detail_out(hide: object, left: float) -> None:
    picture = faces(1)

    hidden = hide(picture)  # type: ignore[operator]

    assert hidden.shape == picture.shape
    assert detail(hidden) < left * detail(picture)


@pytest.mark.parametrize("hide", [pixelated, blurred])
def test_one_face_cannot_be_told_from_another_any_more(hide: object) -> None:
    """Two walls that differ only in eyes and mouths: what is left of the difference is below what a camera's noise is."""
    one, other = faces(1).astype(int), faces(2).astype(int)
    apart = np.abs(hide(faces(1)).astype(int) - hide(faces(2)).astype(int))  # type: ignore[operator]

    assert np.abs(one - other).max() > 150
    assert apart.max() < 12


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (480, 640), (1080, 1920)])
def test_a_pixelated_picture_holds_few_colours(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)

    colours = np.unique(pixelated(picture).astype(int) @ (1, 256, 65536))

    assert len(colours) <= 32 * 33


def test_heads_alone_can_be_hidden() -> None:
    counted = result(size=(480, 640))
    picture = picture_of(counted, PictureSettings(hide="pixelate", region="heads", overlay=False))
    middle, corner = np.s_[240 - 16 : 240 + 24, 320 - 16 : 320 + 24], np.s_[:100, :100]

    assert detail(picture[middle]) < 0.2 * detail(counted.photo[middle])
    assert np.array_equal(picture[corner], counted.photo[corner])


def test_a_hidden_picture_still_shows_where_people_are_and_the_frame_is_untouched() -> None:
    counted = result()
    before = counted.photo.copy()

    plain = picture_of(counted, PictureSettings(hide="blur", overlay=False))
    drawn = picture_of(counted, PictureSettings(hide="blur"))

    assert np.abs(drawn.astype(int) - plain)[112:136, 152:176].max() > 40
    assert np.array_equal(counted.photo, before)


def test_large_frames_are_shrunk_for_the_picture() -> None:
    assert picture_of(result(size=(480, 960)), PictureSettings(max_side=320)).shape == (160, 320, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hide": "pixelat"}, r"hide is 'pixelat' \(did you mean pixelate\?\)"),
        ({"region": "faces"}, "region is 'faces'"),
        ({"max_side": 8}, "max_side is 8, expected 16 pixels or more"),
    ],
)
def test_settings_of_pictures_are_checked(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PictureSettings(**values)  # type: ignore[arg-type]


def test_no_other_sink_keeps_a_frame(tmp_path: Path) -> None:
    specs = [f"{tmp_path}/a.jsonl", f"{tmp_path}/a.csv", f"sqlite:///{tmp_path}/a.sqlite",
             f"http://127.0.0.1:{free_port()}/#linger_s=0.01&outbox={tmp_path}/o.sqlite"]  # fmt: skip
    one = framed()
    assert one.result is not None
    frame, pixels = weakref.ref(one.result), one.result.photo.tobytes()[:12]
    with open_sinks(specs) as sinks:
        sinks.send(one)
        del one
        assert frame() is None

    assert not any(pixels in path.read_bytes() for path in tmp_path.iterdir())


def frames(sink: Sink, camera: str, count: int) -> list[Image]:
    """The first pictures of a camera's stream."""
    pictures = []
    with urlopen(f"http://127.0.0.1:{sink.port}/{camera}", timeout=10) as stream:  # type: ignore[attr-defined]
        assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        for number in range(count):
            sink.send(framed(number + 1))
            assert stream.readline() == b"--frame\r\n"
            assert stream.readline() == b"Content-Type: image/jpeg\r\n"
            size = int(stream.readline().split(b":")[1])
            stream.readline()
            pictures.append(cv2.imdecode(np.frombuffer(stream.read(size), np.uint8), cv2.IMREAD_COLOR))
            stream.readline()
    return pictures


def test_a_browser_sees_the_pictures_of_a_camera() -> None:
    with open_sink("mjpeg://:0") as sink:
        sink.send(framed())
        sink.send(reading(5, camera="without a frame"))
        with urlopen(f"http://127.0.0.1:{sink.port}/") as page:  # type: ignore[attr-defined]
            links = page.read().decode()
        pictures = frames(sink, "gate", 3)

    assert links.count("href=") == 1
    assert 'href="/gate"' in links
    assert [picture.shape for picture in pictures] == [(240, 320, 3)] * 3


def test_a_stream_can_be_pixelated() -> None:
    with open_sink("mjpeg://:0?hide=pixelate&overlay=false") as sink:
        sink.send(framed())
        (picture,) = frames(sink, "gate", 1)

    assert detail(picture) < 0.3 * detail(result().photo)


def test_without_a_host_the_stream_stays_on_this_machine() -> None:
    with open_sink("mjpeg://:0") as sink:
        assert sink._server.server_address[0] == "127.0.0.1"  # type: ignore[attr-defined]


def test_a_camera_that_is_not_there_and_one_viewer_too_many_are_told() -> None:
    with open_sink("mjpeg://:0") as sink:
        sink.send(framed())
        viewers = [http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10) for _ in range(MOST_VIEWERS + 1)]  # type: ignore[attr-defined]
        statuses = []
        for viewer in viewers:
            viewer.request("GET", "/gate")
            statuses.append(viewer.getresponse().status)
        viewers[-1].close()
        viewers[-1].request("GET", "/yard")
        statuses.append(viewers[-1].getresponse().status)
        for viewer in viewers:
            viewer.close()

    assert statuses == [200] * MOST_VIEWERS + [503, 404]


def test_a_port_in_use_is_refused() -> None:
    with open_sink("mjpeg://:0") as first:
        port = first.port  # type: ignore[attr-defined]
        with pytest.raises(SinkError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            open_sink(f"mjpeg://:{port}")


def pictures_in(path: Path) -> list[Image]:
    video = cv2.VideoCapture(str(path))
    pictures = []
    while (step := video.read())[0]:
        pictures.append(np.asarray(step[1], np.uint8))
    video.release()
    return pictures


@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_a_video_shows_every_reading_with_a_frame(tmp_path: Path, suffix: str) -> None:
    with open_sink(f"{tmp_path}/a.{suffix}?fps=5") as sink:
        for number in range(4):
            sink.send(framed(number))
        sink.send(reading(9))

    (path,) = tmp_path.iterdir()
    assert path.name == f"a-gate-20260301T120000.{suffix}"
    assert [picture.shape for picture in pictures_in(path)] == [(240, 320, 3)] * 4


def test_a_stored_video_can_be_hidden(tmp_path: Path) -> None:
    with open_sink(f"{tmp_path}/a.mkv?hide=blur&overlay=false") as sink:
        sink.send(framed())

    (path,) = tmp_path.iterdir()
    assert detail(pictures_in(path)[0]) < 0.05 * detail(result().photo)


def test_cameras_sizes_and_hours_go_to_files_of_their_own_and_the_oldest_are_removed(tmp_path: Path) -> None:
    later = replace(framed(1), time=NOON + timedelta(minutes=30))
    with open_sink(f"{tmp_path}/a.mkv?minutes=10&files=2") as sink:
        for one in (framed(0, "a/b"), framed(0), framed(1, size=(160, 160)), framed(2, size=(160, 160)), later):
            sink.send(one)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a-a%2Fb-20260301T120000.mkv",
        "a-gate-20260301T120001.mkv",
        "a-gate-20260301T123000.mkv",
    ]


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    for _ in range(2):
        with open_sink(f"{tmp_path}/a.mkv") as sink:
            sink.send(framed())

    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("a.mkv?fps=0", "fps is 0.0, expected more than 0"),
        ("a.mkv?minutes=0", "minutes is 0, files is 24"),
        ("none/a.mkv", "no folder .*none for a.mkv"),
    ],
)
def test_a_video_that_cannot_be_is_refused(tmp_path: Path, rest: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_sink(f"{tmp_path}/{rest}")


def test_a_folder_that_went_away_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with open_sink(f"{folder}/a.mkv") as sink:
        folder.rmdir()
        with pytest.raises(SinkError, match=r"cannot write video .*gone/a-gate"):
            sink.send(framed())


def test_a_video_can_be_played_after_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from sdk.sinks import open_sink\n"
        "from tests.sinks.test_sink_pictures import framed\n"
        "with open_sink(sys.argv[1]) as sink:\n"
        "    for number in range(60):\n"
        "        sink.send(framed(number))\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, f"{tmp_path}/a.mkv"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)

    assert wait_for(lambda: len(pictures_in(next(tmp_path.iterdir())))) > 40


def test_a_state_that_is_not_ok_stands_above_the_picture() -> None:
    plain = result()
    dark = replace(plain, state="degraded", reasons=("too dark: 40",))

    shown, usual = picture_of(dark, PictureSettings()), picture_of(plain, PictureSettings())
    differs = (shown != usual).any(axis=(1, 2))

    assert differs[:15].all()
    assert not differs[40:].any()
    assert np.array_equal(picture_of(dark, PictureSettings(overlay=False)), plain.photo)
