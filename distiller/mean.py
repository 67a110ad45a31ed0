"""The mean of several checkpoints' weights: of trainings that went on from the same one, often better than each.

Wortsman et al., ICML 2022, arXiv 2203.05482. It costs a device nothing, as one network is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from distiller import checkpoint as store
from distiller.packaged import load_start
from sdk.errors import ConfigError

FEWEST = 2


def write_mean(starts: Sequence[Path], out: Path) -> None:
    """Write a checkpoint of the mean weights of checkpoints or packages; the facts are those of the last.

    Raises ConfigError for fewer than two, for different networks, and for batch normalisation, whose statistics have no
    mean that fits the mean weights.
    """
    if len(starts) < FEWEST:
        raise ConfigError(f"{len(starts)} checkpoint to take the mean of, expected {FEWEST} or more")
    saved = [load_start(path) for path in starts]
    held = [store.architecture_of(one) for one in saved]
    for path, one in zip(starts, held, strict=True):
        if one != held[0]:
            raise ConfigError(f"{path} holds {one} and {starts[0]} {held[0]}, expected the same network")
        if one.batch_norm:
            hint = "train it further without: skt-distill train --start"
            raise ConfigError(f"{path} holds {one}, whose statistics have no mean", hint=hint)
    states = [store.network_of(one).state_dict() for one in saved]
    mean = {f"model.{name}": torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    steps = [one.facts.get("step", 0) for one in saved]
    store.save(out, store.Checkpoint(mean, {**saved[-1].facts, "mean_of_steps": steps}))
