"""Pictures of a count: a heat map over the photo, with the number of people."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.frame import Image

FAINTEST_PEAK = 0.02  # people per cell; a map whose peak is below this shows nothing, so noise never glows
STRONGEST = 0.72  # opacity of the heat map at its peak
STRIP = 256  # rows that are blended at a time, so that a large photo takes little memory
FONT = cv2.FONT_HERSHEY_DUPLEX
INK, PALE_INK, PAPER = (255, 255, 255), (200, 196, 190), (26, 22, 20)  # BGR


def draw_overlay(photo: Image, density: NDArray[np.float32], count: float, cell: float, note: str = "") -> Image:
    """The photo (h, w, 3) BGR under a heat map of `density` (rows, columns), with `count` in a corner.

    cell: pixels of the photo that a cell of the density covers, each way. note: what else to know, in ASCII, above.
    """
    heat = heat_map(density, photo.shape[0], photo.shape[1], cell)
    picture = np.empty(photo.shape, np.uint8)
    for top in range(0, len(photo), STRIP):
        rows = np.s_[top : top + STRIP]
        picture[rows] = blend(np.ascontiguousarray(photo[rows]), heat[rows])
    return draw_note(draw_count(picture, count), note)


def heat_map(density: NDArray[np.float32], height: int, width: int, cell: float) -> Image:
    """Density (rows, columns) as (height, width) uint8, smooth, 255 at its peak."""
    smooth = cv2.GaussianBlur(density, (0, 0), 1.2)
    peak = max(FAINTEST_PEAK, float(np.quantile(smooth, 0.998)))
    levels = (255 * np.clip(smooth / peak, 0, 1)).astype(np.uint8)
    size = (max(width, round(density.shape[1] * cell)), max(height, round(density.shape[0] * cell)))
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_CUBIC)[:height, :width], np.uint8)


def blend(photo: Image, heat: Image) -> Image:
    """A strip of the photo (h, w, 3) BGR under its heat (h, w), both uint8."""
    shares = np.arange(256, dtype=np.float32) / 255
    ramp = (255 * (0.15 + 0.85 * shares)).astype(np.uint8)  # its darkest colours would be dirt on the photo
    colours = cv2.applyColorMap(ramp[heat], cv2.COLORMAP_INFERNO)
    opacity = (STRONGEST * np.sqrt(shares))[heat][:, :, None]
    grey = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)[:, :, None]
    quiet = np.float32(0.55) * photo + np.float32(0.35) * grey  # darker and paler, so that the heat map stands out
    return np.asarray((1 - opacity) * quiet + opacity * colours, np.uint8)


def draw_count(picture: Image, count: float) -> Image:
    """The picture with the number of people on a dark label in its lower left corner, where there is room for one."""
    height, width = picture.shape[:2]
    label = count_label(f"{count:,.0f}", max(18, round(min(height, width) * 0.05)))
    margin = round(0.35 * label.shape[0])
    if label.shape[0] + 2 * margin > height or label.shape[1] + 2 * margin > width:
        return picture
    place = np.s_[height - label.shape[0] - margin : height - margin, margin : margin + label.shape[1]]
    picture[place] = (0.18 * picture[place] + 0.82 * label).astype(np.uint8)
    return picture


def draw_note(picture: Image, note: str) -> Image:
    """The picture with a line on a dark strip along its upper side, as much of it as there is room for."""
    height, width = picture.shape[:2]
    size = max(10, round(min(height, width) * 0.026))  # of capitals, in pixels
    if not note or height < 4 * size:
        return picture
    strip = picture[: 2 * size]
    strip[:] = (0.18 * strip + 0.82 * np.array(PAPER)).astype(np.uint8)
    cv2.putText(picture, note, (size, round(1.5 * size)), FONT, size / 22, INK, max(1, size // 12), cv2.LINE_AA)
    return picture


def count_label(number: str, text_height: int) -> Image:
    """A dark label: the number in large letters, the word in small ones; drawn large and shrunk, for smooth edges."""
    zoom = max(1, -(-120 // text_height))
    big, small = text_height * zoom / 22, text_height * zoom / 44  # Hershey capitals are 22 units high at scale 1
    word = "person" if number == "1" else "people"
    number_size = cv2.getTextSize(number, FONT, big, round(2.2 * big))[0]
    word_size = cv2.getTextSize(word, FONT, small, round(1.6 * small))[0]
    pad = round(0.55 * text_height * zoom)
    gap = pad // 2
    shape = (number_size[1] + 2 * pad, number_size[0] + word_size[0] + 2 * pad + gap, 3)
    canvas = np.full(shape, PAPER, np.uint8)
    base = pad + number_size[1]
    cv2.putText(canvas, number, (pad, base), FONT, big, INK, round(2.2 * big), cv2.LINE_AA)
    place = (pad + number_size[0] + gap, base)
    cv2.putText(canvas, word, place, FONT, small, PALE_INK, round(1.6 * small), cv2.LINE_AA)
    shrunk = (shape[1] // zoom, shape[0] // zoom)
    return np.asarray(cv2.resize(canvas, shrunk, interpolation=cv2.INTER_AREA), np.uint8)
