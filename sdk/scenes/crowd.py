"""Where people stand: all over the ground in view, some in groups, each head seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sdk.scenes.camera import Array, Camera
from sdk.scenes.light import Random
from sdk.scenes.looks import choose_looks
from sdk.scenes.people import HEAD, Person

SPACE = 0.62  # metres between two people who do not know each other
TRIES = 40  # places tried for somebody before people stand closer


@dataclass(frozen=True)
class Area:
    """The ground that people may stand on, in metres."""

    near: float  # z
    far: float  # z
    left: float  # x
    right: float  # x
    taken: tuple[tuple[float, float, float], ...] = ()  # x, z and radius of what stands there already


@dataclass(frozen=True)
class Screen:
    """A part of the picture that something nearer than `depth` metres covers."""

    left: float
    right: float
    top: float
    bottom: float
    depth: float


def place_people(
    random: Random, camera: Camera, area: Area, people: int, groups: float, screens: Sequence[Screen]
) -> list[Person]:
    """Exactly `people` persons, far to near, their heads inside the photo and none of them hidden."""
    crowd = _Crowd(camera, people)
    warm, space, failed = float(random.uniform(0, 1)), SPACE, 0
    while len(crowd.people) < people:
        person = _somebody(random, camera, area, crowd.people, (groups, warm, space))
        if _free(person, area) and crowd.fits(person, space) and _shown(person, camera, screens):
            crowd.add(person)
            failed = 0
        elif (failed := failed + 1) >= TRIES:
            space, failed = space * 0.94, 0
    return sorted(crowd.people, key=lambda person: -person.z)


class _Crowd:
    """The people placed so far, on the ground and in the picture."""

    def __init__(self, camera: Camera, people: int) -> None:
        self.camera = camera
        self.people: list[Person] = []
        self.ground = np.full((people + 1, 2), np.inf)  # x, z
        self.heads = np.zeros((people + 1, 3))  # picture x, picture y, pixels per metre

    def add(self, person: Person) -> None:
        index = len(self.people)
        self.people.append(person)
        self.ground[index] = person.x, person.z
        self.heads[index] = _head(person, self.camera)

    def fits(self, person: Person, space: float) -> bool:
        """Nobody stands closer than `space` metres, and no head hides another."""
        count, (u, v, scale) = len(self.people), _head(person, self.camera)
        away = np.hypot(*(self.ground[:count] - (person.x, person.z)).T)
        if (away < space * 0.9).any():
            return False
        across, down, others = self.heads[:count, 0] - u, self.heads[:count, 1] - v, self.heads[:count, 2]
        nearest = np.maximum(others, scale)
        drop = np.where(others > scale, down, -down)  # how far below the farther head the nearer one is
        slack = min(space / SPACE, 1.0)
        return not ((np.abs(across) < 0.22 * slack * nearest) & (drop < 0.17 * slack * nearest)).any()


def _head(person: Person, camera: Camera) -> tuple[float, float, float]:
    (u, v, depth) = camera.project([person.head()])[0]
    return float(u), float(v), camera.focal / float(depth)


def _somebody(
    random: Random, camera: Camera, area: Area, people: Sequence[Person], habits: tuple[float, float, float]
) -> Person:
    groups, warm, space = habits
    looks = choose_looks(random, warm)
    if people and random.random() < groups:
        friend = people[int(random.integers(len(people)))]
        angle, away = random.uniform(0, 2 * math.pi), space * random.uniform(0.95, 1.5)
        x, z = friend.x + away * math.cos(angle), friend.z + away * math.sin(angle)
        return Person(x, z, friend.yaw + float(random.normal(0, 0.5)), looks)
    x, z = _spot(random, camera, area)
    return Person(x, z, float(random.uniform(0, 2 * math.pi)), looks)


def _spot(random: Random, camera: Camera, area: Area) -> tuple[float, float]:
    """A place all over the part of the area that the camera sees: even on the ground."""
    slope = camera.width / 2 / camera.focal
    farthest = slope * (area.far + camera.altitude)
    widest = min(area.right, farthest) - max(area.left, -farthest)
    while True:
        z = random.uniform(area.near, area.far)
        half = slope * (z * math.cos(camera.tilt) + camera.altitude * math.sin(camera.tilt))
        left, right = max(area.left, -half), min(area.right, half)
        if right > left and random.random() < (right - left) / widest:
            return float(random.uniform(left, right)), float(z)


def _free(person: Person, area: Area) -> bool:
    inside = area.left <= person.x <= area.right and area.near <= person.z <= area.far
    return inside and all(math.hypot(person.x - x, person.z - z) > radius + 0.3 for x, z, radius in area.taken)


def _shown(person: Person, camera: Camera, screens: Sequence[Screen]) -> bool:
    """The head is in the photo, and nothing nearer covers it."""
    u, v, depth = camera.project([person.head()])[0]
    edge = 0.12 * camera.focal / depth
    if any(
        screen.depth < depth + 0.3
        and screen.left - edge < u < screen.right + edge
        and screen.top - edge < v < screen.bottom + edge
        for screen in screens
    ):
        return False
    margin = 0.05 * camera.focal / depth
    (u, v) = points_of([person], camera)[0]
    return bool(margin < u < camera.width - margin and margin < v < camera.height - margin)


def heads_in_view(camera: Camera) -> tuple[float, float]:
    """Z at which a grown-up's head is at the photo's lower edge, and at its upper edge (inf above the horizon)."""
    lower = replace(camera, altitude=camera.altitude - 1.75 * HEAD)
    return max(lower.ground_z(camera.height), 0.5), lower.ground_z(0)


def points_of(people: Sequence[Person], camera: Camera) -> Array:
    """(n, 2) x and y of the heads' centres in the picture, pixels."""
    places = [camera.look_at(person.middle()).pixel(person.head() - person.middle()) for person in people]
    return np.asarray(places, np.float32).reshape(-1, 2)
