"""What gives frames one by one: the seam, and the readers that need no video library."""

from __future__ import annotations

import abc
import math
import os
from pathlib import Path

import cv2
import numpy as np

from sdk.frame import Image, decode
from sdk.sources import find_photos
from sdk.streams.errors import StreamCut
from sdk.streams.source import LAYOUTS, Source

# Layout of raw frames -> how it becomes BGR; None: it is that.
CONVERSIONS = {
    "bgr24": None,
    "gray8": cv2.COLOR_GRAY2BGR,
    "i420": cv2.COLOR_YUV2BGR_I420,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "rgb24": cv2.COLOR_RGB2BGR,
}


class Reader(abc.ABC):
    """An open source. Calls may take as long as the source's limits say."""

    seconds = 0.0  # since the recording's start, of the grabbed frame; live sources leave it
    size: tuple[int, int] | None = None  # width and height to which frames may be scaled unasked; None: they never are

    @abc.abstractmethod
    def grab(self) -> bool:
        """Go to the next frame; False at the end. Raises StreamError."""

    @abc.abstractmethod
    def frame(self) -> Image:
        """The grabbed frame (h, w, 3) uint8 BGR. Raises InputError where it cannot be decoded."""

    def close(self) -> None:  # noqa: B027 - some have nothing to let go of
        """Let go of the source."""


class FolderReader(Reader):
    """The photos of a folder as a time-lapse, `every` seconds apart."""

    def __init__(self, folder: str, every: float) -> None:
        self._photos = [photo.path for photo in find_photos([folder])]
        self._every = every
        self._next = 0

    def grab(self) -> bool:
        self.seconds = self._next * self._every
        self._next += 1
        return self._next <= len(self._photos)

    def frame(self) -> Image:
        return decode(Path(self._photos[self._next - 1]))


class RawReader(Reader):
    """Uncompressed frames of one size from a pipe."""

    def __init__(self, source: Source, file: int = 0) -> None:
        layout = source.options["format"]
        width, height = source.size()
        channels, rows = LAYOUTS[layout]
        self._conversion = CONVERSIONS[layout]
        self._shown = source.shown
        self._shape = (int(height * rows), width, channels)
        self._bytes = bytearray(math.prod(self._shape))
        self._pipe = os.fdopen(os.dup(file), "rb", buffering=0)
        self._frames = 0

    def grab(self) -> bool:
        got = 0
        while got < len(self._bytes):
            count = self._pipe.readinto(memoryview(self._bytes)[got:])
            if not count:
                break
            got += count
        if 0 < got < len(self._bytes):
            message = f"{self._shown} ends within frame {self._frames + 1}: {got} of {len(self._bytes)} bytes"
            raise StreamCut(message, hint="is the size right?")
        if not got and not self._frames:
            message = f"{self._shown} ends before its first frame"
            raise StreamCut(message, hint="did the program that writes to the pipe start?")
        self._frames += bool(got)
        return bool(got)

    def frame(self) -> Image:
        picture = np.frombuffer(bytes(self._bytes), np.uint8).reshape(self._shape)
        if self._conversion is None:
            return picture
        return np.asarray(cv2.cvtColor(picture, self._conversion), np.uint8)

    def close(self) -> None:
        self._pipe.close()
