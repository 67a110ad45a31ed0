"""Heads: skull, face, hair and what is worn on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sdk.scenes.camera import Array, Mask, View
from sdk.scenes.clay import Clay, Keep, Material, Paint, plain
from sdk.scenes.looks import Looks

SIZE = (0.077, 0.116, 0.097)  # half axes of a grown-up's head in metres: to the side, up, ahead


@dataclass(frozen=True)
class Body:
    """A person's own directions as the camera sees them."""

    view: View  # around the middle of the body
    yaw: float  # radians; 0 looks away from the camera
    height: float  # metres

    def at(self, side: float, up: float, ahead: float = 0.0) -> Array:
        """View coordinates (3,) of a place: `up` is of the person's height above the ground, the others in metres."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return self.view.place([side * cos + ahead * sin, self.height * (up - 0.5), ahead * cos - side * sin])

    def axes(self, side: float, up: float, ahead: float) -> Array:
        """Half axes (3, 3) in metres along the body's directions, in view coordinates."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return self.view.place([[side * cos, 0, -side * sin], [0, up, 0], [ahead * sin, 0, ahead * cos]])

    @property
    def turn(self) -> tuple[float, float]:
        """How far the front and the right side face the camera, each -1 to 1."""
        axes = self.axes(1, 1, 1)
        return float(axes[2, 2]), float(axes[0, 2])


def build_head(clay: Clay, body: Body, looks: Looks, level: float) -> None:
    """Put a head whose centre is `level` of the person's height above the ground."""
    size = min(1.0, 0.45 + looks.height / 3)
    axes = body.axes(*(size * half for half in SIZE))
    centre = body.at(0, level)
    skin = Material(plain(looks.skin * 0.8))
    clay.limb((body.at(0, 0.80), body.at(0, level - 0.04)), (0.058 * size, 0.053 * size), skin)
    bare = looks.hair_style == "bald" or looks.headwear in ("scarf", "hood")
    clay.ellipsoid(centre, axes, Material(_face(looks, bare)))
    for side in (-1, 1):
        clay.ellipsoid(centre + side * 1.0 * axes[0], body.axes(0.014, 0.03, 0.02), Material(plain(looks.skin * 0.85)))
    if not bare:
        _hair(clay, body, looks, level)
    if looks.headwear:
        _HEADWEAR[looks.headwear](clay, body, looks, centre + 0.0)


def _face(looks: Looks, bald: bool) -> Paint:
    """A face on the side of the skull that looks ahead; cropped hair elsewhere."""

    def paint(places: Array) -> Array:
        side, up, ahead = np.abs(places[..., 0]), places[..., 1], places[..., 2]
        front = np.clip(ahead * 3, 0, 1)
        dark = 0.62 * _spot(side - 0.38, up - 0.06, 0.17, 0.09) + 0.45 * _spot(side - 0.38, up - 0.27, 0.2, 0.05)
        dark += 0.5 * _spot(side - 0.1, up + 0.3, 0.1, 0.05) + 0.25 * _spot(side, up + 0.72, 0.3, 0.07)
        dark += 0.5 * _spot(side, up + 0.5, 0.24, 0.055)
        light = 0.22 * _spot(side, up + 0.08, 0.08, 0.2)
        shade = (1 - front * dark + front * light)[..., None]
        face = looks.skin * shade * np.array([0.96, 0.97, 1.0], np.float32)
        if looks.beard:
            hairy = (np.clip((-0.22 - up) * 6, 0, 1) * (ahead > -0.2) * 0.7)[..., None]
            face = face * (1 - hairy) + looks.hair * hairy
        if bald:
            return np.asarray(face, np.float32)
        return np.where(_hairy(places)[..., None], looks.hair, face).astype(np.float32)

    return paint


def _spot(side: Array, up: Array, wide: float, tall: float) -> Array:
    return np.exp(-((side / wide) ** 2) - (up / tall) ** 2)


def _hairy(places: Array) -> Mask:
    """Where short hair grows: above a line from the forehead over the ears to the nape."""
    wave = 0.06 * np.sin(places[..., 0] * 9) + 0.05 * np.sin(places[..., 0] * 23 + 1)
    return np.asarray(places[..., 1] - 0.85 * places[..., 2] - 0.06 + wave > 0)


def _strands(colour: Array) -> Paint:
    """Hair with lighter and darker strands, and a soft shine on its upper side."""

    def paint(places: Array) -> Array:
        angle = np.arctan2(places[..., 0], places[..., 2])
        strands = 1 + 0.22 * np.sin(angle * 19 + places[..., 1] * 4) + 0.15 * np.sin(angle * 43)
        shine = 0.035 * np.exp(-(((places[..., 1] - 0.62) / 0.16) ** 2)) * (1 + 0.6 * np.sin(angle * 19))
        return np.asarray(colour * strands[..., None] + shine[..., None], np.float32)

    return paint


def _hair(clay: Clay, body: Body, looks: Looks, level: float) -> None:
    hair = _strands(looks.hair)
    up = 0.012 / looks.height
    clay.ellipsoid(body.at(0, level + up, -0.01), body.axes(0.087, 0.122, 0.108), Material(hair, 0.5, _hairy))
    if looks.hair_style == "long":
        clay.ellipsoid(
            body.at(0, level - 0.055, -0.035), body.axes(0.098, 0.2, 0.085), Material(hair, 0.6, _behind(0.35))
        )
    if looks.hair_style == "bun":
        clay.ellipsoid(body.at(0, level + 0.045, -0.1), body.axes(0.045, 0.045, 0.045), Material(hair, 0.5))


def _behind(limit: float) -> Keep:
    return lambda places: np.asarray(places[..., 2] < limit)


def _above(limit: float) -> Keep:
    return lambda places: np.asarray(places[..., 1] > limit)


def _cap(clay: Clay, body: Body, looks: Looks, centre: Array) -> None:
    cloth = plain(looks.headwear_colour)
    rise = body.axes(0, 0.03, 0)[1]
    clay.ellipsoid(centre + rise, body.axes(0.092, 0.108, 0.112), Material(cloth, 0.3, _above(0.18)))
    clay.ellipsoid(centre + rise * 1.9 + body.axes(0, 0, 0.12)[2], body.axes(0.07, 0.012, 0.075), Material(cloth))


def _beanie(clay: Clay, body: Body, looks: Looks, centre: Array) -> None:
    tilted = _above(0.1)
    rise = body.axes(0, 0.035, 0)[1] - body.axes(0, 0, 0.012)[2]
    clay.ellipsoid(centre + rise, body.axes(0.097, 0.122, 0.116), Material(plain(looks.headwear_colour), 0.8, tilted))


def _brim(clay: Clay, body: Body, looks: Looks, centre: Array) -> None:
    straw = plain(looks.headwear_colour)
    rise = body.axes(0, 0.045, 0)[1]
    clay.ellipsoid(centre + rise, body.axes(0.092, 0.105, 0.11), Material(straw, 0.2, _above(0.1)))
    clay.ellipsoid(centre + rise * 1.5, body.axes(0.17, 0.014, 0.185), Material(straw, 0.3))


def _scarf(clay: Clay, body: Body, looks: Looks, centre: Array) -> None:
    cloth = Material(plain(looks.headwear_colour), 0.9, _around_face)
    clay.ellipsoid(centre, body.axes(0.096, 0.136, 0.118), cloth)
    drop = body.axes(0, 0.17, 0)[1]
    clay.ellipsoid(centre - drop, body.axes(0.15, 0.12, 0.13), Material(plain(looks.headwear_colour), 1.0))


def _hood(clay: Clay, body: Body, looks: Looks, centre: Array) -> None:
    cloth = Material(plain(looks.top), 0.9, _around_face)
    back = body.axes(0, 0, 0.015)[2]
    clay.ellipsoid(centre - back, body.axes(0.112, 0.148, 0.132), cloth)


def _around_face(places: Array) -> Mask:
    side, up, ahead = places[..., 0], places[..., 1], places[..., 2]
    return np.asarray((ahead < 0) | ((side / 0.66) ** 2 + ((up + 0.06) / 0.72) ** 2 > 1))


_HEADWEAR = {"cap": _cap, "beanie": _beanie, "brim": _brim, "scarf": _scarf, "hood": _hood}
