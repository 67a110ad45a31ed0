"""Pictures of a count: a heat map over the photo, with the number of people."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.frame import Image

FAINTEST_PEAK = 0.02  # people per cell; a map whose peak is below this shows nothing, so noise never glows
STRONGEST = 0.72  # opacity of the heat map at its peak
FONT = cv2.FONT_HERSHEY_DUPLEX
INK, PAPER = (255, 255, 255), (26, 22, 20)  # BGR


def draw_overlay(photo: Image, density: NDArray[np.float32], count: float) -> Image:
    """The photo (h, w, 3) BGR under a heat map of `density` (rows, columns), with `count` in a corner."""
    heat = heat_map(density, photo.shape[0], photo.shape[1])
    colours = cv2.applyColorMap((255 * (0.15 + 0.85 * heat)).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = (STRONGEST * np.sqrt(heat))[:, :, None]
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    quiet = 0.55 * photo + 0.35 * grey  # a little darker and paler, so that the heat map stands out
    picture = ((1 - opacity) * quiet + opacity * colours).astype(np.uint8)
    return draw_count(picture, count)


def heat_map(density: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Density (rows, columns) as (height, width) float32 in 0..1, smooth, 1 at its peak."""
    size = (width, height)
    heat = cv2.resize(cv2.GaussianBlur(density, (0, 0), 1.2), size, interpolation=cv2.INTER_CUBIC)
    peak = max(FAINTEST_PEAK, float(np.quantile(heat, 0.998)))
    return np.clip(heat / peak, 0, 1).astype(np.float32)


def draw_count(picture: Image, count: float) -> Image:
    """The picture with the number of people on a dark label in its lower left corner."""
    height, width = picture.shape[:2]
    label = count_label(f"{count:,.0f}", max(18, round(min(height, width) * 0.075)))
    margin = round(0.35 * label.shape[0])
    if label.shape[0] + margin > height or label.shape[1] + margin > width:
        return picture  # too small to carry a label
    place = np.s_[height - label.shape[0] - margin : height - margin, margin : margin + label.shape[1]]
    picture[place] = (0.18 * picture[place] + 0.82 * label).astype(np.uint8)
    return picture


def count_label(number: str, text_height: int) -> Image:
    """A dark label: the number in large letters, "people" in small ones; drawn large and shrunk, for smooth edges."""
    zoom = 4
    big, small = text_height * zoom / 22, text_height * zoom / 44  # Hershey capitals are 22 units high at scale 1
    number_size = cv2.getTextSize(number, FONT, big, round(2.2 * big))[0]
    word_size = cv2.getTextSize("people", FONT, small, round(1.6 * small))[0]
    pad = round(0.55 * text_height * zoom)
    gap = pad // 2
    shape = (number_size[1] + 2 * pad, number_size[0] + word_size[0] + 2 * pad + gap, 3)
    canvas = np.full(shape, PAPER, np.uint8)
    base = pad + number_size[1]
    cv2.putText(canvas, number, (pad, base), FONT, big, INK, round(2.2 * big), cv2.LINE_AA)
    place = (pad + number_size[0] + gap, base)
    cv2.putText(canvas, "people", place, FONT, small, (200, 196, 190), round(1.6 * small), cv2.LINE_AA)
    shrunk = (shape[1] // zoom, shape[0] // zoom)
    return np.asarray(cv2.resize(canvas, shrunk, interpolation=cv2.INTER_AREA), np.uint8)
