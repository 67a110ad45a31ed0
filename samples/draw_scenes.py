"""Draw the sample photos, with their true counts: `python samples/draw_scenes.py [FOLDER]`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from sdk.scenes import SceneStyle, draw_scene, save_scenes

CLEAN = SceneStyle(blur=(0.45, 0.45), noise=(0.006, 0.006), quality=(92.0, 92.0))
PLAZA = replace(CLEAN, background="plaza", light="day", camera_height=(6.0, 6.5), tilt=(13.0, 13.0), view=(54.0, 54.0))
STREET = replace(CLEAN, background="street", light="day", camera_height=(5.0, 5.0), tilt=(11.0, 11.0))
BUS_STOP = replace(CLEAN, background="stop", light="evening", camera_height=(4.0, 4.0), tilt=(13.0, 13.0))
SCENES = {"plaza": (4, 420, PLAZA), "street": (2, 60, STREET), "bus_stop": (2, 15, BUS_STOP)}  # seed, people, style


def draw_samples(folder: Path) -> None:
    """Write each sample photo, all head points (points.csv) and the true counts (counts.json)."""
    scenes = [
        draw_scene(seed, width=1152, height=768, people=people, style=style) for seed, people, style in SCENES.values()
    ]
    save_scenes(folder, scenes, names=list(SCENES), quality=90)
    counts = {f"{name}.jpg": len(scene.points) for name, scene in zip(SCENES, scenes, strict=True)}
    (folder / "counts.json").write_text(json.dumps(counts, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    draw_samples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "photos")
