"""The ground: slabs, cobbles, asphalt and grass, laid out in metres and seen in perspective."""

from __future__ import annotations

import math

import cv2
import numpy as np

from sdk.scenes.camera import Array, Camera
from sdk.scenes.light import Light, Random, linear, noise

SIDE = 480  # pixels of a texture's side
SPAN = 8.0  # metres of a texture's side
STONES = ((168, 160, 150), (150, 148, 146), (176, 164, 148), (140, 128, 118), (158, 150, 146), (184, 178, 168))


def lay_ground(random: Random, camera: Camera, kind: str, road: tuple[float, float]) -> Array:
    """The ground's colour (h, w, 3), 0 above the horizon; asphalt between the x of `road`, in metres."""
    z, depth = camera.rows()
    seen = np.isfinite(z) & (depth < 400)
    picture = np.zeros((camera.height, camera.width, 3), np.float32)
    rows = np.flatnonzero(seen)
    if not len(rows):
        return picture
    x = (np.arange(camera.width, dtype=np.float32) + 0.5 - camera.width / 2) / camera.focal * depth[rows, None]
    where = np.stack([x, np.broadcast_to(z[rows, None], x.shape)], -1).astype(np.float32)
    wide = (depth[rows] ** 2 / (camera.focal * camera.altitude)).astype(
        np.float32
    )  # metres of ground in a row of pixels
    texture = _grass(random) if kind == "park" else _slabs(random)
    colour = _look_up(texture, where, wide)
    if road[0] < road[1]:
        tarmac = _look_up(_asphalt(random), where, wide)
        _blend(colour, tarmac, _between(where[..., 0], road, 0.04))
        _road_marks(colour, where, road)
    if kind == "park":
        path = where[..., 0] + 1.2 * np.sin(where[..., 1] * 0.12 + random.uniform(0, 6))
        gravel = _look_up(_asphalt(random) * 2.6 * linear(255, 244, 226), where, wide)
        _blend(colour, gravel, _between(path, (-4.5, 4.5), 0.3))
    picture[rows] = colour * _stains(random, where)[..., None]
    return picture


def light_ground(colour: Array, light: Light, shadow: Array) -> Array:
    """The ground (h, w, 3) in its light; `shadow` (h, w, 2): share of the sun, and of the sky, that is kept away."""
    up = float(light.towards_sun[1])
    sun, sky = 1 - shadow[..., :1], 1 - shadow[..., 1:]
    return np.asarray(colour * (light.sun * (up * sun) + light.sky * sky), np.float32)


def _look_up(texture: Array, where: Array, wide: Array) -> Array:
    """The texture at places (h, w, 2) in metres, repeated; each row from a copy as coarse as that row's pixels."""
    levels = np.clip(np.round(np.log2(np.maximum(wide * SIDE / SPAN, 1e-3)) - 0.5), 0, 6).astype(int)
    result = np.empty((*where.shape[:2], 3), np.float32)
    for level in np.unique(levels):
        rows = levels == level
        side = SIDE >> level
        small = cv2.resize(texture, (side, side), interpolation=cv2.INTER_AREA)
        small = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_WRAP)
        place = np.asarray((where[rows] % SPAN) * (side / SPAN) + 0.5, np.float32)
        result[rows] = cv2.remap(np.asarray(small, np.float32), place, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    return result


def _tile(random: Random, cell: int, octaves: int) -> Array:
    """Smooth noise (SIDE, SIDE), mean 0 and standard deviation about 1, whose opposite edges meet."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(octaves):
        size = max(cell >> octave, 1)
        coarse = np.pad(random.standard_normal((SIDE // size, SIDE // size), np.float32), 2, mode="wrap")
        wide = cv2.resize(coarse, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
        total += wide[2 * size : 2 * size + SIDE, 2 * size : 2 * size + SIDE] * np.float32(0.6**octave)
    return np.asarray(total / total.std(), np.float32)


def _slabs(random: Random) -> Array:
    """Paving: stone slabs in rows, each a little different, with joints between them."""
    long = SIDE // int(random.choice([8, 10, 12, 16]))
    deep = long if random.random() < 0.5 else long // 2
    base = linear(*STONES[int(random.integers(len(STONES)))])
    texture = np.empty((SIDE, SIDE, 3), np.float32)
    texture[:] = base * 0.55
    bond = random.random() < 0.6
    for row in range(math.ceil(SIDE / deep)):
        for column in range(-1, math.ceil(SIDE / long)):
            left = column * long + (long // 2 if bond and row % 2 else 0)
            tone = base * np.float32(np.exp(random.normal(0, 0.09))) * np.exp(random.normal(0, 0.012, 3))
            texture[row * deep + 1 : (row + 1) * deep, max(left + 1, 0) : max(left + long, 0)] = tone
    grain = 1 + 0.05 * _tile(random, 4, 2) + 0.05 * _tile(random, 40, 3)
    return np.asarray(texture * grain[..., None], np.float32)


def _asphalt(random: Random) -> Array:
    grain = 1 + 0.13 * _tile(random, 2, 1) + 0.07 * _tile(random, 60, 3)
    return np.asarray(linear(88, 89, 92) * grain[..., None], np.float32).clip(0.01, 1)


def _grass(random: Random) -> Array:
    blades = _tile(random, 4, 2)[..., None] * 0.28 + _tile(random, 96, 3)[..., None] * 0.16
    tint = np.exp(_tile(random, 60, 3)[..., None] * np.array([0.02, 0.03, 0.12]))
    return np.asarray(linear(92, 108, 58) * np.maximum(1 + blades, 0.2) * tint, np.float32)


def _stains(random: Random, where: Array) -> Array:
    """(h, w) around 1: wear and damp, over tens of metres so that no repeat shows."""
    spots = 1 + np.float32(0.07) * noise(random, 256, 256, 60, 5)
    place = np.clip(where + np.array([45, 0], np.float32), 0, 89) * np.float32(255 / 90)
    return np.asarray(cv2.remap(spots, place, None, cv2.INTER_LINEAR), np.float32)  # type: ignore[call-overload]


def _between(x: Array, ends: tuple[float, float], soft: float) -> Array:
    return np.asarray(np.clip(np.minimum(x - ends[0], ends[1] - x) / soft + 0.5, 0, 1), np.float32)


def _blend(below: Array, above: Array, share: Array) -> None:
    """Lay `above`, (h, w, 3) or one colour (3,), over parts of the ground."""
    where = share > 0
    over = above[where] if above.ndim > 1 else above
    below[where] += (over - below[where]) * share[where][:, None]


def _road_marks(colour: Array, where: Array, road: tuple[float, float]) -> None:
    """Kerbs, lines beside them, and a crossing."""
    x, z = where[..., 0], where[..., 1]
    for side, inwards in ((road[0], 1), (road[1], -1)):
        _blend(colour, linear(176, 174, 170), _between(x - side, (-0.16, 0.06), 0.03))
        line = _between(x - side - inwards * 0.5, (-0.06, 0.06), 0.03)
        _blend(colour, linear(214, 206, 170), line * np.float32(0.75))
    if road[1] < 0:  # a crossing only where both sides of the road are in the picture
        return
    bars = _between(z, (13.0, 16.5), 0.06) * _between((x - road[0]) % 1.0, (0.25, 0.75), 0.05)
    bars *= _between(x, (road[0] + 0.3, road[1] - 0.3), 0.05)
    _blend(colour, linear(222, 221, 216), bars * np.float32(0.8))
