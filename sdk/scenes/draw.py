"""Draw a scene: the stage, what stands on it from far to near, and the photo of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from sdk.errors import ConfigError
from sdk.scenes.camera import Array
from sdk.scenes.clay import Clay
from sdk.scenes.crowd import place_people, points_of
from sdk.scenes.develop import develop
from sdk.scenes.furnish import furnish
from sdk.scenes.light import Light, Random, noise
from sdk.scenes.people import Person, build_person
from sdk.scenes.props import KINDS, Prop, build_prop, casts_of, screens_of
from sdk.scenes.shadows import Cast, cast_shadows
from sdk.scenes.stage import Stage, paint_stage, set_stage
from sdk.scenes.style import Scene, SceneStyle, check_request

FINER = 2  # the picture is drawn this many times larger than the photo


def draw_scene(
    seed: int, *, width: int = 1024, height: int = 768, people: int = 200, style: SceneStyle | None = None
) -> Scene:
    """A photo of exactly `people` people, width x height pixels; the same seed and arguments give the same photo."""
    check_request(seed, width, height, people)
    style = style or SceneStyle()
    stage = set_stage(_random(seed, "stage"), (width * FINER, height * FINER), style)
    groups = float(_random(seed, "groups").uniform(*style.groups))
    props = furnish(_random(seed, "furniture"), stage)
    area = replace(stage.area, taken=tuple((prop.x, prop.z, KINDS[prop.kind].room) for prop in props))
    screens = [screen for prop in props for screen in screens_of(prop, stage.camera)]
    crowd = place_people(_random(seed, "people"), stage.camera, area, people, groups, screens)
    picture = _draw(seed, stage, props, crowd)
    small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    photo = develop(_random(seed, "photo"), small, stage.light.exposure, style)
    return Scene(photo, (points_of(crowd, stage.camera) / FINER).astype(np.float32))


def draw_empty(seed: int, *, width: int = 1024, height: int = 768, style: SceneStyle | None = None) -> Scene:
    """The scene of this seed with nobody in it."""
    return draw_scene(seed, width=width, height=height, people=0, style=style)


def _random(seed: int, purpose: str) -> Random:
    """Each purpose has its own chances, so that an empty scene is the full one without its people."""
    return np.random.default_rng([seed, *purpose.encode()])


def _draw(seed: int, stage: Stage, props: Sequence[Prop], crowd: Sequence[Person]) -> Array:
    """The light (h, w, 3) that the camera sees."""
    camera, light = stage.camera, stage.light
    casts = [cast for prop in props for cast in casts_of(prop)] + [_cast(person) for person in crowd]
    shadow = cast_shadows(camera, light, casts, camera.width / 900)
    picture = paint_stage(_random(seed, "ground"), stage, shadow)
    rumples = _rumples(_random(seed, "folds"))
    things: list[Prop | Person] = sorted([*props, *crowd], key=lambda thing: -thing.z)
    for thing in things:
        clay = build_person(thing, camera) if isinstance(thing, Person) else build_prop(thing, camera)
        if clay is not None:
            put(picture, clay, light, rumples[int(thing.z * 1000) % len(rumples)], camera.focal / clay.view.scale)
    return picture


def put(picture: Array, clay: Clay, light: Light, rumple: Array, distance: float) -> None:
    """Paste solids in the picture, seen through `distance` metres of air."""
    if not clay.mask.any():
        return
    scale = clay.view.scale
    side = int(max(clay.width, clay.height) / scale * 80) + 2  # the folds' pattern has 80 pixels a metre
    piece = rumple[: min(side, 512), : min(side, 512)]
    folds = cv2.resize(piece, (max(clay.width, clay.height),) * 2, interpolation=cv2.INTER_LINEAR)
    shaded = clay.render(light, np.asarray(folds[: clay.height, : clay.width], np.float32))
    seen = light.air(shaded, np.full((1, 1), distance, np.float32))
    part = picture[clay.top : clay.top + clay.height, clay.left : clay.left + clay.width]
    np.copyto(part, seen, where=clay.mask[..., None] > 0)


def _rumples(random: Random) -> list[Array]:
    """Patterns of folds (512, 512, 2): how much cloth tilts to the side and up."""
    heights = [noise(random, 512, 512, 22, 3) for _ in range(3)]
    return [1.5 * np.stack([np.gradient(height, axis=1), np.gradient(height, axis=0)], -1) for height in heights]


def _cast(person: Person) -> Cast:
    height = person.looks.height
    return (person.x, 0.0, person.z, 0.2), (person.x, height * 0.93, person.z, 0.13)


def save_scenes(folder: Path, scenes: Sequence[Scene], *, names: Sequence[str] = (), quality: int = 92) -> None:
    """Write each photo as NAME.jpg, and points.csv: photo, x, y; a photo without people has one row, `NAME.jpg,,`."""
    names = names or [f"scene_{index:03d}" for index in range(len(scenes))]
    if len(names) != len(scenes):
        raise ConfigError(f"{len(names)} names for {len(scenes)} scenes, expected one each")
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["photo,x,y"]
    for name, scene in zip(names, scenes, strict=True):
        _, data = cv2.imencode(".jpg", scene.photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
        (folder / f"{name}.jpg").write_bytes(data.tobytes())
        lines += [f"{name}.jpg,{x:.2f},{y:.2f}" for x, y in scene.points.tolist()] or [f"{name}.jpg,,"]
    (folder / "points.csv").write_text("\n".join(lines) + "\n", "utf-8")
