"""From a photo to what a network takes: the one implementation, for training, calibration, evaluation and devices."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray


def pad_to_multiple(image: NDArray[np.uint8], multiple: int) -> NDArray[np.uint8]:
    """(h, w, 3) with its right and lower sides mirrored on until both are multiples of `multiple` pixels."""
    height, width = image.shape[:2]
    below, right = -height % multiple, -width % multiple
    if not below and not right:
        return image
    padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    return np.asarray(padded, np.uint8)


def photo_cells(density: NDArray[np.float32], height: int, width: int, stride: int) -> NDArray[np.float32]:
    """The density's cells that hold photo pixels; those that hold padding alone are left out."""
    return density[..., : math.ceil(height / stride), : math.ceil(width / stride)]
