"""Training on anybody's own labelled photos: one file of points, without a recipe's sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from distiller.config import SetConfig, TrainConfig, read_config
from sdk.datasets import Sample, read_dataset

RECIPE = "own-points"  # where nobody names one
SET = "own"
ONE_IN = 5  # photos is held out


def own_config(recipe: str, settings: Iterable[str], points: Path) -> TrainConfig:
    """The recipe's config with the file's photos as its only set; one in five is held out, by name, as the file says.

    The held-out photos are spread over the numbers of people.
    """
    samples = read_dataset("points", points)
    own = SetConfig("points", points.name, validation=held_out(samples))
    return replace(read_config(recipe, settings), sets={SET: own})


def held_out(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Names of one photo in five, from each stretch of the photos in order of their people; of fewer than five none."""
    ordered = sorted(samples, key=lambda sample: len(sample.points))
    return tuple(sorted(sample.name for sample in ordered[ONE_IN // 2 :: ONE_IN])) if len(ordered) >= ONE_IN else ()
