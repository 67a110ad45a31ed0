"""A checkpoint's scores on the photos that its run held out."""

from __future__ import annotations

from pathlib import Path

from distiller.checkpoint import Checkpoint, network_of
from distiller.config import TrainConfig
from distiller.data import read_sets
from distiller.device import choose_device
from distiller.validation import Scores, validate_sets
from sdk.config import parse
from sdk.errors import ArtifactError, ConfigError


def config_of(checkpoint: Checkpoint) -> TrainConfig:
    """The config that the checkpoint was trained with."""
    try:
        return parse(TrainConfig, checkpoint.facts["config"])
    except (KeyError, TypeError, ConfigError) as error:
        raise ArtifactError(f"the checkpoint's config cannot be read: {error}") from error


def evaluate_checkpoint(checkpoint: Checkpoint, data: Path) -> dict[str, Scores]:
    """Validation scores of each set with held-out photos, in full precision."""
    config = config_of(checkpoint)
    network = network_of(checkpoint).to(choose_device("auto"))
    scores = validate_sets(network, read_sets(config, data))
    if not scores:
        hint = "score a package with skt-eval instead"
        raise ConfigError("no set of the checkpoint's config holds photos out", hint=hint)
    return scores


def score_lines(scores: dict[str, Scores]) -> list[str]:
    """A table for people."""
    if not scores:
        return []
    width = max(len(name) for name in (*scores, "set"))
    lines = [f"{'set':{width}}  photos      MAE     RMSE     bias"]
    for name, score in scores.items():
        numbers = f"{score['photos']:6.0f} {score['mae']:8.2f} {score['rmse']:8.2f} {score['bias']:+8.2f}"
        lines.append(f"{name:{width}}  {numbers}")
    return lines
