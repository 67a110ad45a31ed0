"""Quantisation-aware fine-tuning: a trained network learns to count as before although it is rounded to INT8.

The network in float is its own teacher. What comes out is a checkpoint of the same architecture, its batch
normalisation folded, for the exporter to calibrate and round as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch import Tensor

from distiller import checkpoint as store
from distiller.config import TeacherConfig, TrainConfig, with_settings
from distiller.data import CropStream, read_sets
from distiller.evaluation import config_of
from distiller.findings import Findings
from distiller.folder import LAST, RunFolder
from distiller.networks import CountingNetwork, fused
from distiller.own import own_config
from distiller.progress import ProgressLine
from distiller.quantised import Quantised, Range, measure_ranges
from distiller.run import Places
from distiller.steps import take_steps
from distiller.teacher import digest
from distiller.trainer import Trainer
from distiller.validation import Scores, validate_sets
from sdk.config import to_plain

RANGE_BATCHES = 20  # crops of so many steps are looked at for the ranges
LESSONS = TeacherConfig(soft=1.0, soft_loss="poisson", intra=10.0, inter=50.0, taps="pooled", autocast="off")


def qat_config(saved: store.Checkpoint, points: Path | None, steps: int, settings: Iterable[str] = ()) -> TrainConfig:
    """The checkpoint's sets, or a file's photos, and small steps."""
    base = own_config("own-points", (), points) if points is not None else config_of(saved)
    held = store.architecture_of(saved)
    config = replace(
        base,
        architecture=held.name,
        n=held.n,
        batch_norm=False,
        encoder="",
        teacher=LESSONS,
        steps=steps,
        warmup=max(1, steps // 20),
        decay=max(1, steps // 2),
        lr=1e-5,
        last_lr=0.1,
        clip=1.5,
        ema=0.98,
        autocast="off",
        save_every=25,
    )
    return with_settings(config, settings)


def fine_tune_quantised(
    saved: store.Checkpoint, config: TrainConfig, places: Places, folder: RunFolder, stream: TextIO
) -> dict[str, Any]:
    """Train, and write the checkpoint and report.json: held-out scores in float, and rounded before and after.

    Goes on where the same command was interrupted.
    """
    folder.check_free_for(config)
    sets, network = read_sets(config, places.data), fused(store.network_of(saved))
    crops, trainer = CropStream(sets, config), Trainer(config, network)
    trainer.start_from(_checkpoint_of(network, trainer), [])
    kept = Findings(folder, "qat", {"checkpoint": digest(network)})
    folder.write(config, places.to_json(), trainer.device)
    ranges = kept.once("ranges", lambda: _measure(trainer, crops))
    report = {"float": kept.once("float", lambda: validate_sets(trainer.average, sets))}
    report["before"] = kept.once("before", lambda: validate_sets(_rounded(trainer.average, ranges), sets))
    if (last := folder.last()) is not None:
        trainer.resume(last)
    trainer.task.network = _rounded(trainer.network, ranges)
    take_steps(trainer, crops, ProgressLine(stream, trainer.step, config.steps), folder.path / LAST)
    after = partial(_rounded, trainer.average)
    report["after"] = kept.once("after", lambda: validate_sets(after(_measure(trainer, crops)), sets))
    trainer.save(folder.path / LAST, report["after"])
    folder.put_report(report, report_lines(report))
    return report


def report_lines(report: dict[str, dict[str, Scores]]) -> list[str]:
    """The report for people: each held-out set's error in people a photo."""
    names = {"float": "in float", "before": "rounded, before", "after": "rounded, after"}
    lines = []
    for key, name in names.items():
        told = ", ".join(f"{set_} MAE {one['mae']:.2f} (bias {one['bias']:+.2f})" for set_, one in report[key].items())
        lines.append(f"{name:16} {told or 'no photo is held out'}")
    return lines


def _checkpoint_of(network: CountingNetwork, trainer: Trainer) -> store.Checkpoint:
    tensors = {f"model.{key}": value for key, value in network.state_dict().items()}
    return store.Checkpoint(tensors, {"architecture": to_plain(trainer.architecture)})


def _measure(trainer: Trainer, crops: CropStream) -> dict[str, Range]:
    return measure_ranges(trainer.average, _images(crops, trainer))


def _rounded(network: CountingNetwork, ranges: Mapping[str, Sequence[float]]) -> Quantised:
    return Quantised(network, {name: Range(*ends) for name, ends in ranges.items()})


def _images(crops: CropStream, trainer: Trainer) -> Iterator[Tensor]:
    """Batches of training crops that show scenes, (n, h, w, 3) uint8: patterns would widen the ranges."""
    for step in range(RANGE_BATCHES):
        scenes = [crop.image for crop in crops.batch(step, crops.config.batch) if not crop.nobody]
        if scenes:
            yield torch.from_numpy(np.stack(scenes)).to(trainer.device)
