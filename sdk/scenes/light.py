"""Daylight and lamps, and the colours they fall on: linear light, BGR."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from sdk.scenes.camera import Array

Random = np.random.Generator
GAMMA = 2.2


def linear(*rgb: float) -> Array:
    """An sRGB colour, red green blue from 0 to 255, as linear light (3,) BGR."""
    return np.asarray([(value / 255) ** GAMMA for value in reversed(rgb)], np.float32)


def noise(random: Random, height: int, width: int, cell: float, octaves: int = 3) -> Array:
    """Smooth noise (h, w), mean 0 and standard deviation about 1; the largest spots span `cell` pixels."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = max(cell / 2**octave, 1.0)
        coarse = random.standard_normal((math.ceil(height / size) + 3, math.ceil(width / size) + 3), np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(0.6**octave)
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


@dataclass(frozen=True)
class Light:
    """What lights a scene."""

    towards_sun: Array  # (3,) unit vector in world coordinates; a lamp overhead at night
    sun: Array  # (3,) its light
    sky: Array  # (3,) light from all of the sky
    bounce: Array  # (3,) light from the ground
    haze: Array  # (3,) colour of far air
    thickness: float  # of the haze, per metre
    exposure: float
    lamps: bool  # windows and lamps are lit

    def shade(self, colour: Array, normal: Array, up: Array, towards_sun: Array, sunlit: Array) -> Array:
        """The light that surfaces (h, w, 3) send out; `up` and `towards_sun` (3,) in the normals' coordinates."""
        facing = np.maximum(normal @ towards_sun, 0) * sunlit
        height = 0.5 + 0.5 * (normal @ up)
        received = facing[..., None] * self.sun + height[..., None] * self.sky + (1 - height[..., None]) * self.bounce
        return np.asarray(colour * received, np.float32)

    def air(self, colour: Array, depth: Array) -> Array:
        """Colours (..., 3) as seen through `depth` (...) metres of air."""
        clear = np.exp(-self.thickness * depth)[..., None]
        return np.asarray(colour * clear + self.haze * (1 - clear), np.float32)


def choose_light(random: Random, kind: str) -> Light:
    """One light of a kind named in `style.LIGHTS`."""
    return {"day": _day, "overcast": _overcast, "evening": _evening, "night": _night}[kind](random)


def _towards(random: Random, low: float, high: float) -> Array:
    elevation = math.radians(random.uniform(low, high))
    azimuth = math.radians(random.choice([-1, 1]) * random.uniform(25, 130))  # 0 is straight ahead
    flat = math.cos(elevation)
    return np.array([flat * math.sin(azimuth), math.sin(elevation), flat * math.cos(azimuth)], np.float32)


def _day(random: Random) -> Light:
    warmth = np.array([0.86, 0.96, 1.06], np.float32) ** random.uniform(0.4, 1.6)
    sun, sky = 2.0 * random.uniform(0.8, 1.2) * warmth, np.array([0.80, 0.68, 0.56], np.float32)
    bounce = 0.42 * (0.35 * sun + sky)
    thickness = 0.0010 * random.uniform(0.5, 2.5)
    return Light(_towards(random, 32, 62), sun, sky, bounce, linear(205, 214, 224) * 1.3, thickness, 0.56, False)


def _overcast(random: Random) -> Light:
    grey = np.array([1.03, 1.0, 0.97], np.float32) ** random.uniform(-1, 1)
    thickness = 0.0022 * random.uniform(0.4, 2.0)
    haze = linear(208, 211, 214) * 1.1
    return Light(_towards(random, 55, 80), 0.45 * grey, 1.15 * grey, 0.34 * grey, haze, thickness, 0.74, False)


def _evening(random: Random) -> Light:
    sun = np.array([0.42, 0.72, 1.15], np.float32) * random.uniform(0.8, 1.2)
    sky = np.array([0.74, 0.60, 0.54], np.float32)
    thickness = 0.003 * random.uniform(0.5, 1.6)
    return Light(_towards(random, 12, 24), sun, sky, 0.42 * sky, linear(200, 172, 160), thickness, 0.66, True)


def _night(random: Random) -> Light:
    sun = np.array([0.50, 0.74, 1.0], np.float32) * random.uniform(0.7, 1.0)
    sky = np.array([0.30, 0.25, 0.23], np.float32)
    thickness = 0.003 * random.uniform(0.5, 1.5)
    return Light(_towards(random, 62, 80), sun, sky, 0.45 * sky, linear(34, 38, 52), thickness, 0.75, True)
