"""What stands behind the ground: the sky, rows of houses, and hedges of trees."""

from __future__ import annotations

import cv2
import numpy as np

from sdk.scenes.camera import NEAREST, Camera
from sdk.scenes.facade import Facade, draw_facade
from sdk.scenes.light import Array, Light, Random, linear, noise

SKIES = {True: ((66, 74, 104), (214, 168, 140)), False: ((128, 164, 206), (214, 224, 232))}  # top and horizon, by lamps


def draw_sky(random: Random, camera: Camera, light: Light) -> Array:
    """The sky (h, w, 3), the whole picture."""
    top, low = (linear(*colour) for colour in SKIES[light.lamps])
    bright = float(light.sky.mean()) * 1.5 / light.exposure ** 0.2
    height = np.clip((camera.horizon - np.arange(camera.height)) / (0.5 * camera.height), 0, 1)[:, None, None]
    sky = (low + (top - low) * height.astype(np.float32)) * bright
    clouds = noise(random, camera.height // 4 + 1, camera.width // 4 + 1, camera.width / 14, 5)
    clouds = cv2.resize(clouds, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    share = np.clip(clouds * 0.35 + 0.1, 0, 0.85)[..., None] * (0.3 if light.lamps else 1.0)
    return np.asarray(sky + (linear(236, 238, 240) * bright * 1.1 - sky) * share, np.float32)


def draw_wall(picture: Array, camera: Camera, light: Light, wall: Array, colour: Array) -> None:
    """Put a facade on an upright wall: `wall` (2, 3) holds its lower ends (x, z) and their height, left to right."""
    (x1, z1, top), (x2, z2, _) = wall
    corners = camera.project([(x1, top, z1), (x2, top, z2), (x2, 0, z2), (x1, 0, z1)])
    if corners[:, 2].min() <= NEAREST:
        return
    height, width = colour.shape[:2]
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    warp = cv2.getPerspectiveTransform(flat, corners[:, :2].astype(np.float32))
    size = (camera.width, camera.height)
    normal = np.array([z1 - z2, 0, x2 - x1]) / np.hypot(x2 - x1, z2 - z1) * -1.0
    lit = light_wall(colour, light, normal.astype(np.float32))
    seen = cv2.warpPerspective(lit, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((camera.height, camera.width), np.uint8)
    cv2.fillConvexPoly(mask, np.round(np.clip(corners[:, :2], -30000, 30000)).astype(np.int32), 1)
    depth = _wall_depth(camera, corners)
    np.copyto(picture, light.air(np.asarray(seen, np.float32), depth), where=mask[..., None] > 0)


def light_wall(colour: Array, light: Light, normal: Array) -> Array:
    """A wall's colours (h, w, 4), the last its own glow, in the scene's light."""
    facing = max(float(normal @ light.towards_sun), 0.0)
    received = light.sun * facing + (light.sky + light.bounce) * 0.5
    return np.asarray(colour[..., :3] * received + colour[..., :3] * colour[..., 3:], np.float32)


def _wall_depth(camera: Camera, corners: Array) -> Array:
    """(1, w): the wall's depth in each column of pixels; 1 / depth is even across the picture."""
    left, right = corners[3], corners[2]
    share = (np.arange(camera.width) - left[0]) / ((right[0] - left[0]) or 1.0)
    inverse = 1 / left[2] + (1 / right[2] - 1 / left[2]) * np.clip(share, 0, 1)
    return np.asarray(1 / inverse, np.float32)[None, :]


def draw_row(random: Random, picture: Array, camera: Camera, light: Light, ends: Array) -> None:
    """A row of houses along the ground from `ends` (2, 2) x and z, left to right as seen."""
    start, stop = ends
    length = float(np.hypot(*(stop - start)))
    done = 0.0
    while done < length - 4:
        width = min(float(random.uniform(9, 18)), length - done)
        first, last = (start + (stop - start) * (at / length) for at in (done, done + width))
        top = float(random.uniform(10, 22))
        facade = draw_facade(random, Facade(width, top, light.lamps))
        wall = np.array([(*first, top), (*last, top)], np.float32)
        draw_wall(picture, camera, light, wall, facade)
        done += width
