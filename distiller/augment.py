"""How training crops are cut from photos and changed, and what crops without people look like."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from distiller.limits import check_limits
from sdk.errors import ConfigError

PADDING_BGR = (104, 116, 124)  # ImageNet's mean colour: nobody is there


@dataclass(frozen=True)
class Augment:
    """How crops differ from their photos."""

    crop: int = 384  # pixels, each side
    smallest: float = 0.6  # least and greatest factor by which photos are scaled
    largest: float = 1.6
    grey: float = 0.1  # probability of losing the colours
    blur: float = 0.1  # probability of losing sharpness
    light: float = 0.25  # greatest relative change of contrast, and of brightness in units of 128
    even: bool = False  # show a photo's rim as often as its middle; else less, the less the smaller the crop

    def __post_init__(self) -> None:
        check_limits("augment.", {name: getattr(self, name) for name in LIMITS}, LIMITS)
        if self.smallest > self.largest:
            raise ConfigError(f"setting augment.smallest {self.smallest} is more than augment.largest {self.largest}")


LIMITS = {
    "crop": (16, 8192),
    "smallest": (0.02, 50),
    "largest": (0.02, 50),
    "grey": (0, 1),
    "blur": (0, 1),
    "light": (0, 0.9),
}


@dataclass(frozen=True)
class Crop:
    """A training crop: image (h, w, 3) uint8 BGR, points (n, 2) float32 with 0 <= x < w and 0 <= y < h."""

    image: NDArray[np.uint8]
    points: NDArray[np.float32]
    source: str = ""  # the photo it was cut from, for messages
    nobody: bool = False  # of a picture that shows nobody anywhere: a pattern, or an empty scene


def random_crop(image: NDArray[np.uint8], points: NDArray[np.float32], augment: Augment, rng: Generator) -> Crop:
    """A square crop at a random scale and place, mirrored half of the time; what lies outside the photo is plain.

    Coordinates are continuous: pixel i covers i to i + 1, so a photo w wide is mirrored by x -> w - x.
    """
    scale = float(np.exp(rng.uniform(np.log(augment.smallest), np.log(augment.largest))))
    window = augment.crop / scale  # side in the photo's pixels
    corner = _even_corner if augment.even else _inner_corner
    left, top = (corner(size, window, rng) for size in image.shape[1::-1])
    square = resample(image, (left, top), scale, augment.crop)
    moved = (points - np.array([left, top], np.float32)) * np.float32(scale)
    moved = moved[((moved >= 0) & (moved < augment.crop)).all(axis=1)]
    if rng.random() < 0.5:
        square = square[:, ::-1]
        last = np.nextafter(np.float32(augment.crop), np.float32(0))
        moved = np.stack([np.minimum(augment.crop - moved[:, 0], last), moved[:, 1]], axis=1)
    return Crop(np.ascontiguousarray(square), moved.astype(np.float32))


def _inner_corner(size: int, window: float, rng: Generator) -> float:
    """Where a window begins along one side, anywhere inside; one that is larger than the photo, anywhere around it."""
    return float(rng.uniform(min(0.0, size - window), max(0.0, size - window)))


def _even_corner(size: int, window: float, rng: Generator) -> float:
    """The same, from anywhere that the window touches the photo moved inside, so that the rim is seen as often.

    Most people of a street stand far away, along a photo's upper rim.
    """
    if window >= size:
        return _inner_corner(size, window, rng)
    return float(np.clip(rng.uniform(-window, size), 0, size - window))


def resample(image: NDArray[np.uint8], corner: tuple[float, float], scale: float, side: int) -> NDArray[np.uint8]:
    """The square (side, side, 3) whose upper left corner is x, y of the photo, `scale` of its pixels a photo's pixel.

    A window that shrinks is shrunk by area first, so that nothing aliases; the rest of the way is bilinear.
    """
    left, top = corner
    x0, y0 = max(0, int(np.floor(left)) - 1), max(0, int(np.floor(top)) - 1)
    x1, y1 = (int(np.ceil(edge + side / scale)) + 2 for edge in corner)
    patch = image[y0:y1, x0:x1]
    height, width = patch.shape[:2]
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        patch = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    step_x, step_y = scale * width / patch.shape[1], scale * height / patch.shape[0]  # what is left to do: close to 1
    matrix = np.array([[step_x, 0, (x0 - left) * scale], [0, step_y, (y0 - top) * scale]])
    matrix[:, 2] += (np.array([step_x, step_y]) - 1) / 2  # OpenCV's origin is the centre of the first pixel
    square = cv2.warpAffine(
        patch, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=PADDING_BGR
    )
    return np.asarray(square, np.uint8)


def change_light(image: NDArray[np.uint8], augment: Augment, rng: Generator) -> NDArray[np.uint8]:
    """The crop under other light, sometimes grey, sometimes blurred."""
    contrast = 1 + rng.uniform(-augment.light, augment.light)
    brightness = 128 * rng.uniform(-augment.light, augment.light)
    table = np.clip((np.arange(256) - 128) * contrast + 128 + brightness, 0, 255)
    table = 255 * (table / 255) ** np.exp(rng.uniform(-augment.light, augment.light))
    image = np.asarray(cv2.LUT(image, np.rint(table).astype(np.uint8)), np.uint8)
    if rng.random() < augment.grey:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None], 3, axis=2).astype(np.uint8)
    if rng.random() < augment.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2)), np.uint8)
    return image


def empty_crop(side: int, rng: Generator) -> Crop:
    """A crop without people: a plain colour, and on it noise of some grain, a gradient, stripes, each or none."""
    base = np.full((side, side, 3), rng.uniform(0, 255, 3), np.float32)
    grain = int(rng.choice([1, 1, 1, 2, 2, 4, 8, 16, 32, 64]))  # sensor noise is fine
    cells = -(-side // grain)
    noise = rng.normal(size=(cells, cells, int(rng.choice([1, 3])))).astype(np.float32)
    noise = np.asarray(cv2.resize(noise, (side, side)), np.float32).reshape(side, side, -1)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(2, 60)
    slope = np.cos(angle) * ramp[None, :, None] + np.sin(angle) * ramp[:, None, None]
    stripes = np.sin(slope * side / pitch)
    strength = rng.uniform(0, 110, 3) * (rng.random(3) < 0.5)
    image = base + strength[0] * noise + strength[1] * slope + strength[2] * stripes
    return Crop(np.clip(image, 0, 255).astype(np.uint8), np.zeros((0, 2), np.float32), "a drawn pattern", nobody=True)
