"""Training crops: which photos, how they are changed, and in which order.

The crops of a step are a function of the seed and the step's number alone, so that a resumed run sees what an unbroken
one would have seen, whatever the number of loader threads.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sdk.datasets import Sample
from sdk.errors import InputError

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


@dataclass(frozen=True)
class Crop:
    """A training crop: image (h, w, 3) uint8 BGR, points (n, 2) float32 as x, y in its pixels."""

    image: NDArray[np.uint8]
    points: NDArray[np.float32]


class Photos:
    """Samples of one labelled set, decoded once and kept in memory."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = list(samples)
        self._decoded: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Photo (h, w, 3) uint8 BGR and its points."""
        sample = self.samples[index]
        if index not in self._decoded:
            self._decoded[index] = read_photo(sample.photo)
        return self._decoded[index], sample.points


def read_photo(path: Path) -> NDArray[np.uint8]:
    """A training photo as (h, w, 3) uint8 BGR, as stored: labels refer to the stored pixels."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise InputError(f"cannot read training photo {path}", hint="remove it from the set or replace the file")
    return np.asarray(image, np.uint8)


def random_crop(image: NDArray[np.uint8], points: NDArray[np.float32], augment: Augment, rng: Generator) -> Crop:
    """A square crop at a random scale and place, mirrored half of the time; what lies outside the photo is plain."""
    scale = float(np.exp(rng.uniform(np.log(augment.smallest), np.log(augment.largest))))
    window = augment.crop / scale  # side in the photo's pixels
    left, top = (rng.uniform(min(0.0, size - window), max(0.0, size - window)) for size in image.shape[1::-1])
    shift = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = _resample(image, shift, augment.crop, flags)
    moved = (points - np.array([left, top], np.float32)) * np.float32(scale)
    inside = ((moved >= 0) & (moved < augment.crop)).all(axis=1)
    moved = moved[inside]
    if rng.random() < 0.5:
        square = square[:, ::-1]
        moved = np.stack([augment.crop - moved[:, 0], moved[:, 1]], axis=1)
    return Crop(np.ascontiguousarray(square), moved.astype(np.float32))


def _resample(image: NDArray[np.uint8], shift: NDArray[np.float64], side: int, flags: int) -> NDArray[np.uint8]:
    """The window that `shift` maps to a square; a shrinking window is shrunk by area first, so nothing aliases."""
    scale = shift[0, 0]
    left, top = (-shift[0, 2] / scale, -shift[1, 2] / scale)
    x0, y0 = max(0, int(np.floor(left)) - 1), max(0, int(np.floor(top)) - 1)
    x1, y1 = (int(np.ceil(edge + side / scale)) + 2 for edge in (left, top))
    patch = image[y0:y1, x0:x1]
    if flags == cv2.INTER_AREA:
        size = (max(1, round(patch.shape[1] * scale)), max(1, round(patch.shape[0] * scale)))
        zoom = np.array([size[0] / patch.shape[1], size[1] / patch.shape[0]])
        patch = cv2.resize(patch, size, interpolation=cv2.INTER_AREA)
    else:
        zoom = np.ones(2)
    step = scale / zoom  # what is left to do after the area shrink, close to 1
    matrix = np.array([[step[0], 0, (x0 - left) * scale], [0, step[1], (y0 - top) * scale]])
    # Pixel centres lie half a pixel inside, so a scale moves the origin by (scale - 1) / 2.
    matrix[:, 2] += (np.diag(matrix[:, :2]) - 1) / 2
    out = cv2.warpAffine(
        patch, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=PADDING_BGR
    )
    return np.asarray(out, np.uint8)


def change_light(image: NDArray[np.uint8], augment: Augment, rng: Generator) -> NDArray[np.uint8]:
    """The crop under other light, sometimes grey, sometimes blurred."""
    contrast = 1 + rng.uniform(-augment.light, augment.light)
    brightness = 128 * rng.uniform(-augment.light, augment.light)
    table = np.clip((np.arange(256) - 128) * contrast + 128 + brightness, 0, 255)
    table = 255 * (table / 255) ** np.exp(rng.uniform(-augment.light, augment.light))
    image = np.asarray(cv2.LUT(image, table.astype(np.uint8)), np.uint8)
    if rng.random() < augment.grey:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None], 3, axis=2).astype(np.uint8)
    if rng.random() < augment.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2)), np.uint8)
    return image


def empty_crop(side: int, rng: Generator) -> Crop:
    """A crop without people: a plain colour, noise of some grain, a gradient, or stripes, or a sum of them."""
    base = np.full((side, side, 3), rng.uniform(0, 255, 3), np.float32)
    grain = int(rng.choice([1, 2, 4, 8, 16, 32, 64]))
    cells = -(-side // grain)
    noise = rng.normal(size=(cells, cells, int(rng.choice([1, 3])))).astype(np.float32)
    noise = cv2.resize(noise, (side, side), interpolation=cv2.INTER_LINEAR).reshape(side, side, -1)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(2, 60)
    slope = np.cos(angle) * ramp[None, :, None] + np.sin(angle) * ramp[:, None, None]
    stripes = np.sin(slope * side / pitch)
    strength = rng.uniform(0, 80, 3) * (rng.random(3) < 0.5)
    image = base + strength[0] * noise + strength[1] * slope + strength[2] * stripes
    return Crop(np.clip(image, 0, 255).astype(np.uint8), np.zeros((0, 2), np.float32))


class CropStream:
    """The crops of each step: sets are drawn by weight, photos uniformly, `empty` of the crops show nobody."""

    def __init__(
        self, sets: Sequence[Photos], weights: Sequence[float], augment: Augment, *, seed: int, empty: float
    ) -> None:
        self.sets = list(sets)
        self.weights = np.asarray(weights, np.float64) / sum(weights)
        self.augment = augment
        self.seed = seed
        self.empty = empty

    def batch(self, step: int, size: int) -> list[Crop]:
        """The crops of one step."""
        rng = np.random.default_rng([self.seed, step])
        return [self._crop(rng) for _ in range(size)]

    def _crop(self, rng: Generator) -> Crop:
        if rng.random() < self.empty:
            return empty_crop(self.augment.crop, rng)
        photos = self.sets[int(rng.choice(len(self.sets), p=self.weights))]
        image, points = photos.read(int(rng.integers(len(photos))))
        crop = random_crop(image, points, self.augment, rng)
        return Crop(change_light(crop.image, self.augment, rng), crop.points)


def prefetch(stream: CropStream, steps: range, size: int, ahead: int = 4) -> Iterator[list[Crop]]:
    """Batches of the given steps in order, prepared by a thread that stays at most `ahead` steps in front."""
    ready: queue.Queue[list[Crop] | BaseException] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def produce() -> None:
        try:
            for step in steps:
                batch = stream.batch(step, size)
                while not stop.is_set():
                    try:
                        ready.put(batch, timeout=0.2)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
        except BaseException as error:  # handed to the trainer, which raises it
            ready.put(error)

    thread = threading.Thread(target=produce, name="crops", daemon=True)
    thread.start()
    try:
        for _ in steps:
            batch = ready.get()
            if isinstance(batch, BaseException):
                raise batch
            yield batch
    finally:
        stop.set()
        thread.join()
