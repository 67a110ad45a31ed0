"""What stands behind the ground: the sky, rows of houses, and hedges of trees."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.scenes.camera import NEAREST, Array, Camera
from sdk.scenes.facade import Facade, draw_facade
from sdk.scenes.light import Light, Random, linear, noise

SKIES = {True: ((66, 74, 104), (214, 168, 140)), False: ((128, 164, 206), (214, 224, 232))}  # top and horizon, by lamps


def draw_sky(random: Random, camera: Camera, light: Light) -> Array:
    """The sky (h, w, 3), the whole picture."""
    top, low = (linear(*colour) for colour in SKIES[light.lamps])
    bright = float(light.sky.mean()) * 1.5 / light.exposure**0.2
    height = np.clip((camera.horizon - np.arange(camera.height)) / (0.5 * camera.height), 0, 1)[:, None, None]
    sky = (low + (top - low) * height.astype(np.float32)) * bright
    clouds = noise(random, camera.height // 4 + 1, camera.width // 4 + 1, camera.width / 14, 5)
    clouds = np.asarray(cv2.resize(clouds, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC))
    share = np.clip(clouds * 0.35 + 0.1, 0, 0.85)[..., None] * (0.3 if light.lamps else 1.0)
    return np.asarray(sky + (linear(236, 238, 240) * bright * 1.1 - sky) * share, np.float32)


def draw_wall(picture: Array, camera: Camera, light: Light, corners: Array, colour: Array) -> None:
    """Put a wall's light (h, w, 3) at `corners` (4, 3): picture x, y and depth, clockwise from the upper left."""
    box = _box(camera, corners)
    (left, top), (right, bottom) = box
    height, width = colour.shape[:2]
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    outline = (corners[:, :2] - box[0]).astype(np.float32)
    warp = cv2.getPerspectiveTransform(flat, outline)
    size = (right - left, bottom - top)
    seen = cv2.warpPerspective(colour, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.round(np.clip(outline, -30000, 30000)).astype(np.int32), 1)
    depth = _wall_depth(corners, np.arange(left, right))
    hazy = light.air(np.asarray(seen, np.float32), depth)
    np.copyto(picture[top:bottom, left:right], hazy, where=mask[..., None] > 0)


def _box(camera: Camera, corners: Array) -> NDArray[np.int64]:
    """(2, 2): the least and the largest x, y of a wall's part in the picture; empty if it is out of it."""
    low = np.clip(np.floor(corners[:, :2].min(0)), 0, (camera.width, camera.height))
    high = np.clip(np.ceil(corners[:, :2].max(0)) + 1, 0, (camera.width, camera.height))
    return np.stack([low, high]).astype(np.int64)


def light_wall(colour: Array, light: Light, normal: Array) -> Array:
    """A wall's colours (h, w, 4), the last its own glow, in the scene's light."""
    facing = max(float(normal @ light.towards_sun), 0.0)
    received = light.sun * facing + (light.sky + light.bounce) * 0.5
    return np.asarray(colour[..., :3] * received + colour[..., :3] * colour[..., 3:], np.float32)


def _wall_depth(corners: Array, columns: NDArray[np.int64]) -> Array:
    """(1, w): the wall's depth in columns of pixels; 1 / depth is even across the picture."""
    left, right = corners[3], corners[2]
    share = (columns - left[0]) / ((right[0] - left[0]) or 1.0)
    inverse = 1 / left[2] + (1 / right[2] - 1 / left[2]) * np.clip(share, 0, 1)
    return np.asarray(1 / inverse, np.float32)[None, :]


def draw_row(random: Random, picture: Array, camera: Camera, light: Light, ends: Array) -> None:
    """A row of houses along the ground from `ends` (2, 2) x and z, left to right as seen; the far ones first."""
    start, stop = ends
    length = float(np.hypot(*(stop - start)))
    normal = np.array([stop[1] - start[1], 0, start[0] - stop[0]], np.float32) / length
    done = 0.0
    while done < length - 4:
        width = min(float(random.uniform(9, 18)), length - done)
        first, last = (start + (stop - start) * (at / length) for at in (done, done + width))
        top = min(float(random.uniform(10, 22)), _highest(camera, min(first[1], last[1])))
        (x1, z1), (x2, z2) = first, last
        corners = camera.project([(x1, top, z1), (x2, top, z2), (x2, 0, z2), (x1, 0, z1)])
        box = _box(camera, corners)
        seed = int(random.integers(2**31))
        if (box[1] > box[0]).all():
            facade = draw_facade(np.random.default_rng(seed), Facade(width, top, light.lamps))
            draw_wall(picture, camera, light, corners, light_wall(facade, light, normal))
        done += width


def draw_hedge(random: Random, picture: Array, camera: Camera, light: Light, ends: Array) -> None:
    """A dense edge of trees along the ground from `ends`, as `draw_row`."""
    start, stop = ends
    for share in sorted(random.uniform(0, 1, 40)):
        middle, half, top = start + (stop - start) * share, random.uniform(4, 9), random.uniform(5, 11)
        z = middle[1] + random.uniform(0, 4)
        sides, height = [middle[0] - half, middle[0] + half], camera.project([(middle[0], top, z)])[0, 1]
        (left, foot, depth), (right, _, _) = camera.project([(sides[0], 0, z), (sides[1], 0, z)])
        size = (int(right - left), int(foot - height))
        if right <= 0 or left >= camera.width or min(size) < 2:
            continue
        _draw_tuft(random, picture, (int(left), int(height), *size), light, float(depth))


def _draw_tuft(random: Random, picture: Array, box: tuple[int, int, int, int], light: Light, depth: float) -> None:
    """A tree top with a ragged edge, in the part of the picture at left, top, width, height."""
    left, top, width, height = box
    leaves = noise(random, height, width, max(width / 9, 2), 5)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rise = np.minimum(1 - y / height, 1) * 1.0
    edge = 1 - (x / width * 2 - 1) ** 2 - rise**2 + 0.13 * leaves
    tone = linear(70, 88, 46) * (light.sky * 0.55 + light.sun * 0.3) * random.uniform(0.5, 1.0)
    colour = tone * np.exp(0.38 * leaves + 0.5 * (rise - 0.5))[..., None]
    seen = light.air(colour, np.full((1, 1), depth, np.float32))
    first, above = max(-left, 0), max(-top, 0)
    part = picture[max(top, 0) : max(top + height, 0), max(left, 0) : left + width]
    end = (above + part.shape[0], first + part.shape[1])
    mask = (edge > 0.12)[above : end[0], first : end[1], None]
    np.copyto(part, seen[above : end[0], first : end[1]], where=mask)


def _highest(camera: Camera, z: float) -> float:
    """How high a wall at z may be, in metres, before its top passes behind a camera that looks down."""
    return camera.altitude + (z * math.cos(camera.tilt) - 2 * NEAREST) / max(math.sin(camera.tilt), 1e-3)
