"""Shadows on the ground, of the sun and of what stands close."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.scenes.camera import Array, Camera
from sdk.scenes.light import Light

Ball = tuple[float, float, float, float]  # x, y, z and radius, metres
Cast = tuple[Ball, Ball]  # a round bar from one ball to another
CIRCLE = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], 1)


def cast_shadows(camera: Camera, light: Light, casts: Iterable[Cast], soft: float) -> Array:
    """(h, w, 2): the share of the sun, and of the sky, that round bars keep from the ground; `soft` pixels."""
    sun = np.zeros((camera.height, camera.width), np.uint8)
    sky = np.zeros((camera.height, camera.width), np.uint8)
    slope = light.towards_sun[[0, 2]] / light.towards_sun[1]
    for cast in casts:
        rings = [CIRCLE * radius + (x, z) - slope * y for x, y, z, radius in cast]
        _fill(sun, camera, np.concatenate(rings))
        x, y, z, radius = cast[0]
        if y < 0.5:
            _fill(sky, camera, CIRCLE * (radius + 0.12) + (x, z))
    shadow = np.stack([0.93 * _blur(sun, soft), 0.55 * _blur(sky, 3 * soft)], -1)
    return np.asarray(shadow, np.float32)


def _fill(mask: NDArray[np.uint8], camera: Camera, outline: NDArray[np.float64]) -> None:
    """Fill the smallest convex shape around ground points (n, 2) x, z."""
    corners = camera.project(np.insert(outline, 1, 0.0, axis=1))
    if corners[:, 2].min() < 1:
        return
    hull = cv2.convexHull(np.clip(corners[:, :2], -9999, 9999).astype(np.float32))
    cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 255)


def _blur(mask: NDArray[np.uint8], sigma: float) -> Array:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma) / np.float32(255), np.float32)
