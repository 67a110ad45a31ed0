"""What a training step of a quarter-width student costs without a teacher, and with each part of the transfer.

    python benchmarks/transfer.py [--crop 400] [--steps 5]

Untrained networks, batches of one drawn crop, on the CPU; medians over the steps after two that warm up. Writes
benchmarks/results/transfer.json with the machine and the versions.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch

from distiller.augment import Augment, Crop
from distiller.config import SetConfig, TeacherConfig, TrainConfig
from distiller.folder import environment
from distiller.networks import build
from distiller.trainer import Trainer
from sdk.files import write_whole
from sdk.scenes import draw_scene
from sdk.timing import Stopwatch

RESULTS = Path(__file__).parent / "results"
WARM_UP = 2
LESSONS = {
    "no teacher": TeacherConfig(),
    "soft target": TeacherConfig(soft=1.0),
    "intra, pooled": TeacherConfig(intra=1.0, taps="pooled"),
    "intra and inter, pooled": TeacherConfig(intra=1.0, inter=1.0, taps="pooled"),
    "intra, full": TeacherConfig(intra=1.0),
    "intra and inter, full": TeacherConfig(intra=1.0, inter=1.0),
}


def step_ms(architecture: str, lesson: TeacherConfig, crop: int, steps: int) -> float:
    """Median milliseconds of a step."""
    sets = {"drawn": SetConfig("points", "drawn")}
    config = TrainConfig(architecture, 4, sets, teacher=lesson, augment=Augment(crop=crop), batch=1, device="cpu")
    scene = draw_scene(1, width=crop, height=crop, people=20)
    crops = [Crop(scene.photo, scene.points.astype(np.float32), "drawn")]
    torch.manual_seed(1)
    trainer = Trainer(config, build(architecture) if lesson.used else None)
    trainer.start(crops, None)
    watch, times = Stopwatch(), []
    for _ in range(WARM_UP + steps):
        watch.lap_ms()
        trainer.train_step(crops)
        times.append(watch.lap_ms())
    return median(times[WARM_UP:])


@click.command()
@click.option("--architecture", default="csrnet", show_default=True)
@click.option("--crop", default=400, show_default=True, help="Side in pixels.")
@click.option("--steps", type=click.IntRange(min=1), default=5, show_default=True)
def main(architecture: str, crop: int, steps: int) -> None:
    """Measure, print and write."""
    result: dict[str, Any] = {"architecture": architecture, "n": 4, "crop": crop, "steps": steps}
    result["milliseconds"] = {}
    for name, lesson in LESSONS.items():
        result["milliseconds"][name] = round(step_ms(architecture, lesson, crop, steps), 1)
        click.echo(f"{name:24} {result['milliseconds'][name]:8.1f} ms")
    result["environment"] = environment(torch.device("cpu"))
    RESULTS.mkdir(exist_ok=True)
    write_whole(RESULTS / "transfer.json", (json.dumps(result, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
