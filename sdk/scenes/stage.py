"""What a scene is set on: its camera, light, ground, houses, and the room that people have."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sdk.errors import ConfigError
from sdk.scenes.backdrop import draw_hedge, draw_row, draw_sky
from sdk.scenes.camera import Array, Camera
from sdk.scenes.crowd import Area, heads_in_view
from sdk.scenes.ground import lay_ground, light_ground
from sdk.scenes.light import Light, Random, choose_light
from sdk.scenes.style import BACKGROUNDS, LIGHTS, SceneStyle

NO_ROAD = (1.0, -1.0)


@dataclass(frozen=True)
class Stage:
    """A place before anything stands on it."""

    kind: str  # one of BACKGROUNDS
    camera: Camera  # of the picture as drawn, larger than the photo
    light: Light
    area: Area  # where people may stand
    half: float  # metres from the middle to the houses on each side
    far: float  # z of the houses at the end
    road: tuple[float, float]  # x of the asphalt's sides


def set_stage(random: Random, size: tuple[int, int], style: SceneStyle) -> Stage:
    """A stage for a picture of `size` (width, height) pixels."""
    kind = style.background if style.background != "any" else str(random.choice(BACKGROUNDS))
    chance = [0.4, 0.35, 0.17, 0.08]
    light = choose_light(random, style.light if style.light != "any" else str(random.choice(LIGHTS, p=chance)))
    width, height = size
    focal = width / 2 / math.tan(math.radians(random.uniform(*style.view) / 2))
    tilt = math.radians(random.uniform(*style.tilt))
    camera = Camera(width, height, float(random.uniform(*style.camera_height)), tilt, focal)
    reach = float(random.uniform(*style.reach))
    half = {"plaza": 32.0, "street": 9.5, "stop": 12.0, "park": 45.0}[kind] * float(random.uniform(0.85, 1.2))
    nearest, farthest = heads_in_view(camera)
    near = max(nearest, 2.0)
    if farthest < near + 3:
        raise ConfigError(
            f"a camera {camera.altitude:.1f} m high and tilted {math.degrees(tilt):.0f} degrees"
            f" sees heads only nearer than {farthest:.1f} m",
            hint="raise camera_height, tilt less or widen the view",
        )
    reach = min(max(reach, near + 6), farthest)
    far = reach + {"plaza": 7.0, "street": 45.0, "stop": 30.0, "park": 25.0}[kind] * float(random.uniform(0.8, 1.3))
    road = {"street": (-3.4, 3.4), "stop": (-half, -2.2)}.get(kind, NO_ROAD)
    sides = {"stop": (-1.9, 5.2)}.get(kind, (0.6 - half, half - 0.6))
    return Stage(kind, camera, light, Area(near, reach, *sides), half, far, road)


def paint_stage(random: Random, stage: Stage, shadow: Array) -> Array:
    """Sky, ground and houses in their light (h, w, 3); `shadow` (h, w, 2) as `light_ground` takes it."""
    camera, light = stage.camera, stage.light
    picture = draw_sky(random, camera, light)
    ground = lay_ground(random, camera, stage.kind, stage.road)
    _, depth = camera.rows()
    rows = np.isfinite(depth) & (depth < 400)
    picture[rows] = light.air(light_ground(ground[rows], light, shadow[rows]), depth[rows, None])
    draw = draw_hedge if stage.kind == "park" else draw_row
    for ends in _rows(stage):
        draw(random, picture, camera, light, np.array(ends))
    return picture


def _rows(stage: Stage) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Rows of houses as (x, z) ends, left to right as seen."""
    half, far = stage.half, stage.far
    back = ((-half - 12, far), (half + 12, far))
    if stage.kind == "park":
        return [((-far, far + 9), (far, far + 9))]
    return [back, ((-half, 4.0), (-half, far)), ((half, far), (half, 4.0))]
