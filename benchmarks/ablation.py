"""What each part of the transfer, and each objective, does for a student: the same network, photos, steps and seeds.

    python benchmarks/ablation.py transfer   --data DATASETS --start PACKAGE --teacher PACKAGE --out RUNS
    python benchmarks/ablation.py objectives --data DATASETS --weights WEIGHTS --out RUNS

Trains the tiny student, ShanghaiTech A first, from ImageNet weights or another student's front end, once for each way
and seed, with `skt-distill train`; interrupted, the same command goes on. Counts A's photos with the averaged weights
of the last step, the held-out ones and, as 30 photos tell little, those trained on. Writes
benchmarks/results/ablation-NAME.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from distiller import checkpoint as store
from distiller.data import read_photo, read_sets
from distiller.evaluation import config_of
from distiller.folder import LAST, environment
from distiller.objectives import OBJECTIVES
from distiller.validation import count_photo
from sdk.files import write_whole
from sdk.package import Package

RESULTS = Path(__file__).parent / "results"
RECIPE = "googlenet-tiny"
SCORED = "shanghaitech-a"
SAME = ("schedule=cosine", "batch=4", "augment.crop=256")
SOFT, INTRA, INTER = ("teacher.soft=0.5", "teacher.soft_loss=poisson"), ("teacher.intra=50",), ("teacher.inter=250",)
POOLED, ALONE = ("teacher.taps=pooled",), ("teacher.soft=0",)
TRANSFER = {
    "no transfer": ALONE,
    "soft target": SOFT,
    "soft target, intra": (*SOFT, *INTRA, *POOLED),
    "soft target, inter": (*SOFT, *INTER, *POOLED),
    "soft target, intra, inter": (*SOFT, *INTRA, *INTER, *POOLED),
}
Errors = dict[str, list[float]]  # counted less true people, of each photo
WAYS = {"transfer": TRANSFER, "objectives": {name: (*ALONE, f"objective={name}") for name in OBJECTIVES}}


@click.command()
@click.argument("name", type=click.Choice([*WAYS]))
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--weights", type=click.Path(path_type=Path, exists=True, file_okay=False), help="ImageNet weights.")
@click.option("--start", type=click.Path(path_type=Path, exists=True), help="Instead: whose front end to take.")
@click.option("--teacher", type=click.Path(path_type=Path, exists=True), help="For transfer: what to learn from.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs.")
@click.option("--steps", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--seed", "seeds", type=int, multiple=True, default=(1, 2), show_default=True, help="Repeat it for more.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
def main(
    name: str,
    data: Path,
    weights: Path | None,
    start: Path | None,
    teacher: Path | None,
    out: Path,
    steps: int,
    seeds: tuple[int, ...],
    threads: int,
) -> None:
    """Train, and add the errors to the results after every run; other seeds of the same settings stay."""
    if name == "transfer" and teacher is None:
        raise click.UsageError("transfer needs --teacher CHECKPOINT")
    if (weights is None) == (start is None):
        raise click.UsageError("give either --weights FOLDER or --start CHECKPOINT")
    begin = ["--weights", str(weights)] if start is None else ["--start", str(start)]
    common = ["--recipe", RECIPE, "--data", str(data), *begin, "--threads", str(threads)]
    same = [*SAME, f"steps={steps}", f"validate_every={steps}"]
    about = {"recipe": RECIPE, "settings": same, "steps": steps, "scored": SCORED}
    about["start"] = "ImageNet" if start is None else told(start)
    about["teacher"] = None if teacher is None else told(teacher)
    for seed in seeds:
        for way, settings in WAYS[name].items():
            folder = out / f"{name}-{'-'.join(way.replace(',', '').split())}-{seed}"
            taught = [] if settings[:1] == ALONE else ["--teacher", str(teacher)]
            chosen = [part for s in (*same, *settings, f"seed={seed}") for part in ("--set", s)]
            train([*common, *taught, *chosen, "--out", str(folder)])
            scores = scored(folder / LAST, data)
            told_errors = (f"{part} {np.abs(errors).mean():.1f}" for part, errors in scores.items())
            click.echo(f"{way}, seed {seed}: MAE {', '.join(told_errors)}")
            add(RESULTS / f"ablation-{name}.json", about, WAYS[name], (way, seed), scores)


def add(
    path: Path, about: dict[str, Any], ways: dict[str, tuple[str, ...]], run: tuple[str, int], scores: Errors
) -> None:
    """A run's scores among those of the same settings; results of others are replaced."""
    result: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if any(result.get(key) != value for key, value in about.items()):
        fresh = {way: {"settings": list(settings), "seeds": {}} for way, settings in ways.items()}
        result = {**about, "environment": environment(torch.device("cpu")), "ways": fresh}
    way, seed = run
    result["ways"][way]["seeds"][str(seed)] = scores
    write_whole(path, (json.dumps(result, indent=1) + "\n").encode())


def told(teacher: Path) -> str:
    """A package by name and version, a checkpoint by its architecture and step."""
    if teacher.suffix == ".skt":
        with Package.open(teacher) as package:
            return f"{package.manifest.name} {package.manifest.version}"
    checkpoint = store.load(teacher)
    return f"{store.architecture_of(checkpoint)} at step {checkpoint.facts['step']}"


def train(arguments: list[str]) -> None:
    """Train, or go on, or find it done."""
    subprocess.run([sys.executable, "-m", "distiller.commands", "train", *arguments], check=True)


def scored(checkpoint: Path, data: Path) -> Errors:
    """Counted less true people of each photo of the scored set, held out and trained on."""
    saved = store.load(checkpoint)
    network = store.network_of(saved)
    (photos,) = (one for one in read_sets(config_of(saved), data) if one.name == SCORED)
    parts = {"held out": photos.validation, "trained on": photos.training}
    return {
        part: [round(count_photo(network, read_photo(one.photo)) - len(one.points), 1) for one in samples]
        for part, samples in parts.items()
    }


if __name__ == "__main__":
    main()
