"""The loop of steps that every training takes: it shows each step, and saves a checkpoint now and then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from distiller.data import CropStream, prefetch
from distiller.device import usable_cores
from distiller.progress import ProgressLine
from distiller.schedule import learning_rate
from distiller.trainer import Trainer
from distiller.validation import Scores

Follow = Callable[[float], dict[str, Scores]]  # from a step's loss to the newest validation's scores


def take_steps(
    trainer: Trainer, crops: CropStream, progress: ProgressLine, path: Path, follow: Follow = lambda _: {}
) -> None:
    """Take the config's steps that are left, each followed by `follow`; the checkpoint at `path` keeps its scores.

    Of several processes the first one shows, follows and saves.
    """
    config = trainer.config
    left, threads = range(trainer.step, config.steps), max(1, min(8, usable_cores() // 2))
    with closing(prefetch(crops, left, threads=threads)) as batches:
        for batch in batches:
            loss = trainer.train_step(batch)
            if trainer.ranks.leads:
                progress.step(trainer.step, loss, learning_rate(config, trainer.step - 1))
                scores = follow(loss)
                if is_due(trainer, config.save_every):
                    trainer.save(path, scores)
    progress.end()


def is_due(trainer: Trainer, every: int) -> bool:
    """Whether something that is done every so many steps, and after the last, is to be done now."""
    return trainer.step % every == 0 or trainer.step == trainer.config.steps
