"""What each part of the transfer, and each objective, does for a student: the same network, photos, steps and seeds.

    python benchmarks/ablation.py transfer   --data DATASETS --weights WEIGHTS --teacher CHECKPOINT --out RUNS
    python benchmarks/ablation.py objectives --data DATASETS --weights WEIGHTS --out RUNS

Trains the tiny student on ShanghaiTech A from ImageNet weights, once for each way and seed, with `skt-distill train`;
interrupted, the same command goes on. Scores are of the averaged weights at the last step on the recipe's held-out
training photos. Writes benchmarks/results/ablation-NAME.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import torch

from distiller import checkpoint as store
from distiller.folder import environment
from distiller.objectives import OBJECTIVES
from sdk.files import write_whole
from sdk.package import Package

RESULTS = Path(__file__).parent / "results"
RECIPE = "googlenet-tiny"
SCORED = "shanghaitech-a"
SAME = (
    *("schedule=cosine", "batch=6", "augment.crop=256", "lr=0.0002", "empty=0.12"),
    *("sets.shanghaitech-a.weight=0.48", "sets.shanghaitech-b.weight=0.38"),
    *("sets.beijing-brt.weight=0.06", "sets.drawn.weight=0.08"),
)
SOFT, INTRA, INTER = ("teacher.soft=0.5", "teacher.soft_loss=poisson"), ("teacher.intra=10",), ("teacher.inter=50",)
POOLED, ALONE = ("teacher.taps=pooled",), ("teacher.soft=0",)
TRANSFER = {
    "no transfer": ALONE,
    "soft target": SOFT,
    "soft target, intra": (*SOFT, *INTRA, *POOLED),
    "soft target, inter": (*SOFT, *INTER, *POOLED),
    "soft target, intra, inter": (*SOFT, *INTRA, *INTER, *POOLED),
}
WAYS = {"transfer": TRANSFER, "objectives": {name: (*ALONE, f"objective={name}") for name in OBJECTIVES}}


@click.command()
@click.argument("name", type=click.Choice([*WAYS]))
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--weights", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--teacher", type=click.Path(path_type=Path, exists=True), help="For transfer: what to learn from.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs.")
@click.option("--steps", type=click.IntRange(min=1), default=300, show_default=True)
@click.option("--seed", "seeds", type=int, multiple=True, default=(1, 2), show_default=True, help="Repeat it for more.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
def main(
    name: str,
    data: Path,
    weights: Path,
    teacher: Path | None,
    out: Path,
    steps: int,
    seeds: tuple[int, ...],
    threads: int,
) -> None:
    """Train, and add the scores to the results after every run; other seeds of the same settings stay."""
    if name == "transfer" and teacher is None:
        raise click.UsageError("transfer needs --teacher CHECKPOINT")
    common = ["--recipe", RECIPE, "--data", str(data), "--weights", str(weights), "--threads", str(threads)]
    same = [*SAME, f"steps={steps}", f"validate_every={steps}"]
    about = {"recipe": RECIPE, "settings": same, "steps": steps, "scored": SCORED}
    about["teacher"] = None if teacher is None else told(teacher)
    for seed in seeds:
        for way, settings in WAYS[name].items():
            folder = out / f"{name}-{'-'.join(way.replace(',', '').split())}-{seed}"
            taught = [] if settings[:1] == ALONE else ["--teacher", str(teacher)]
            chosen = [part for s in (*same, *settings, f"seed={seed}") for part in ("--set", s)]
            scores = trained([*common, *taught, *chosen, "--out", str(folder)])
            click.echo(f"{way}, seed {seed}: MAE {scores['mae']:.1f}, bias {scores['bias']:+.1f}")
            add(RESULTS / f"ablation-{name}.json", about, WAYS[name], (way, seed), scores)


def add(
    path: Path, about: dict[str, Any], ways: dict[str, tuple[str, ...]], run: tuple[str, int], scores: dict[str, float]
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


def trained(arguments: list[str]) -> dict[str, float]:
    """Scores of a run's last step."""
    command = [sys.executable, "-m", "distiller.commands", "train", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    scores: dict[str, float] = json.loads(done.stdout)["validation"][SCORED]
    return scores


if __name__ == "__main__":
    main()
