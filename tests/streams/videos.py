"""Videos of drawn scenes, and of coloured squares whose people a RedCounter tells."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from sdk.frame import Image
from sdk.scenes import draw_scene

SIZE = (160, 96)  # width and height


@lru_cache
def scene(people: int) -> Image:
    return draw_scene(5, width=SIZE[0], height=SIZE[1], people=people).photo


def red(people: int, width: int = 160, height: int = 96) -> Image:
    """(height, width, 3): so many cells of 8 x 8 pixels, from the upper left on, are red."""
    picture = np.zeros((height, width, 3), np.uint8)
    for cell in range(people):
        row, column = divmod(cell, width // 8)
        picture[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = (0, 0, 255)
    return picture


def write_video(path: Path, frames: list[Image], fps: float = 10.0, codec: str = "MJPG") -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def crowd_video(path: Path, frames: int = 20) -> Path:
    """A drawn crowd that grows by a person a frame."""
    return write_video(path, [scene(at) for at in range(frames)])
