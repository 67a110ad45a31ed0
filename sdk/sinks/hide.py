"""Taking the detail out of a picture, so that nobody in it can be recognised."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.frame import Image

BLOCKS = 32  # along the longer side of a picture
SMALLEST = 8  # pixels of a block
SOMEBODY = 0.01  # people in a cell from which it is hidden
MARGIN = 3  # cells around it that are hidden too


def pixelated(picture: Image) -> Image:
    """The picture (h, w, 3) in blocks of one colour each."""
    return _enlarged(_mosaic(picture), picture, cv2.INTER_NEAREST)


def blurred(picture: Image) -> Image:
    """The picture (h, w, 3) without detail, smooth: made from the blocks alone, so that no filter can sharpen it."""
    return _enlarged(_mosaic(picture), picture, cv2.INTER_CUBIC)


WAYS = {"pixelate": pixelated, "blur": blurred}


def around_heads(density: NDArray[np.float32], picture: Image, cell: float) -> NDArray[np.bool_]:
    """(h, w), where the density (rows, columns) says that somebody may be; a cell covers `cell` pixels each way."""
    heads = (density > SOMEBODY).astype(np.uint8)
    wide = cv2.dilate(heads, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8))
    height, width = picture.shape[:2]
    rows = np.minimum((np.arange(height) / cell).astype(int), len(wide) - 1)
    columns = np.minimum((np.arange(width) / cell).astype(int), wide.shape[1] - 1)
    return wide[np.ix_(rows, columns)] > 0


def _mosaic(picture: Image) -> Image:
    """The mean colour of each block."""
    height, width = picture.shape[:2]
    block = max(SMALLEST, -(-max(height, width) // BLOCKS))
    size = (max(1, round(width / block)), max(1, round(height / block)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(small: Image, picture: Image, how: int) -> Image:
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(small, (width, height), interpolation=how), np.uint8)
