"""`skt-distill`: train and resume."""

from __future__ import annotations

from pathlib import Path

import click
import cv2

from distiller.trainer import TrainConfig, main_threads, run
from sdk.config import parse, read_yaml, with_overrides

RECIPES = Path(__file__).parent / "recipes"


@click.group()
def main() -> None:
    """Train counting networks."""


@main.command()
@click.option("--recipe", required=True, help="A shipped recipe's name, or a YAML file.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True)
@click.option("--weights", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting of the recipe.")
@click.option("--threads", type=int, default=0, help="0 uses every core.")
def train(recipe: str, data: Path, weights: Path, out: Path, settings: tuple[str, ...], threads: int) -> None:
    """Train, or go on with a run that was interrupted."""
    import torch

    path = Path(recipe) if recipe.endswith((".yaml", ".yml")) else RECIPES / f"{recipe}.yaml"
    config = parse(TrainConfig, with_overrides(read_yaml(path), settings))
    torch.set_num_threads(threads or main_threads())
    cv2.setNumThreads(1)
    run(config, out, data, weights)


if __name__ == "__main__":
    main()
