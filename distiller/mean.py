"""The mean of several checkpoints' weights: of trainings that went on from the same one, often better than each.

Wortsman et al., ICML 2022, arXiv 2203.05482. It costs a device nothing, as one network is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from distiller import checkpoint as store
from distiller.packaged import load_start
from sdk.errors import ConfigError

FEWEST = 2


def write_mean(starts: Sequence[Path], out: Path, parts: Sequence[float] = ()) -> None:
    """Write a checkpoint of the mean weights of checkpoints or packages; the facts are those of the last.

    parts: how much of each, above 0, in any unit; alike where there are none. Raises ConfigError for fewer than two
    checkpoints, for parts that do not fit them, for different networks, and for batch normalisation, whose statistics
    have no mean that fits the mean weights.
    """
    if len(starts) < FEWEST:
        raise ConfigError(f"{len(starts)} checkpoint to take the mean of, expected {FEWEST} or more")
    shares = _shares(parts, len(starts))
    saved = [load_start(path) for path in starts]
    held = [store.architecture_of(one) for one in saved]
    for path, one in zip(starts, held, strict=True):
        if one != held[0]:
            raise ConfigError(f"{path} holds {one} and {starts[0]} {held[0]}, expected the same network")
        if one.batch_norm:
            hint = "train it further without: skt-distill train --start"
            raise ConfigError(f"{path} holds {one}, whose statistics have no mean", hint=hint)
    states = [store.network_of(one).state_dict() for one in saved]
    mean = {
        f"model.{name}": torch.stack([share * state[name] for share, state in zip(shares, states, strict=True)]).sum(0)
        for name in states[0]
    }
    steps = [one.facts.get("step", 0) for one in saved]
    store.save(out, store.Checkpoint(mean, {**saved[-1].facts, "mean_of_steps": steps, "mean_parts": shares}))


def _shares(parts: Sequence[float], checkpoints: int) -> list[float]:
    """Each checkpoint's share, which sum to 1."""
    parts = list(parts) or [1.0] * checkpoints
    if len(parts) != checkpoints:
        raise ConfigError(f"{len(parts)} --part for {checkpoints} checkpoints, expected one for each, or none")
    if wrong := [part for part in parts if not 0 < part < math.inf]:
        raise ConfigError(f"--part is {wrong[0]:g}, expected more than 0")
    return [part / sum(parts) for part in parts]
