"""Annotated video, a file of each camera at a time."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import cv2

from sdk.errors import ConfigError
from sdk.frame import Image
from sdk.sinks.base import Health, Sink
from sdk.sinks.errors import SinkError
from sdk.sinks.folder import check_folder_of
from sdk.sinks.pictures import PictureSettings, picture_of
from sdk.sinks.reading import Reading
from sdk.sinks.target import Target, settings

CODECS = {".mkv": "MJPG", ".avi": "MJPG"}  # what was written can be played after a kill, and without a licence


@dataclass(frozen=True, kw_only=True)
class VideoSettings(PictureSettings):
    """How the files are cut."""

    fps: float = 10.0  # of playing; each reading with a frame is one picture
    minutes: int = 60  # of readings in a file
    files: int = 24  # of each camera that are kept; the oldest is removed; 0: all

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.fps <= 1000:
            raise ConfigError(f"fps is {self.fps}, expected more than 0, at most 1000")
        if self.minutes < 1 or self.files < 0:
            raise ConfigError(f"minutes is {self.minutes}, files is {self.files}; expected 1 or more, 0 or more")


@dataclass
class _Part:
    """A file that is being written."""

    writer: cv2.VideoWriter = field(repr=False)
    start: datetime
    size: tuple[int, int]  # width and height


class VideoFiles(Sink):
    """NAME.mkv becomes NAME-CAMERA-20260131T120000.mkv, a new file after so long or when the frame's size changes."""

    def __init__(self, path: Path, chosen: VideoSettings) -> None:
        check_folder_of(path)
        self._path = path
        self._chosen = chosen
        self._parts: dict[str, _Part] = {}
        self._sent = 0
        self._lock = threading.Lock()

    def send(self, reading: Reading) -> None:
        if reading.result is None:
            return
        picture = picture_of(reading.result, self._chosen)
        with self._lock:
            self._part(reading, picture).writer.write(picture)
            self._sent += 1

    def health(self) -> tuple[Health, ...]:
        return (Health(str(self._path), self._sent),)

    def close(self) -> None:
        with self._lock:
            for part in self._parts.values():
                part.writer.release()
            self._parts.clear()

    def _part(self, reading: Reading, picture: Image) -> _Part:
        part = self._parts.get(reading.camera)
        size = (picture.shape[1], picture.shape[0])
        longest = timedelta(minutes=self._chosen.minutes)
        if part is None or part.size != size or not timedelta(0) <= reading.time - part.start < longest:
            if part is not None:
                part.writer.release()
            part = self._parts[reading.camera] = _Part(self._open(reading, size), reading.time, size)
            self._remove_old(reading.camera)
        return part

    def _open(self, reading: Reading, size: tuple[int, int]) -> cv2.VideoWriter:
        start = f"{self._stem(reading.camera)}-{reading.time:%Y%m%dT%H%M%S}"
        path = self._path.with_name(f"{start}{self._path.suffix}")
        number = 1
        while path.exists():
            number += 1
            path = path.with_name(f"{start}-{number}{self._path.suffix}")
        code = cv2.VideoWriter.fourcc(*CODECS[self._path.suffix])
        writer = cv2.VideoWriter(str(path), code, self._chosen.fps, size)
        if not writer.isOpened():
            raise SinkError(f"cannot write video {path}", hint="name a folder you may write, with free space")
        return writer

    def _stem(self, camera: str) -> str:
        return f"{self._path.stem}-{quote(camera, safe=' ')}"

    def _remove_old(self, camera: str) -> None:
        if self._chosen.files:
            name = re.compile(rf"{re.escape(self._stem(camera))}-\d{{8}}T\d{{6}}(-\d+)?{re.escape(self._path.suffix)}")
            mine = sorted(path for path in self._path.parent.iterdir() if name.fullmatch(path.name))
            for path in mine[: -self._chosen.files]:
                path.unlink(missing_ok=True)


def open_video(target: Target) -> Sink:
    """FILE.mkv or FILE.avi."""
    return VideoFiles(Path(target.path), settings(VideoSettings, target))
