"""A training run from its config to its last checkpoint."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from distiller import checkpoint as store
from distiller.augment import Crop
from distiller.config import TrainConfig
from distiller.data import CropStream, LabelledSet, read_sets
from distiller.events import EventLog
from distiller.folder import BEFORE_DECAY, LAST, RunFolder
from distiller.networks import count_macs, count_parameters
from distiller.packaged import load_start
from distiller.parallel import process_group, ranks_of_environment
from distiller.pretrained import check_encoder
from distiller.progress import ProgressLine
from distiller.schedule import learning_rate
from distiller.steps import is_due, take_steps
from distiller.teacher import load_teacher
from distiller.trainer import Trainer
from distiller.validation import Scores, validate_sets
from sdk.config import to_plain
from sdk.errors import ConfigError
from sdk.timing import Stopwatch

FIRST_CROPS = 16  # on which a fresh network is brought to scale
STATISTICS_BATCHES = 40  # on which a checkpoint's batch normalisation is measured before it is folded
LOG_EVERY = 100  # steps


@dataclass(frozen=True)
class Places:
    """Where a run's labelled sets and starting weights lie."""

    data: Path
    weights: Path | None = None
    start: Path | None = None  # a checkpoint or a package to start from, instead of an encoder
    teacher: Path | None = None  # a checkpoint or a package to learn from

    def encoder(self, config: TrainConfig) -> Path | None:
        """The file of starting weights that the config names; refuses one that is not there."""
        if not config.encoder:
            return None
        if self.weights is None:
            raise ConfigError(f"the config starts from encoder {config.encoder}", hint="give its folder: --weights DIR")
        path = self.weights / config.encoder
        check_encoder(path)
        return path

    def to_json(self) -> dict[str, str]:
        """As a run's folder keeps them."""
        known = {"data": self.data, "weights": self.weights, "start": self.start, "teacher": self.teacher}
        return {name: str(path.resolve()) for name, path in known.items() if path is not None}


@dataclass
class Run:
    """The parts of a run while it goes on."""

    trainer: Trainer
    folder: RunFolder
    sets: Sequence[LabelledSet]
    progress: ProgressLine
    scores: dict[str, Scores]  # of the newest validation
    events: EventLog | None  # of the process that leads
    watch: Stopwatch = field(default_factory=Stopwatch)
    losses: list[float] = field(default_factory=list)  # since the newest line of the log
    parts: list[dict[str, float]] = field(default_factory=list)  # of these losses


def train(config: TrainConfig, folder: RunFolder, places: Places, stream: TextIO) -> dict[str, Any]:
    """Train to the config's last step, from the folder's last checkpoint if it has one."""
    return train_from(folder.last(), config, folder, places, stream)


def train_from(
    saved: store.Checkpoint | None, config: TrainConfig, folder: RunFolder, places: Places, stream: TextIO
) -> dict[str, Any]:
    """Train to the config's last step from a checkpoint, or from the start; returns step and validation scores.

    Where torchrun started several processes they train together, and the first one writes.
    """
    ranks = ranks_of_environment()
    with process_group(ranks, config.device):
        sets = read_sets(config, places.data)
        crops = CropStream(sets, config, ranks)
        teacher = load_teacher(places.teacher) if places.teacher is not None else None
        trainer = Trainer(config, teacher, ranks)
        _give_weights(trainer, saved, crops, places)
        if ranks.leads:
            folder.write(config, places.to_json(), trainer.device)
            folder.forget_after(trainer.step)
        progress = ProgressLine(stream if ranks.leads else io.StringIO(), trainer.step, config.steps)
        scores = saved.facts.get("metrics", {}) if saved is not None else {}
        events = EventLog(folder.path / "tensorboard", trainer.step) if ranks.leads else None
        run = Run(trainer, folder, sets, progress, scores, events)
        progress.note(f"{trainer.architecture} on {trainer.device}, from step {trainer.step} to {config.steps}")
        take_steps(trainer, crops, progress, folder.path / LAST, partial(_follow, run))
        if run.events is not None:
            run.events.close()
            folder.sum_up(card_facts(run))
    return {"step": trainer.step, "validation": run.scores, "checkpoint": str(folder.path / LAST)}


def _give_weights(trainer: Trainer, saved: store.Checkpoint | None, crops: CropStream, places: Places) -> None:
    """The weights of the run's own checkpoint, of the one to start from, or fresh ones."""
    config = trainer.config
    if saved is not None:
        trainer.resume(saved)
    elif places.start is not None:
        trainer.start_from(load_start(places.start), statistics_batches(crops))
    else:
        trainer.start(crops.batch(0, FIRST_CROPS), places.encoder(config))


def statistics_batches(crops: CropStream) -> Iterator[list[Crop]]:
    """Crops that show a scene, on which statistics are measured: patterns' are unlike any photo's."""
    for step in range(STATISTICS_BATCHES):
        scenes = [crop for crop in crops.batch(step, crops.config.batch) if not crop.nobody]
        if scenes:
            yield scenes


def _follow(run: Run, loss: float) -> dict[str, Scores]:
    """What follows a step: log and validation when they are due; the newest scores."""
    config, step = run.trainer.config, run.trainer.step
    run.losses.append(loss)
    run.parts.append(run.trainer.parts)
    if is_due(run.trainer, LOG_EVERY):
        _log(run)
    if is_due(run.trainer, config.validate_every):
        _validate(run)
    if config.schedule == "linear" and config.decay and step == config.steps - config.decay:
        run.trainer.save(run.folder.path / BEFORE_DECAY, run.scores)
    return run.scores


def _log(run: Run) -> None:
    """A line of the run's metrics: means since the one before."""
    step = run.trainer.step
    lr = learning_rate(run.trainer.config, step - 1)
    record: dict[str, Any] = {
        "step": step,
        "loss": float(np.mean(run.losses)),
        "lr": lr,
        "seconds": run.watch.seconds(),
    }
    if run.trainer.teacher is not None:
        record["parts"] = {name: float(np.mean([parts[name] for parts in run.parts])) for name in run.trainer.parts}
    _record(run, record)
    run.losses, run.parts = [], []


def _validate(run: Run) -> None:
    run.scores = validate_sets(run.trainer.average, run.sets, run.trainer.config.autocast)
    _record(run, {"step": run.trainer.step, "validation": run.scores})
    run.folder.sum_up(card_facts(run))
    if run.scores:
        run.progress.note(f"step {run.trainer.step}: {describe(run.scores)}")


def _record(run: Run, record: dict[str, Any]) -> None:
    run.folder.log(record)
    if run.events is not None:
        run.events.add(record)


def card_facts(run: Run) -> dict[str, Any]:
    """What a model card says of the run."""
    trainer = run.trainer
    return {
        "network": to_plain(trainer.architecture),
        "parameters": count_parameters(trainer.network),
        "macs_576x864": count_macs(trainer.network, 576, 864),
        "teacher": None if trainer.teacher is None else trainer.teacher.facts,
        "step": trainer.step,
        "photos": {one.name: {"training": len(one.training), "held_out": len(one.validation)} for one in run.sets},
        "validation": run.scores,
    }


def describe(scores: dict[str, Scores]) -> str:
    """Validation scores in a line."""
    return ", ".join(f"{name} MAE {score['mae']:.2f} (bias {score['bias']:+.2f})" for name, score in scores.items())
