"""Video through OpenCV: files and cameras, each call within its time limit."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from sdk.frame import Image
from sdk.streams.ask import why_closed
from sdk.streams.container import why_unread
from sdk.streams.errors import StreamCut, StreamError, StreamLost, StreamRefused, StreamUnreachable, StreamUnreadable
from sdk.streams.limits import StreamLimits
from sdk.streams.readers import Reader
from sdk.streams.source import Source

SHORT = 0.03  # share of a recording's frames that may be missing: containers estimate how many they hold
CSI = (
    "nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM),width={width},height={height},framerate={fps}/1"
    " ! nvvidconv ! video/x-raw,format=BGRx ! videoconvert ! video/x-raw,format=BGR"
    " ! appsink drop=true max-buffers=1 sync=false"
)


class VideoReader(Reader):
    """An open video."""

    def __init__(self, source: Source, limits: StreamLimits) -> None:
        self._source = source
        self._capture = OPENERS[source.kind](source, limits)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.size = _size(self._capture)
        self._interval = 1 / rate if 0 < rate < 1000 else 0.04  # seconds, for a container without time stamps
        frames = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._expected = frames if source.recorded or ".m3u8" in source.place else 0  # of a list that goes on it is 0
        self._frames = 0

    def grab(self) -> bool:
        if self._capture.grab():
            self._frames += 1
            self._tell_time()
            return True
        if not (self._source.recorded or self._expected):
            raise StreamLost(f"{self._source.shown} stopped sending after {self._frames} frames")
        if self._frames < (1 - SHORT) * self._expected - 1:
            message = f"{self._source.shown} ends after {self._frames} of {self._expected} frames: it is cut off"
            raise StreamCut(message, hint="copy or record it again")
        return False

    def frame(self) -> Image:
        there, picture = self._capture.retrieve()
        if not there or picture is None or not picture.size:
            raise StreamError(f"frame {self._frames} of {self._source.shown} cannot be decoded")
        if picture.ndim == 2:
            picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
        return np.asarray(picture, np.uint8)

    def close(self) -> None:
        self._capture.release()

    def _tell_time(self) -> None:
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._frames == 1:
            self.seconds = max(0.0, stamp)
        else:
            self.seconds = stamp if stamp > self.seconds else self.seconds + self._interval


def open_file(source: Source, limits: StreamLimits) -> cv2.VideoCapture:
    """A video file."""
    path = Path(source.place)
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise StreamRefused(f"cannot read {source.shown}: {error.strerror}", hint="check its permissions") from error
    capture = _ffmpeg(str(path.resolve()), limits)
    if not capture.isOpened():
        raise StreamUnreadable(f"{source.shown} {why_unread(path)}", hint="does a player show it?")
    return capture


def open_network(source: Source, limits: StreamLimits) -> cv2.VideoCapture:
    """A camera or video at an address; where it does not open, it is asked why."""
    capture = _ffmpeg(source.url, limits)
    if not capture.isOpened():
        raise why_closed(source, limits.connect_seconds)
    return capture


def size_of(source: Source, limits: StreamLimits) -> tuple[int, int] | None:
    """Width and height of what an address sends, over a connection of its own; None where it does not open."""
    capture = _ffmpeg(source.url, limits)
    size = _size(capture)
    capture.release()
    return size


def open_usb(source: Source, limits: StreamLimits) -> cv2.VideoCapture:  # noqa: ARG001 - its limits are OpenCV's
    """A camera of Video4Linux."""
    device = Path(source.place)
    if not device.exists():
        raise StreamUnreachable(f"no camera at {source.shown}", hint="is it plugged in? ls /dev/video*")
    if not os.access(device, os.R_OK | os.W_OK):
        raise StreamRefused(f"may not open {source.shown}", hint="add this user to the group video")
    capture = cv2.VideoCapture(source.place, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise StreamUnreadable(f"{source.shown} gives no video", hint="does another program use it?")
    return capture


def open_csi(source: Source, limits: StreamLimits) -> cv2.VideoCapture:  # noqa: ARG001 - the pipeline knows no limits
    """A camera on the ribbon cable of a Jetson, through GStreamer."""
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        hint = "on a Jetson take the system's OpenCV, or pipe gst-launch-1.0 into raw://"
        raise StreamUnreadable(f"{source.shown} needs an OpenCV with GStreamer, which this one is not", hint=hint)
    capture = cv2.VideoCapture(csi_pipeline(source), cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise StreamUnreachable(f"{source.shown} gives no video", hint="does nvgstcapture-1.0 show it?")
    return capture


def csi_pipeline(source: Source) -> str:
    """What GStreamer runs for csi://."""
    width, height = source.size()
    return CSI.format(sensor=source.place, width=width, height=height, fps=source.options["fps"])


def _size(capture: cv2.VideoCapture) -> tuple[int, int] | None:
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    return (width, height) if width > 0 and height > 0 else None


def _ffmpeg(place: str, limits: StreamLimits) -> cv2.VideoCapture:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what FFmpeg writes on stderr can hold the address
    os.environ.setdefault("OPENCV_FFMPEG_IS_THREAD_SAFE", "1")  # else one camera that is slow to open holds up all
    if cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_WARNING:  # it warns of that at each opening
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    return cv2.VideoCapture(
        place,
        cv2.CAP_FFMPEG,
        [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            int(1000 * limits.connect_seconds),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            int(1000 * limits.read_seconds),
        ],
    )


OPENERS = {"csi": open_csi, "file": open_file, "network": open_network, "usb": open_usb}
