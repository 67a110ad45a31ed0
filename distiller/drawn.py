"""A labelled training set of drawn scenes: empty and crowded, by day and by night.

    python -m distiller.drawn DATASETS/drawn --scenes 96

Photos of empty places are missing from the published sets; this one has them. Its seeds begin at FIRST_SEED, so that
no test and no sample photo shows one of its scenes.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from sdk.commands.common import Progress, friendly
from sdk.scenes import Scene, draw_scene, save_scenes

FIRST_SEED = 100_000
EMPTY = 0.3  # part of the scenes without people
FEWEST, MOST = 2, 400  # people in the others, drawn log-uniformly


def training_scene(index: int) -> Scene:
    """The scene of that number in the set."""
    rng = np.random.default_rng([FIRST_SEED, index])
    crowded = int(np.exp(rng.uniform(np.log(FEWEST), np.log(MOST))))
    people = 0 if rng.random() < EMPTY else crowded
    width, height = ((1024, 768), (768, 576), (864, 576))[int(rng.integers(3))]
    return draw_scene(FIRST_SEED + index, width=width, height=height, people=people)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--scenes", type=click.IntRange(min=1), default=96, show_default=True)
@friendly
def main(folder: Path, scenes: int) -> None:
    """Draw the set into FOLDER: photos and points.csv, as the data set reader `points` takes them."""
    progress = Progress(scenes, "scenes")
    drawn = []
    for index in range(scenes):
        drawn.append(training_scene(index))
        progress.advance()
    progress.clear()
    save_scenes(folder, drawn)


if __name__ == "__main__":
    main()
