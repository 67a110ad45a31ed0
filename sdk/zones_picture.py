"""Zones drawn over a picture: outlines, names, counts; what is excluded is hatched."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np

from sdk.frame import Image
from sdk.zones import Zone, Zones
from sdk.zones_count import ZoneCount
from sdk.zones_polygon import Polygon

COLOURS = (  # BGR: blue, orange, green, pink, violet, yellow, turquoise; told apart by most eyes
    (246, 156, 74), (60, 152, 250), (112, 196, 96), (180, 119, 236), (235, 110, 150), (74, 206, 240), (190, 196, 64),
)  # fmt: skip
MASK_COLOUR = (150, 150, 150)
FONT = cv2.FONT_HERSHEY_DUPLEX
TINT = 0.22  # opacity of a zone's colour
DIM = 0.55  # how much of the picture stays in a mask
SHIFT = 4  # binary digits behind the point that OpenCV draws with


def draw_zones(picture: Image, zones: Zones, counts: Sequence[ZoneCount] = (), *, tint: bool = True) -> Image:
    """A copy of the picture (h, w, 3) BGR with all zones; counts: what their labels say beside the names.

    tint: whether to fill them with their colours; without, a heat map below stays readable.
    """
    canvas = np.array(picture, np.uint8)
    thick = max(1, round(min(picture.shape[:2]) / 350))
    painted = [(zone, COLOURS[i % len(COLOURS)]) for i, zone in enumerate(zones.counted)]
    painted += [(zone, MASK_COLOUR) for zone in zones.zones if zone.kind == "exclude"]
    for zone, colour in painted:
        _fill(canvas, zone, colour, tint=tint, thick=thick)
    for zone, colour in painted:
        _outline(canvas, zone, colour, thick)
    people = {count.name: f"{count.count:,.0f}" for count in counts}
    for zone, colour in painted:
        _label(canvas, zone, people.get(zone.name, ""), colour)
    return canvas


def _fill(canvas: Image, zone: Zone, colour: tuple[int, int, int], *, tint: bool, thick: int) -> None:
    inside = _inside(zone.polygon, canvas.shape[0], canvas.shape[1])
    if zone.kind == "exclude":
        canvas[inside] = (DIM * canvas[inside]).astype(np.uint8)
        stripes = np.add.outer(np.arange(canvas.shape[0]), np.arange(canvas.shape[1])) % (12 * thick) < 2 * thick
        canvas[inside & stripes] = (0.5 * canvas[inside & stripes] + 0.5 * np.array(colour)).astype(np.uint8)
    elif tint:
        canvas[inside] = ((1 - TINT) * canvas[inside] + TINT * np.array(colour)).astype(np.uint8)


def _outline(canvas: Image, zone: Zone, colour: tuple[int, int, int], thick: int) -> None:
    for ink, width in (((20, 20, 20), thick + 2), (colour, thick)):
        cv2.polylines(canvas, [_pixels(zone.polygon, canvas)], True, ink, width, cv2.LINE_AA, SHIFT)


def _label(canvas: Image, zone: Zone, people: str, colour: tuple[int, int, int]) -> None:
    """The zone's name, and its people, where the zone is widest."""
    tall = max(11, round(min(canvas.shape[:2]) * 0.024))
    scale, text = tall / 22, "  ".join(part for part in (printable(zone.name), people) if part)  # 22 at scale 1
    (wide, high), _ = cv2.getTextSize(text, FONT, scale, 1)
    pad = tall // 2
    x, y = _widest(zone.polygon, canvas)
    left = int(np.clip(x - wide // 2 - pad, 0, max(0, canvas.shape[1] - wide - 2 * pad)))
    top = int(np.clip(y - high // 2 - pad, 0, max(0, canvas.shape[0] - high - 2 * pad)))
    place = canvas[top : top + high + 2 * pad, left : left + wide + 2 * pad]
    place[:] = (0.22 * place).astype(np.uint8)
    place[:, : max(2, tall // 5)] = colour
    cv2.putText(canvas, text, (left + pad, top + pad + high), FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


def printable(name: str) -> str:
    """The name in the letters that OpenCV's font has: accents are left out, other letters become ?."""
    plain = unicodedata.normalize("NFKD", name)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return letters.encode("ascii", "replace").decode()


def _widest(polygon: Polygon, canvas: Image) -> tuple[int, int]:
    """The pixel of the polygon that is furthest from its border, searched on a small grid."""
    side = 200
    room = cv2.distanceTransform(np.pad(_inside(polygon, side, side), 1).astype(np.uint8), cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(room.argmax()), room.shape)
    height, width = canvas.shape[:2]
    return int((column - 0.5) / side * width), int((row - 0.5) / side * height)


def _inside(polygon: Polygon, height: int, width: int) -> np.ndarray:
    """(height, width) bool."""
    mask = np.zeros((height, width, 3), np.uint8)
    cv2.fillPoly(mask, [_pixels(polygon, mask)], (1, 1, 1), cv2.LINE_8, SHIFT)
    return np.asarray(mask[:, :, 0], np.bool_)


def _pixels(polygon: Polygon, canvas: Image) -> np.ndarray:
    """(n, 1, 2) int32 corners in 1/16 pixels; OpenCV counts from the middle of a pixel."""
    size = np.array([canvas.shape[1], canvas.shape[0]])
    return np.asarray(np.round((polygon * size - 0.5) * 2**SHIFT), np.int32)[:, None]
