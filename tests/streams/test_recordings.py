"""Videos, folders and pipes: each frame once, at its own time, to the end."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk import CrowdCounter
from sdk.errors import ConfigError
from sdk.scenes import draw_scene
from sdk.streams import StreamCut, StreamLimits, StreamRefused, StreamUnreadable, read_source
from sdk.streams.errors import StreamError
from sdk.streams.readers import RawReader
from tests.streams.cameras import served
from tests.streams.videos import crowd_video, red, write_video
from tests.streams.watching import counts, watch


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """3 seconds at 10 frames a second; frame n shows n people."""
    return write_video(tmp_path / "walk.avi", [red(at) for at in range(30)])


def test_every_frame_of_a_video_is_counted_and_then_it_ends(video: Path) -> None:
    *frames, end = list(watch(video))

    assert counts(frames) == list(range(30))
    assert [seen.number for seen in frames] == list(range(1, 31))
    assert (end.state, end.drops, end.result) == ("end", 0, None)


def test_a_drawn_crowd_is_counted_as_its_photos_are(tiny: Path, tmp_path: Path) -> None:
    video = crowd_video(tmp_path / "crowd.avi", frames=4)

    with CrowdCounter(tiny) as counter, counter.stream(video, every=0.2) as stream:
        seen = [result for result in stream if result.ok]
        expected = [counter.count(result.result.photo).count for result in seen if result.result]

    assert counts(seen) == expected
    assert [result.number for result in seen] == [1, 3]


@pytest.mark.parametrize("name", ["walk.avi", "walk.mkv", "walk.mp4"])
def test_every_counts_by_the_time_of_the_video(tmp_path: Path, name: str) -> None:
    codec = "mp4v" if name.endswith("mp4") else "MJPG"
    video = write_video(tmp_path / name, [red(at) for at in range(30)], codec=codec)

    first, *others = [seen for seen in watch(video, every=0.5) if seen.ok]

    times = [seen.moment.monotonic - first.moment.monotonic for seen in (first, *others)]
    assert times == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5], abs=0.01)


def test_a_video_read_as_if_live_plays_at_its_own_speed_and_drops_what_comes_too_fast(video: Path) -> None:
    with watch(video, policy="latest") as stream:
        first = next(stream)
        threading.Event().wait(1.0)
        later = next(stream)

    assert first.number == 1
    assert 6 <= later.number <= 12
    assert later.drops == later.number - 2


@pytest.mark.parametrize("name", ["walk.avi", "walk.mkv"])
def test_a_video_cut_in_the_middle_is_counted_up_to_there_and_said_to_be_cut(tmp_path: Path, name: str) -> None:
    data = write_video(tmp_path / name, [red(at) for at in range(30)]).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])

    *frames, error, end = list(watch(tmp_path / name))

    assert 5 < len(counts(frames)) < 25
    assert isinstance(error.error, StreamCut)
    assert "of 30 frames: it is cut off" in str(error.error)
    assert end.state == "end"


def test_an_mp4_without_its_index_is_said_to_be_cut(tmp_path: Path) -> None:
    data = write_video(tmp_path / "walk.mp4", [red(at) for at in range(30)], codec="mp4v").read_bytes()
    (tmp_path / "walk.mp4").write_bytes(data[: len(data) // 2])

    with pytest.raises(StreamUnreadable, match=r"walk\.mp4 is cut off: the index at its end is missing"):
        next(watch(tmp_path / "walk.mp4"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds 0 bytes"),
        (b"hello, this is no video at all", "is no video"),
        (b"\x1a\x45\xdf\xa3" + bytes(200), "is a Matroska file that is damaged"),
        (b"\0\0\0\x14ftypisom\0\0\0\0isom\0\0\0\x08moov", "is an MP4 file whose codec"),
    ],
)
def test_what_is_no_video_is_refused_by_what_it_is(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.mp4").write_bytes(data)

    with pytest.raises(StreamUnreadable, match=said):
        next(watch(tmp_path / "x.mp4"))


def test_a_codec_that_is_not_there_is_named(video: Path) -> None:
    video.write_bytes(video.read_bytes().replace(b"MJPG", b"XQZ1"))

    with pytest.raises(StreamUnreadable, match="AVI file whose codec 'XQZ1' this OpenCV does not have"):
        next(watch(video))


def test_a_missing_video_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"no such video: .*gone\.mp4"):
        read_source(tmp_path / "gone.mp4")


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "x.mp4"))

        with pytest.raises(StreamRefused, match=r"cannot read .*x\.mp4: No such device"):
            next(watch(tmp_path / "x.mp4"))


def test_a_folder_is_a_time_lapse_and_a_bad_photo_does_not_end_it(tmp_path: Path) -> None:
    for at in range(4):
        cv2.imwrite(str(tmp_path / f"{at}.png"), red(at))
    (tmp_path / "0.png").write_bytes((tmp_path / "0.png").read_bytes()[:-50])

    error, *frames, end = list(watch(tmp_path, every=60))

    assert "0.png is cut off" in str(error.error)
    assert counts(frames) == [1, 2, 3]
    assert frames[2].moment.wall - frames[0].moment.wall == pytest.approx(120)
    assert end.state == "end"


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="holds no photos"):
        next(watch(tmp_path))


def piped(text: str, data: bytes) -> list[np.ndarray]:
    """The frames of a source whose stdin holds this."""
    there, here = os.pipe()
    os.write(here, data)
    os.close(here)
    frames = []
    with closing(RawReader(read_source(text), there)) as reader:
        os.close(there)
        while reader.grab():
            frames.append(reader.frame())
    return frames


def test_raw_frames_are_taken_from_a_pipe() -> None:
    pictures = [red(at, 32, 16) for at in range(3)]

    found = piped("raw://32x16", b"".join(picture.tobytes() for picture in pictures))

    assert np.array_equal(found, pictures)


@pytest.mark.parametrize(
    ("layout", "conversion"),
    [("rgb24", cv2.COLOR_BGR2RGB), ("gray8", cv2.COLOR_BGR2GRAY), ("i420", cv2.COLOR_BGR2YUV_I420)],
)
def test_raw_frames_may_have_other_layouts(layout: str, conversion: int) -> None:
    picture = cv2.GaussianBlur(draw_scene(3, width=128, height=96, people=9).photo, (9, 9), 3)
    data = cv2.cvtColor(picture, conversion).tobytes()

    (found,) = piped(f"raw://128x96?format={layout}", data)

    expected = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert np.abs(found.astype(int) - (expected if layout == "gray8" else picture)).mean() < 4


def test_nv12_is_i420_with_its_colours_woven() -> None:
    planar = cv2.cvtColor(draw_scene(3, width=128, height=96, people=2).photo, cv2.COLOR_BGR2YUV_I420)
    luma, blue, redness = planar[:96], planar[96:120].reshape(-1), planar[120:].reshape(-1)
    woven = np.concatenate([luma.reshape(-1), np.stack([blue, redness], 1).reshape(-1)])

    (from_nv12,) = piped("raw://128x96?format=nv12", woven.tobytes())
    (from_i420,) = piped("raw://128x96?format=i420", planar.tobytes())

    assert np.array_equal(from_nv12, from_i420)


def test_a_pipe_without_a_frame_is_told() -> None:
    with pytest.raises(StreamCut, match="raw://32x16 ends before its first frame"):
        piped("raw://32x16", b"")


def test_a_pipe_that_ends_within_a_frame_is_cut() -> None:
    with pytest.raises(StreamCut, match="raw://32x16 ends within frame 2: 100 of 1536 bytes"):
        piped("raw://32x16", bytes(1636))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raw://32x16?format=bgr", "has format 'bgr' .*did you mean bgr24"),
        ("raw://33x16?format=nv12", "has an odd side, which nv12 has not"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_source(text)


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="read_seconds is 0, expected more than 0"):
        StreamLimits(read_seconds=0)
    with pytest.raises(ConfigError, match="every is -1, expected more than 0"):
        watch("raw://32x16", every=-1)
    with pytest.raises(ConfigError, match="policy is 'newest'"):
        watch("raw://32x16", policy="newest")


def test_an_hls_list_with_an_end_is_counted_to_it(tmp_path: Path) -> None:
    write_video(tmp_path / "0.ts", [red(at) for at in range(20)], codec="MPEG")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n0.ts\n#EXT-X-ENDLIST\n")
    with served(tmp_path) as address, watch(f"{address}/list.m3u8", policy="all") as stream:
        seen = list(stream)

    assert [result.number for result in seen if result.ok] == list(range(1, 21))
    assert seen[-1].state == "end"


def test_a_video_behind_http_is_a_recording(tmp_path: Path) -> None:
    write_video(tmp_path / "walk.mp4", [red(at) for at in range(20)], codec="mp4v")
    with served(tmp_path) as address, watch(f"{address}/walk.mp4", every=0.5) as stream:
        seen = list(stream)

    assert [result.number for result in seen if result.ok] == [1, 6, 11, 16]
    assert seen[-1].state == "end"
