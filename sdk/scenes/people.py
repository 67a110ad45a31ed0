"""One person of clay: legs, body, arms and dress, in a pose; the head is in `heads`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sdk.scenes.camera import Array, Camera
from sdk.scenes.clay import Clay, Material, Paint, open_window, plain
from sdk.scenes.heads import Body, build_head
from sdk.scenes.looks import Looks

HEAD = 0.925  # height of the head's centre, of the person's height
REACH = 0.72  # metres; nothing of a person is farther to a side


@dataclass(frozen=True)
class Person:
    """Somebody who stands at (x, z) on the ground and looks along `yaw` (radians, 0 away from the camera)."""

    x: float
    z: float
    yaw: float
    looks: Looks

    def head(self) -> Array:
        """(3,) the head's centre in world coordinates."""
        return np.array([self.x, HEAD * self.looks.height, self.z], np.float32)

    def middle(self) -> Array:
        """(3,) the body's middle in world coordinates."""
        return np.array([self.x, self.looks.height / 2, self.z], np.float32)


def build_person(person: Person, camera: Camera) -> Clay | None:
    """The person as the camera sees them; None where nothing of them is in the picture."""
    looks = person.looks
    clay = open_window(camera, person.middle(), REACH, looks.height / 2)
    if clay is None:
        return None
    body = Body(clay.view, person.yaw, looks.height)
    _legs(clay, body, looks)
    _trunk(clay, body, looks)
    _arms(clay, body, looks)
    _bag(clay, body, looks)
    build_head(clay, body, looks, HEAD)
    return clay


def _legs(clay: Clay, body: Body, looks: Looks) -> None:
    cloth, skin = Material(plain(looks.bottom), 1.0), Material(plain(looks.skin * 0.92))
    lower = {"trousers": cloth, "coat": cloth}.get(looks.lower, skin)
    upper = skin if looks.lower in ("skirt", "dress") else cloth
    loose = 1.12 if looks.lower in ("trousers", "coat") else 1.0
    for side, swing in ((-1, 1), (1, -1)):
        ahead = swing * looks.stride * (0.5 if looks.lower in ("trousers", "shorts") else 0.22)
        hip, knee = body.at(side * 0.085, 0.50), body.at(side * 0.09, 0.275, ahead * 0.62 + 0.03)
        ankle = body.at(side * 0.09, 0.05, ahead)
        clay.limb((hip, knee), (0.088 * loose, 0.064 * loose), upper)
        clay.limb((knee, ankle), (0.06 * loose, 0.042 * loose), lower)
        clay.limb(
            (body.at(side * 0.09, 0.025, ahead - 0.04), body.at(side * 0.105, 0.02, ahead + 0.11)),
            (0.04, 0.032),
            Material(plain(looks.shoes)),
        )


def _trunk(clay: Clay, body: Body, looks: Looks) -> None:
    front, right = body.turn
    wide = np.array([0.86, 0.84, 0.80, 0.86, 0.97, 1.0, 0.93, 0.66, 0.36]) * looks.broad  # from the hips to the neck
    deep = np.array([0.135, 0.13, 0.122, 0.12, 0.13, 0.13, 0.11, 0.085, 0.06])
    sides, depths = math.sqrt(max(1 - right**2, 0)), abs(right)
    profile = np.sqrt((wide * sides) ** 2 + (deep * depths) ** 2).astype(np.float32)
    thickness = math.sqrt((0.12 * sides) ** 2 + (looks.broad * depths) ** 2) * 0.9
    material = Material(_top_paint(looks, (front, right)), 1.0)
    clay.ellipsoid(body.at(0, 0.775), body.axes(looks.broad * 0.9, 0.085, 0.105), material)
    clay.tube((body.at(0, 0.485), body.at(0, 0.858)), profile, thickness, material)
    if looks.lower in ("skirt", "dress", "coat"):
        _skirt(clay, body, looks, sides)


def _skirt(clay: Clay, body: Body, looks: Looks, sides: float) -> None:
    hem = {"skirt": 0.31, "dress": 0.27, "coat": 0.24}[looks.lower]
    colour = looks.bottom if looks.lower == "skirt" else looks.top
    flare = np.array([1.16, 1.08, 1.0, 0.9, 0.84]) * looks.broad * (0.82 + 0.18 * sides)
    clay.tube((body.at(0, hem), body.at(0, 0.57)), flare.astype(np.float32), 0.2, Material(plain(colour), 1.3))


def _arms(clay: Clay, body: Body, looks: Looks) -> None:
    cloth, skin = Material(plain(looks.top * 0.97), 1.0), Material(plain(looks.skin))
    thick = 1.1 if looks.sleeve == 2 else 1.0
    for side, swing, raised in ((-1, -1, looks.arms[0]), (1, 1, looks.arms[1])):
        ahead = swing * looks.stride * 0.45
        shoulder = body.at(side * (looks.broad - 0.035), 0.795)
        elbow = body.at(side * (looks.broad + 0.055), 0.625, ahead * 0.4 - 0.02)
        wrist = body.at(side * (looks.broad + 0.04 - 0.16 * raised), 0.49 + 0.17 * raised, ahead + 0.05 + 0.2 * raised)
        clay.limb((shoulder, elbow), (0.056 * thick, 0.045 * thick), cloth if looks.sleeve else skin)
        clay.limb((elbow, wrist), (0.043 * thick, 0.032 * thick), cloth if looks.sleeve == 2 else skin)
        clay.ellipsoid(wrist + (wrist - elbow) * 0.2, body.axes(0.032, 0.055, 0.04), skin)


def _bag(clay: Clay, body: Body, looks: Looks) -> None:
    material = Material(plain(looks.bag_colour), 0.6)
    if looks.bag == "backpack":
        clay.box(body.at(0, 0.705, -0.16), body.axes(0.13, 0.19, 0.07), material)
        clay.ellipsoid(body.at(0, 0.725, -0.17), body.axes(0.15, 0.22, 0.095), material)
        clay.ellipsoid(
            body.at(0, 0.665, -0.22), body.axes(0.105, 0.1, 0.06), Material(plain(looks.bag_colour * 0.7), 0.6)
        )
    if looks.bag == "shoulder":
        clay.box(body.at(looks.broad + 0.06, 0.47), body.axes(0.05, 0.12, 0.15), material)


def _top_paint(looks: Looks, turn: tuple[float, float]) -> Paint:
    """The top's colours; `turn` says how far the body's front and right side face the camera."""

    def paint(places: Array) -> Array:
        across, along = places[..., 0], places[..., 1]
        front = places[..., 2] * turn[0] + across * turn[1]  # 1 in the middle of the chest, -1 of the back
        right = across * abs(turn[0]) + places[..., 2] * abs(turn[1])
        share = _PATTERNS[looks.pattern](np.stack([right, along, front], -1))[..., None]
        return np.asarray(looks.top * (1 - share) + looks.under * share, np.float32)

    return paint


def _plain(places: Array) -> Array:
    return np.zeros(places.shape[:2], np.float32)


def _stripes(places: Array) -> Array:
    return np.where(np.sin(places[..., 1] * 34) > 0.2, 0.8, 0.0)


def _check(places: Array) -> Array:
    bars = np.sin(np.arcsin(np.clip(places[..., 0], -1, 1)) * 15) > 0.3
    return np.asarray(0.36 * bars + 0.36 * (np.sin(places[..., 1] * 26) > 0.3))


def _print(places: Array) -> Array:
    right, along, front = places[..., 0], places[..., 1], places[..., 2]
    spot = np.clip(1.6 - 12 * np.maximum(np.abs(right) - 0.22, np.abs(along - 0.22) - 0.14), 0, 1)
    return np.asarray(spot * (front > 0) * (0.55 + 0.45 * np.sin(right * 37 + np.sin(along * 51) * 2)))


def _open(places: Array) -> Array:
    right, along, front = places[..., 0], places[..., 1], places[..., 2]
    return np.where((np.abs(right) < 0.17 + 0.14 * along) & (front > 0), 1.0, 0.0)


_PATTERNS = {
    "plain": _plain,
    "stripes": _stripes,
    "check": _check,
    "print": _print,
    "open": _open,
}  # right, along, front
