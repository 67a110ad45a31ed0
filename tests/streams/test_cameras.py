"""Several cameras, one engine: fair turns, their own zones, alarms and sinks, and none that harms another."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sdk.alarms import AlarmRules
from sdk.errors import ConfigError, InputError
from sdk.frame import Image
from sdk.result import CountResult
from sdk.sinks import SinkError
from sdk.streams import Feed, Sampling, StreamError, StreamLimits, Streams, read_source
from sdk.streams.camera import Camera, CameraConfig, CameraResult
from sdk.streams.cameras import Cameras, CamerasConfig, EngineConfig, read_cameras
from tests.sdk.counters import RedCounter
from tests.sinks.servers import free_port
from tests.streams.cameras import HttpCamera
from tests.streams.videos import red, write_video
from tests.streams.watching import HALVES, Kept


def slow_count(image: Image) -> CountResult:
    """An engine that needs 30 ms a frame."""
    time.sleep(0.03)
    return RedCounter().count(image)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "walk.avi", [red(at) for at in range(30)])


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_cameras_that_ask_for_all_that_the_engine_can_do_get_equal_shares() -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(HttpCamera(lambda at: red(at % 60), fps=fps)).url for fps in (100, 50, 25)]
        feeds = {url: Feed(read_source(url)) for url in urls}
        streams = stack.enter_context(Streams(slow_count, feeds))
        while len({name for name, seen in (next(streams) for _ in range(3)) if seen.ok}) < 3:
            pass
        shares = Counter(name for name, seen in (next(streams) for _ in range(60)) if seen.ok)

    assert all(share == pytest.approx(20, abs=4) for share in shares.values())


def test_a_camera_with_a_low_rate_gets_its_turn_beside_a_greedy_one() -> None:
    with HttpCamera(lambda at: red(at % 60), fps=100) as greedy, HttpCamera(lambda at: red(at % 60), fps=25) as modest:
        feeds = {
            "greedy": Feed(read_source(greedy.url)),
            "modest": Feed(read_source(modest.url), Sampling(every=0.2)),
        }
        with Streams(slow_count, feeds) as streams:
            seen = [next(streams) for _ in range(70)]

    modest_ones = [result for name, result in seen if name == "modest" and result.ok]
    assert modest_ones[-1].drops == 0
    assert len(modest_ones) >= 5


def test_a_broken_camera_harms_no_other() -> None:
    with HttpCamera(lambda at: red(at % 60)) as good:
        away = f"rtsp://127.0.0.1:{free_port()}/live"
        limits = StreamLimits(wait=True)
        feeds = {"good": Feed(read_source(good.url)), "away": Feed(read_source(away), limits=limits)}
        with Streams(RedCounter().count, feeds) as streams:
            seen = [next(streams) for _ in range(40)]

    states = Counter((name, result.state) for name, result in seen)
    assert states["good", "ok"] > 20
    assert states["away", "error"] >= 1


def test_a_frame_that_cannot_be_counted_is_an_error_and_the_stream_goes_on(video: Path) -> None:
    def count(image: Image) -> CountResult:
        result = RedCounter().count(image)
        if result.count == 3:
            raise InputError("three is a crowd")
        return result

    with Streams(count, {"walk": Feed(read_source(video))}) as streams:
        states = [seen.state for _, seen in streams]

    assert states == ["ok"] * 3 + ["error"] + ["ok"] * 26 + ["end"]


def test_each_camera_has_its_own_zones_and_sinks(video: Path, tmp_path: Path) -> None:
    HALVES.write(tmp_path / "halves.yaml")
    cameras = {
        "gate": CameraConfig(str(video), every=1.0, zones=tmp_path / "halves.yaml", sinks=(str(tmp_path / "a.jsonl"),)),
        "door": CameraConfig(str(video), every=0.5, sinks=({"to": str(tmp_path / "b.jsonl")},)),
    }

    with Cameras(RedCounter().count, CamerasConfig(cameras, (str(tmp_path / "both.jsonl"),))) as both:
        ends = [taken.camera for taken in both if taken.stream.state == "end"]

    gate, door = lines(tmp_path / "a.jsonl"), lines(tmp_path / "b.jsonl")
    assert sorted(ends) == ["door", "gate"]
    assert [record["count"] for record in gate] == [0, 10, 20]
    assert [record["zones"] for record in gate] == [
        {"left": 0, "right": 0},
        {"left": 10, "right": 0},
        {"left": 10, "right": 10},
    ]
    assert [record["count"] for record in door] == [0, 5, 10, 15, 20, 25]
    assert Counter(record["camera"] for record in lines(tmp_path / "both.jsonl")) == {"gate": 3, "door": 6}


def test_counts_are_smoothed_and_alarms_told_once_to_every_sink(video: Path, tmp_path: Path) -> None:
    HALVES.write(tmp_path / "halves.yaml")
    rules = AlarmRules(warn=5, alarm=15, hold_seconds=0, clear_seconds=0)
    config = CameraConfig(
        str(video),
        zones=tmp_path / "halves.yaml",
        smooth_seconds=0.5,
        alarm=rules,
        zone_alarms={"right": AlarmRules(alarm=4, hold_seconds=0)},
    )
    sink = Kept()
    camera = Camera("gate", config, sink)

    with Streams(RedCounter().count, {"gate": config.feed()}) as streams:
        taken = [camera.take(seen) for _, seen in streams]

    said = [line for one in taken for line in one.said]
    assert [line.split(":")[0] for line in said] == ["warn", "alarm in right", "alarm"]
    assert [line for reading in sink.readings for line in reading.reasons] == said
    assert taken[20].smoothed == pytest.approx(18, abs=1)
    assert taken[20].to_json()["smoothed"] == sink.readings[20].smoothed
    assert [event["zone"] for one in taken for event in one.to_json().get("events", [])] == [None, "right", None]


def test_how_fast_a_frame_fills_is_told_once_half_the_window_was_seen(video: Path) -> None:
    config = CamerasConfig({"gate": CameraConfig(str(video), rate_seconds=1.0)})

    with Cameras(RedCounter().count, config) as cameras:
        told = [taken.to_json().get("rate_a_minute") for taken in cameras if taken.stream.ok]

    assert told[:5] == [None] * 5
    assert told[5:] == pytest.approx([600] * 25)  # one more person each tenth of a second


def test_occupancy_is_written_for_each_period_that_is_over(tmp_path: Path) -> None:
    (tmp_path / "lapse").mkdir()
    write_photos(tmp_path / "lapse", 5)
    config = CameraConfig(str(tmp_path / "lapse"), every=30, occupancy=tmp_path / "occupancy.jsonl")

    with Cameras(RedCounter().count, CamerasConfig({"gate": config})) as cameras:
        list(cameras)

    minutes = [record for record in lines(tmp_path / "occupancy.jsonl") if record["period"] == "minute"]
    assert len(minutes) >= 2
    assert {record["camera"] for record in minutes} == {"gate"}


def write_photos(folder: Path, count: int) -> None:
    import cv2

    for at in range(count):
        cv2.imwrite(str(folder / f"{at}.png"), red(at))


CONFIG = """
cameras:
  gate: {source: walk.avi, every: 1.0, zones: halves.yaml, alarm: {warn: 5}, zone_alarms: {left: {alarm: 9}}}
  door:
    source: rtsp://cam.local/live
    user: al
    password: env:DOOR_PASSWORD
    limits: {read_seconds: 5}
    sinks: [counts.jsonl, {to: "mqtt://broker/crowd"}]
engine: {model: tiny.skt, device: cpu}
"""


def test_a_config_is_read_with_its_files_beside_it(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOOR_PASSWORD", "geheim")
    (tmp_path / "cameras.yaml").write_text(CONFIG)

    config = read_cameras(tmp_path / "cameras.yaml")

    assert config.cameras["gate"].feed().source.place == str(video)
    assert config.cameras["gate"].zones == tmp_path / "halves.yaml"
    assert config.engine.model == tmp_path / "tiny.skt"
    door = config.cameras["door"]
    assert (door.limits.read_seconds, door.limits.wait) == (5, True)
    assert door.feed().source.url == "rtsp://al:geheim@cam.local/live"
    assert "geheim" not in repr(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "cameras: {gate: {sorce: a.avi}}",
            r"unknown setting cameras\.gate\.sorce .*did you mean cameras\.gate\.source",
        ),
        ("cameras: {gate: {every: 1}}", r"setting cameras\.gate\.source is missing"),
        ("cameras: {gate: {source: a.avi, alarm: {warm: 3}}}", r"cameras\.gate\.alarm\.warm .*alarm\.warn"),
        ("camera: {gate: {source: a.avi}}", "unknown setting camera .*did you mean cameras"),
        ("cameras: {}", "there are no cameras"),
        ("cameras: {'': {source: a.avi}}", "name of camera '' is empty"),
    ],
)
def test_a_config_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "cameras.yaml").write_text(text)

    with pytest.raises(ConfigError, match=said):
        read_cameras(tmp_path / "cameras.yaml")


def refused(config: CameraConfig, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Cameras(RedCounter().count, CamerasConfig({"gate": config}))


def test_what_cannot_be_right_is_refused_before_the_first_frame(video: Path, tmp_path: Path) -> None:
    HALVES.write(tmp_path / "halves.yaml")
    source, rules = str(video), {"lefd": AlarmRules(warn=3)}

    refused(CameraConfig(source, zones=tmp_path / "halves.yaml", zone_alarms=rules), ConfigError, "did you mean left")
    refused(CameraConfig(source, zone_alarms=rules), ConfigError, "give the camera a file of zones")
    refused(CameraConfig(source, smooth_seconds=0), ConfigError, "window_seconds is 0")
    refused(CameraConfig(source, sinks=(3,)), ConfigError, "a sink is 3, expected a URI")
    refused(CameraConfig(source, sinks=("/nowhere/counts.jsonl",)), SinkError, "cannot open /nowhere/counts.jsonl")
    refused(CameraConfig(source, occupancy=tmp_path / "no" / "x.jsonl"), SinkError, "cannot open")
    refused(CameraConfig(str(tmp_path / "gone.avi")), InputError, "no such video")


def test_what_was_opened_before_a_mistake_is_closed_again(video: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "counts.jsonl")
    refused(CameraConfig(str(video), sinks=(path, "counts.jsnl")), ConfigError, "no kind of sink")

    with Cameras(RedCounter().count, CamerasConfig({"gate": CameraConfig(str(video), sinks=(path,))})) as cameras:
        results = list(cameras)
        health = cameras.health()

    assert isinstance(results[0], CameraResult)
    assert [one.sent for one in health] == [30]


def test_settings_of_the_command_line_come_before_those_of_the_config() -> None:
    config = EngineConfig(model=Path("a.skt"), device="cpu", threads=2)

    assert EngineConfig(threads=4).over(config) == EngineConfig(model=Path("a.skt"), device="cpu", threads=4)


@pytest.mark.parametrize(
    ("door", "said"),
    [
        ({"source": "gone.mp4"}, "camera door: no such video: gone.mp4"),
        ({"source": "rtps://cam/live"}, "camera door: source rtps:// is of no known kind .*did you mean rtsps"),
        ({"zones": Path("gone.yaml")}, r"camera door: cannot read config gone\.yaml"),
        ({"every": -1.0}, "camera door: every is -1.0, expected more than 0"),
        ({"rate_seconds": 0.0}, "camera door: .*0.0, expected more than 0"),
        ({"smooth_seconds": 0.0}, "camera door: .*0.0, expected more than 0"),
    ],
)
def test_of_several_cameras_the_one_that_cannot_be_right_is_named(door: dict[str, object], said: str) -> None:
    cameras = {"gate": CameraConfig("rtsp://cam/a"), "door": replace(CameraConfig("rtsp://cam/b"), **door)}

    with pytest.raises((ConfigError, StreamError), match=said):
        Cameras(RedCounter().count, CamerasConfig(cameras))


def test_a_value_that_cannot_be_is_told_with_its_place_in_the_config(tmp_path: Path) -> None:
    (tmp_path / "cameras.yaml").write_text("cameras: {gate: {source: rtsp://cam/a, limits: {size_seconds: -1}}}")

    with pytest.raises(
        ConfigError, match=r"setting cameras\.gate\.limits: size_seconds is -1\.0, expected more than 0"
    ):
        read_cameras(tmp_path / "cameras.yaml")
