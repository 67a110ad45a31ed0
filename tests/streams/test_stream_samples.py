"""The samples on streams run as their first lines say."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import pytest

from sdk.alarms import AlarmRules
from sdk.sinks.spec import open_sink
from sdk.streams import Stable, StreamLimits
from sdk.streams.camera import CameraConfig
from sdk.streams.cameras import CamerasConfig, EngineConfig
from tests.docs.test_samples import ROOT, run
from tests.sinks.conftest import broker  # noqa: F401 - a fixture
from tests.sinks.servers import Mosquitto, wait_for
from tests.streams.cameras import RtspCamera
from tests.streams.videos import write_video

SAMPLES = ROOT / "samples"
PHOTO = cv2.resize(cv2.imread(str(SAMPLES / "photos" / "plaza.jpg")), (384, 256))


def test_a_camera_is_counted_into_files(rtsp: RtspCamera, tmp_path: Path) -> None:
    words = [rtsp.url, str(SAMPLES / "plaza-zones.yaml"), "--every", "0.2", "--sink", "counts.jsonl"]
    with subprocess.Popen([sys.executable, str(SAMPLES / "rtsp_to_mqtt.py"), *words], cwd=tmp_path) as process:
        try:
            file = tmp_path / "counts.jsonl"
            wait_for(lambda: file.exists() and file.read_text().count("\n") > 2)
        finally:
            process.terminate()

    reading = json.loads(file.read_text().splitlines()[-1])
    assert set(reading["zones"]) == {"back", "front left", "front right"}
    assert reading["smoothed"] is not None


def test_a_camera_is_counted_into_mqtt(rtsp: RtspCamera, broker: Mosquitto, tmp_path: Path) -> None:  # noqa: F811
    from paho.mqtt import subscribe

    sink = f"mqtt://127.0.0.1:{broker.port}/crowd"
    open_sink(sink).close()
    words = [rtsp.url, str(SAMPLES / "plaza-zones.yaml"), "--every", "0.2", "--sink", sink]
    with subprocess.Popen([sys.executable, str(SAMPLES / "rtsp_to_mqtt.py"), *words], cwd=tmp_path) as process:
        try:
            message = subscribe.simple("crowd/plaza/reading", port=broker.port, hostname="127.0.0.1")
        finally:
            process.terminate()

    assert json.loads(message.payload)["camera"] == "plaza"


def test_several_cameras_are_counted_to_their_end(tmp_path: Path) -> None:
    said = run(str(SAMPLES / "several_cameras.py"), str(SAMPLES / "cameras.yaml"), cwd=tmp_path)

    assert "plaza {'ok': 3, 'end': 1}" in said
    assert "street {'ok': 3, 'end': 1}" in said
    assert len((tmp_path / "counts.jsonl").read_text().splitlines()) == 6
    assert "warn" in said or "alarm" in said


@pytest.mark.parametrize("kind", [CamerasConfig, CameraConfig, EngineConfig, StreamLimits, Stable, AlarmRules])
def test_the_config_of_several_cameras_shows_every_key(kind: type[Any]) -> None:
    text = (SAMPLES / "cameras.yaml").read_text("utf-8")
    rarely = {"hysteresis", "clear_seconds", "max_gap_seconds"}  # of alarms; docs/zones.md

    assert [field.name for field in fields(kind) if f"{field.name}:" not in text and field.name not in rarely] == []


def test_a_video_gets_its_overlay(tmp_path: Path) -> None:
    write_video(tmp_path / "walk.avi", [PHOTO] * 10)
    zones = str(SAMPLES / "plaza-zones.yaml")

    run(str(SAMPLES / "video_overlay.py"), "walk.avi", "overlay.mkv", "--zones", zones, cwd=tmp_path)

    video = cv2.VideoCapture(str(tmp_path / "overlay.mkv"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(5, abs=1)
    assert video.read()[0]
    video.release()


def test_the_page_names_every_kind_of_source_and_state() -> None:
    from sdk.streams.source import LAYOUTS, NETWORK

    page = (ROOT / "docs" / "streams.md").read_text("utf-8")
    for scheme in NETWORK:
        assert f"{scheme}://" in page or scheme == "rtmps"
    for word in (*LAYOUTS, "ok", "timeout", "error", "end", "latest", "all", "auto"):
        assert f"`{word}`" in page
