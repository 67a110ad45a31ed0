"""Drawn photos to calibrate on, and a table made up for tests of its file."""

from __future__ import annotations

from exporters.calibration_photos import Shot, shot_of_image
from exporters.calibration_table import CalibrationPhoto, CalibrationTable
from exporters.render import VARIANTS, is_int8
from exporters.tell import Tell
from sdk.commands.common import Progress
from sdk.scenes import draw_scene

FLOATS = tuple(variant for variant in VARIANTS if not is_int8(variant))
CROWDS = (0, 15, 60, 150, 300)


def quiet_tell() -> Tell:
    """Says nothing; its bars show nothing where stderr is no terminal."""
    return Tell(lambda _: None, Progress)


def drawn_shots(people: tuple[int, ...] = CROWDS, seed: int = 40) -> list[Shot]:
    """Labelled scenes in memory, of 240 x 160 pixels."""
    scenes = [draw_scene(seed + at, width=240, height=160, people=n) for at, n in enumerate(people)]
    return [
        shot_of_image(f"drawn {seed + at}", scene.photo, people=float(len(scene.points)), true=len(scene.points))
        for at, scene in enumerate(scenes)
    ]


def made_up_table(**changes: object) -> CalibrationTable:
    """A table of no real model."""
    photos = (CalibrationPhoto("a.jpg", "a" * 64, 0.25), CalibrationPhoto("b.jpg", "b" * 64, 612.0))
    known = {
        "version": "c" * 12,
        "master": "c" * 64,
        "method": "minmax",
        "ranges": {"relu_1": (0.0, 6.5), "conv_2": (-1.25, 3.0)},
        "photos": photos,
        "corrections": {"cpu": {"head.bias": (0.5, -0.25)}},
    }
    return CalibrationTable(**{**known, **changes})  # type: ignore[arg-type]
