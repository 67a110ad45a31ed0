"""Which furniture stands where in a scene."""

from __future__ import annotations

import math

from sdk.scenes.light import Random
from sdk.scenes.props import Prop
from sdk.scenes.stage import Stage

Place = tuple[str, float, float, float]  # kind, x, z, yaw
QUARTER = math.pi / 2
CLEAR = {"tree": 9.0, "lamp": 4.0, "bus": 6.0, "car": 4.0}  # metres kept free before the nearest people


def furnish(random: Random, stage: Stage) -> list[Prop]:
    """The stage's furniture; none stands between the camera and its nearest people."""
    places = {"plaza": _plaza, "street": _street, "stop": _stop, "park": _park}[stage.kind](random, stage)
    near = stage.area.near
    return [Prop(*place, int(random.integers(2**31))) for place in places if place[2] > near + CLEAR.get(place[0], 1.5)]


def _plaza(random: Random, stage: Stage) -> list[Place]:
    near, far, half = stage.area.near, stage.far, stage.half
    places: list[Place] = []
    step = float(random.uniform(6, 9))
    for index in range(int(2 * half / step)):
        x = -half + 2 + index * step + float(random.normal(0, 0.4))
        places.append(("tree" if random.random() < 0.75 else "lamp", x, far - 3.2, 0.0))
        places.append(
            (str(random.choice(["bench", "planter", "bollard", "bin", "board"])), x + step / 2, far - 3.6, math.pi)
        )
    for _ in range(int(random.integers(3, 8))):
        kind = str(random.choice(["lamp", "bench", "planter", "board", "bin", "bollard"]))
        x = float(random.uniform(-0.5, 0.5)) * far
        places.append((kind, x, float(random.uniform(near + 6, far - 5)), float(random.uniform(-0.4, 0.4)) + math.pi))
    return places


def _street(random: Random, stage: Stage) -> list[Place]:
    places: list[Place] = []
    step, first = float(random.uniform(7, 11)), float(random.uniform(6, 12))
    kinds = ["tree", "lamp"] if random.random() < 0.7 else ["lamp", "planter"]
    for side in (-1, 1):
        kerb = side * (stage.road[1] + 0.8)
        for index in range(int(60 / step)):
            z = first + index * step
            places.append((kinds[index % 2], kerb, z, QUARTER))
            places += [("bollard", kerb - side * 0.2, z + step * share, 0.0) for share in (0.3, 0.5, 0.7)]
            if random.random() < 0.4:
                kind = str(random.choice(["bench", "bin", "board"]))
                places.append((kind, side * (stage.half - 1.0), z + 2, -side * QUARTER))
    for z in range(int(stage.area.far) - 6, int(stage.far), 7):
        side = int(random.choice([-1, 1]))
        if random.random() < 0.75:
            places.append(("car", side * 1.6, z + float(random.uniform(-1, 1)), 0.0 if side > 0 else math.pi))
    return places


def _stop(random: Random, stage: Stage) -> list[Place]:
    near = stage.area.near
    places: list[Place] = [("bus", stage.road[1] - 2.0, near + float(random.uniform(13, 20)), 0.0)]
    shelter = near + float(random.uniform(6, 9))
    places += [("shelter", 6.6, shelter, -QUARTER), ("shelter", 6.6, shelter + 8.5, -QUARTER)]
    places += [("bollard", -2.05, near + 2 + 1.8 * index, 0.0) for index in range(12)]
    places += [("board", 5.6, shelter + 4.2, math.pi), ("bin", 5.4, shelter - 3.3, math.pi)]
    places += [(kind, 8.5, shelter + 6 * index, 0.0) for index, kind in enumerate(("tree", "lamp", "tree", "lamp"))]
    for _ in range(int(random.integers(1, 4))):
        places.append(("car", stage.road[0] + 3.0, near + float(random.uniform(10, 40)), math.pi))
    return places


def _park(random: Random, stage: Stage) -> list[Place]:
    near, far = stage.area.near, stage.far
    places: list[Place] = [("tree", float(x) + float(random.normal(0, 0.8)), far + float(random.uniform(0, 8)), 0.0)
                           for x in range(-int(far * 0.7), int(far * 0.7), 3)]  # fmt: skip
    for _ in range(int(random.integers(3, 8))):
        side = int(random.choice([-1, 1]))
        kind = str(random.choice(["tree", "tree", "bench", "lamp", "bin", "planter"]))
        z = float(random.uniform(near + 4, far))
        places.append((kind, side * (5.5 + float(random.uniform(0, 0.3 * z))), z, -side * QUARTER))
    return places
