"""Street furniture of clay: what stands in a scene besides people, and may be taken for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sdk.scenes.camera import Array, Camera, Mask
from sdk.scenes.clay import Clay, Material, Paint, open_window, plain
from sdk.scenes.crowd import Screen
from sdk.scenes.heads import Body
from sdk.scenes.light import Random, linear
from sdk.scenes.shadows import Cast

PAINTS = (
    (196, 198, 200),
    (232, 232, 230),
    (40, 42, 46),
    (96, 100, 106),
    (150, 34, 36),
    (36, 62, 108),
    (170, 160, 140),
    (60, 84, 72),
)
LEAVES = ((74, 96, 44), (58, 84, 40), (92, 108, 52), (50, 72, 42), (110, 112, 56))
METAL = ((52, 56, 58), (84, 88, 90), (36, 60, 52), (120, 122, 122))


@dataclass(frozen=True)
class Prop:
    """One thing at (x, z) on the ground."""

    kind: str  # one of KINDS
    x: float
    z: float
    yaw: float  # radians, 0 looks away from the camera
    seed: int


@dataclass(frozen=True)
class Kind:
    """What things of one kind have in common; metres."""

    room: float  # radius of the ground they take
    half: float  # half of their greatest width
    height: float
    build: Callable[[Clay, Body, Random], None]
    hides: tuple[
        tuple[float, float, float], ...
    ]  # half width, lowest and highest part of what heads are not seen through
    bars: tuple[
        tuple[float, float, float, float], ...
    ]  # their shadows: height and radius at one end, then at the other


def build_prop(prop: Prop, camera: Camera) -> Clay | None:
    """The thing as the camera sees it; None where nothing of it is in the picture."""
    kind = KINDS[prop.kind]
    clay = open_window(camera, np.array([prop.x, kind.height / 2, prop.z], np.float32), kind.half, kind.height / 2)
    if clay is not None:
        kind.build(clay, Body(clay.view, prop.yaw, kind.height), np.random.default_rng(prop.seed))
    return clay


def screens_of(prop: Prop, camera: Camera) -> list[Screen]:
    """The parts of the picture that the thing covers."""
    screens = []
    for half, low, high in KINDS[prop.kind].hides:
        (left, top, depth), (right, bottom, _) = camera.project(
            [(prop.x - half, high, prop.z), (prop.x + half, low, prop.z)]
        ).tolist()
        screens.append(Screen(left, right, top, bottom, depth))
    return screens


def casts_of(prop: Prop) -> list[Cast]:
    """What of the thing throws a shadow."""
    casts: list[Cast] = [
        ((prop.x, y1, prop.z, r1), (prop.x, y2, prop.z, r2)) for y1, r1, y2, r2 in KINDS[prop.kind].bars
    ]
    if prop.kind == "tree":
        spread = np.random.default_rng(prop.seed).normal(0, 1, (26, 3)) * (0.85, 0.7, 0.85) + (prop.x, 4.2, prop.z)
        casts += [((x, y, z, 0.34), (x + 0.3, y, z + 0.2, 0.22)) for x, y, z in spread.tolist()]
    return casts


def _pick(random: Random, colours: tuple[tuple[int, int, int], ...]) -> Array:
    tint = np.exp(random.normal(0, 0.12)) * np.exp(random.normal(0, 0.03, 3))
    return np.asarray(linear(*colours[int(random.integers(len(colours)))]) * tint, np.float32)


def _tree(clay: Clay, body: Body, random: Random) -> None:
    bark, leaves = Material(plain(linear(92, 78, 64)), 1.5), _pick(random, LEAVES)
    clay.limb((body.at(0, 0), body.at(0, 0.55)), (0.16, 0.10), bark)
    for side in (-0.7, 0.6):
        clay.limb((body.at(0, 0.38), body.at(side, 0.62)), (0.08, 0.05), bark)
    for _ in range(90):
        way = random.normal(0, 1, 3)
        way *= random.uniform(0.55, 1.0) / np.linalg.norm(way)
        size, tone = random.uniform(0.22, 0.5), np.float32(np.exp(random.normal(0.25 * way[1] - 0.1, 0.22)))
        place = body.at(1.55 * way[0], 0.68 + 0.27 * way[1], 1.55 * way[2])
        clay.ellipsoid(place, body.axes(size, size * 0.75, size), Material(_leafy(random, leaves * tone), 2.2, _ragged))


def _ragged(places: Array) -> Mask:
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    return np.asarray(np.sin(17 * x + 9 * y) + np.sin(19 * y + 11 * z) + np.sin(16 * z - 12 * x) > -0.6)


def _leafy(random: Random, colour: Array) -> Paint:
    """Leaves: each small patch of a shape lighter or darker."""
    grain = np.exp(random.normal(0, 0.5, (64, 64, 1))).astype(np.float32)
    turn = random.uniform(-12, 12, (3, 2)).astype(np.float32)

    def paint(places: Array) -> Array:
        row, column = np.moveaxis((places @ turn).astype(np.int64) & 63, -1, 0)
        return np.asarray(colour * grain[row, column], np.float32)

    return paint


def _lamp(clay: Clay, body: Body, random: Random) -> None:
    metal = Material(plain(_pick(random, METAL)))
    clay.limb((body.at(0, 0), body.at(0, 0.2)), (0.09, 0.07), metal)
    clay.limb((body.at(0, 0.2), body.at(0, 0.95)), (0.06, 0.045), metal)
    globe = Material(plain(linear(250, 226, 180)), glow=5.0)
    for side in (-0.42, 0.42):
        clay.limb((body.at(0, 0.9), body.at(side, 0.9)), (0.03, 0.03), metal)
        clay.ellipsoid(body.at(side, 0.945), body.axes(0.17, 0.19, 0.17), globe)


def _bollard(clay: Clay, body: Body, random: Random) -> None:
    metal = Material(plain(_pick(random, METAL)))
    clay.limb((body.at(0, 0.03), body.at(0, 0.78)), (0.075, 0.06), metal)
    clay.ellipsoid(body.at(0, 0.88), body.axes(0.09, 0.09, 0.09), metal)


def _bin(clay: Clay, body: Body, random: Random) -> None:
    clay.box(body.at(0, 0.45), body.axes(0.26, 0.42, 0.22), Material(plain(_pick(random, METAL + LEAVES))))
    clay.box(body.at(0, 0.94), body.axes(0.29, 0.05, 0.25), Material(plain(linear(60, 62, 64))))


def _bench(clay: Clay, body: Body, random: Random) -> None:
    wood, metal = (
        Material(plain(_pick(random, ((126, 92, 62), (148, 116, 84), (104, 78, 60)))), 0.4),
        Material(plain(linear(50, 52, 54))),
    )
    for side in (-0.75, 0.75):
        clay.box(body.at(side, 0.26), body.axes(0.04, 0.21, 0.2), metal)
    for ahead in (-0.16, 0.0, 0.16):
        clay.box(body.at(0, 0.52, ahead), body.axes(0.9, 0.02, 0.065), wood)
    for up in (0.74, 0.92):
        clay.box(body.at(0, up, -0.25), body.axes(0.9, 0.055, 0.02), wood)


def _planter(clay: Clay, body: Body, random: Random) -> None:
    leaves = _pick(random, LEAVES)
    clay.box(body.at(0, 0.27), body.axes(0.7, 0.3, 0.7), Material(plain(linear(160, 154, 144)), 0.3))
    for _ in range(40):
        side, ahead = random.uniform(-0.58, 0.58, 2)
        tone = leaves * np.float32(np.exp(random.normal(0, 0.25)))
        bush = Material(_leafy(random, tone), 2.0, _ragged)
        clay.ellipsoid(body.at(side, random.uniform(0.52, 0.86), ahead), body.axes(0.17, 0.14, 0.17), bush)


def _car(clay: Clay, body: Body, random: Random) -> None:
    paint = Material(_coachwork(_pick(random, PAINTS)))
    for side in (-0.78, 0.78):
        for ahead in (-1.35, 1.35):
            clay.ellipsoid(body.at(side, 0.22, ahead), body.axes(0.11, 0.33, 0.33), Material(plain(linear(28, 28, 30))))
    clay.box(body.at(0, 0.42), body.axes(0.86, 0.29, 2.1), paint)
    clay.ellipsoid(body.at(0, 0.50), body.axes(0.92, 0.34, 2.35), paint)
    clay.ellipsoid(body.at(0, 0.62, -0.25), body.axes(0.80, 0.56, 1.45), Material(_cabin(_pick(random, PAINTS[:4]))))
    for side in (-0.62, 0.62):
        clay.ellipsoid(
            body.at(side, 0.5, -2.2),
            body.axes(0.15, 0.09, 0.12),
            Material(plain(linear(170, 24, 24)), glow=1.0),
        )
        clay.ellipsoid(
            body.at(side, 0.46, 2.2),
            body.axes(0.16, 0.1, 0.12),
            Material(plain(linear(250, 246, 230)), glow=3.0),
        )


def _coachwork(colour: Array) -> Paint:
    return lambda places: np.asarray(colour * (1 - 0.3 * (places[..., 1:2] < -0.3)), np.float32)


def _cabin(roof: Array) -> Paint:
    glass = linear(44, 52, 60)

    def paint(places: Array) -> Array:
        pillar = (places[..., 1] > 0.72) | (np.abs(np.abs(places[..., 2]) - 0.08) < 0.045)
        return np.where(pillar[..., None], roof, glass).astype(np.float32)

    return paint


def _bus(clay: Clay, body: Body, random: Random) -> None:
    clay.box(body.at(0, 0.54), body.axes(1.25, 1.36, 5.4), Material(_livery(_pick(random, PAINTS[4:]))))
    windows = Material(plain(linear(70, 62, 48)), keep=_windows, glow=14.0)
    clay.box(body.at(0, 0.54), body.axes(1.26, 1.37, 5.41), windows)
    for ahead in (-3.4, 3.6):
        for side in (-1.15, 1.15):
            clay.ellipsoid(body.at(side, 0.16, ahead), body.axes(0.16, 0.48, 0.48), Material(plain(linear(26, 26, 28))))


def _livery(colour: Array) -> Paint:
    stripe = np.array([0.7, 0.7, 0.7], np.float32)
    return lambda places: np.where(np.abs(places[..., 1:2] + 0.35) < 0.13, stripe, colour)


def _windows(places: Array) -> Mask:
    """A bus's windows: along its sides, and across its front and rear."""
    along = np.where(np.abs(places[..., 2]) > 0.999, places[..., 0] * 0.25, places[..., 2])
    pane = np.abs((along * 4.5) % 1 - 0.5) < 0.45
    return np.asarray((places[..., 1] > 0.05) & (places[..., 1] < 0.72) & pane)


def _board(clay: Clay, body: Body, random: Random) -> None:
    """An advertisement on two feet."""
    colours = [_pick(random, PAINTS + LEAVES) for _ in range(3)]
    cut, spot = random.uniform(-0.5, 0.5, 2)

    def paint(places: Array) -> Array:
        round_spot = (places[..., 0] - spot) ** 2 + (places[..., 1] * 1.4 - 0.2) ** 2 < 0.2
        below = np.where((places[..., 1] < cut)[..., None], colours[0], colours[1])
        return np.where(round_spot[..., None], colours[2], below).astype(np.float32)

    metal = Material(plain(linear(70, 72, 74)))
    clay.box(body.at(0, 0.56), body.axes(0.68, 0.98, 0.09), metal)
    clay.box(body.at(0, 0.56), body.axes(0.6, 0.88, 0.1), Material(paint, glow=1.6))
    for side in (-0.5, 0.5):
        clay.box(body.at(side, 0.06), body.axes(0.05, 0.15, 0.08), metal)


def _shelter(clay: Clay, body: Body, random: Random) -> None:
    """A bus shelter, open to its front."""
    frame = Material(plain(_pick(random, ((40, 90, 160), (70, 74, 78), (40, 80, 66)))))
    for side in (-2.6, -0.9, 0.9, 2.6):
        clay.box(body.at(side, 0.48, -0.6), body.axes(0.04, 1.2, 0.04), frame)
    for up in (0.12, 0.42, 0.80):
        clay.box(body.at(0, up, -0.6), body.axes(2.6, 0.03, 0.025), frame)
    clay.box(body.at(0, 0.19, -0.35), body.axes(1.9, 0.03, 0.18), Material(plain(linear(150, 120, 86))))
    clay.box(body.at(0, 0.975), body.axes(2.9, 0.05, 0.85), frame)
    clay.box(
        body.at(0, 0.93, 0.1),
        body.axes(2.4, 0.02, 0.06),
        Material(plain(linear(246, 240, 226)), glow=6.0),
    )
    _poster = Material(plain(_pick(random, PAINTS[4:] + LEAVES)), glow=1.4)
    clay.box(body.at(2.62, 0.47, 0), body.axes(0.05, 0.85, 0.55), _poster)


KINDS = {
    "tree": Kind(0.5, 2.5, 6.2, _tree, ((0.25, 0, 3.0), (2.0, 2.4, 6.2)), ((0, 0.18, 3.4, 0.12),)),
    "lamp": Kind(0.3, 0.7, 4.6, _lamp, ((0.12, 0, 4.4), (0.65, 3.9, 4.6)), ((0, 0.1, 4.2, 0.08),)),
    "bollard": Kind(0.25, 0.2, 0.95, _bollard, ((0.12, 0, 0.95),), ((0, 0.1, 0.8, 0.1),)),
    "bin": Kind(0.5, 0.5, 0.95, _bin, ((0.32, 0, 0.95),), ((0, 0.3, 0.9, 0.3),)),
    "bench": Kind(1.1, 1.2, 0.86, _bench, ((0.9, 0, 0.86),), ((0.3, 0.5, 0.5, 0.5),)),
    "planter": Kind(1.1, 1.1, 1.1, _planter, ((0.8, 0, 1.1),), ((0, 0.75, 0.8, 0.6),)),
    "car": Kind(2.5, 2.6, 1.4, _car, ((1.4, 0, 1.4),), ((0.1, 1.0, 1.2, 0.8),)),
    "bus": Kind(5.6, 6.2, 3.1, _bus, ((2.5, 0, 3.1),), ((0.1, 1.4, 2.9, 1.3),)),
    "board": Kind(0.8, 0.9, 2.4, _board, ((0.7, 0, 2.3),), ((0, 0.5, 2.2, 0.4),)),
    "shelter": Kind(0.0, 3.4, 2.6, _shelter, ((3.2, 2.3, 2.7),), ()),
}
