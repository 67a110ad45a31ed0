"""From light to a photo: exposure, lens, sensor and JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.scenes.camera import Array
from sdk.scenes.light import GAMMA, Random
from sdk.scenes.style import SceneStyle

FADE = 0.16  # how far colours are drawn towards grey, as a film does


def develop(random: Random, picture: Array, exposure: float, style: SceneStyle) -> NDArray[np.uint8]:
    """A photo (h, w, 3) uint8 BGR of linear light (h, w, 3) float32."""
    grain, blur = random.uniform(*style.noise), random.uniform(*style.blur)
    cast = np.exp(random.normal(0, 0.025, 3)).astype(np.float32)
    picture = picture * (exposure * random.uniform(0.9, 1.12)) * cast
    picture = _bloom(picture)
    if blur > 0.1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32)
    height, width = picture.shape[:2]
    picture *= _vignette(height, width, random.uniform(0.05, 0.22))[..., None]
    toned = _tone(picture)
    toned += grain * _sensor(random, height, width) * (1.3 - toned)
    photo = np.clip(toned * 255 + 0.5, 0, 255).astype(np.uint8)
    return through_jpeg(photo, int(random.uniform(*style.quality)))


def through_jpeg(photo: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """The photo after JPEG has had its way with it."""
    _, data = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _tone(light: Array) -> Array:
    """A film's curve: soft in the lights, deep in the shadows; 0 to 1."""
    curve = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    curve = curve * np.float32(1 - FADE) + curve.mean(-1, keepdims=True) * np.float32(FADE)
    return np.asarray(np.clip(curve, 0, 1) ** (1 / GAMMA), np.float32)


def _bloom(picture: Array) -> Array:
    """Very bright places spill a little light around them."""
    height, width = picture.shape[:2]
    bright = np.maximum(cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_AREA) - 1.0, 0)
    spread = cv2.GaussianBlur(bright, (0, 0), width / 250) + 0.5 * cv2.GaussianBlur(bright, (0, 0), width / 60)
    return np.asarray(picture + 0.25 * cv2.resize(spread, (width, height)), np.float32)


def _vignette(height: int, width: int, strength: float) -> Array:
    y = (np.arange(height, dtype=np.float32)[:, None] / height - 0.5) ** 2
    x = (np.arange(width, dtype=np.float32)[None, :] / width - 0.5) ** 2
    return np.asarray(1 - strength * 2 * (x + y), np.float32)


def _sensor(random: Random, height: int, width: int) -> Array:
    """Noise (h, w, 3) of a camera: in light above all, a little in colour, a little smeared."""
    luma = random.standard_normal((height, width, 1), np.float32)
    chroma = random.standard_normal((height, width, 3), np.float32)
    return np.asarray(cv2.GaussianBlur(luma + 0.5 * chroma, (0, 0), 0.6) * 1.7, np.float32)
