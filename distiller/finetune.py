"""Few-shot fine-tuning: a packaged student learns one camera from a few labelled frames, and says what that was worth.

Each frame is counted by a network that did not learn from it, and by the package as it was. Frames are left out one at
a time, or, when there are many, in stretches, since neighbours in time resemble each other.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from distiller import checkpoint as store
from distiller.augment import Augment
from distiller.config import SetConfig, TrainConfig, with_settings
from distiller.data import CropStream, LabelledSet, read_photo
from distiller.findings import Findings
from distiller.folder import RunFolder
from distiller.networks import CountingNetwork
from distiller.packaged import load_start
from distiller.progress import ProgressLine
from distiller.run import Places, statistics_batches, train
from distiller.steps import take_steps
from distiller.teacher import digest
from distiller.trainer import Trainer
from distiller.validation import count_photo
from sdk.datasets import Sample, read_dataset
from sdk.errors import InputError

FEWEST = 5  # frames
ONE_BY_ONE = 20  # frames up to which each is left out alone
FOLDS = 5  # stretches of more
SET = "camera"


@dataclass(frozen=True)
class FrameScore:
    """One frame: head points, and people counted by the package and by a network that learned from other frames."""

    name: str
    true: int
    before: float
    after: float


@dataclass(frozen=True)
class Folds:
    """Trainings that each leave some frames out."""

    start: store.Checkpoint
    config: TrainConfig
    samples: Sequence[Sample]
    folder: Path
    stream: TextIO

    def count_left_out(self, number: int, left_out: Sequence[int]) -> list[float]:
        """People in the frames of these indices, by a network that learned from the others."""
        others = [sample for index, sample in enumerate(self.samples) if index not in left_out]
        self.stream.write(f"fold {number}: {len(others)} frames to learn from\n")
        network = self._train(others, self.folder / f"fold-{number}")
        return [count_frame(network, self.samples[index]) for index in left_out]

    def _train(self, samples: Sequence[Sample], path: Path) -> CountingNetwork:
        """The averaged network after the config's steps, from the fold's checkpoint if it has one."""
        crops, trainer = CropStream([LabelledSet(SET, 1.0, samples, [])], self.config), Trainer(self.config)
        if (saved := store.load_if_any(path)) is not None:
            trainer.resume(saved)
        else:
            trainer.start_from(self.start, statistics_batches(crops))
        take_steps(trainer, crops, ProgressLine(self.stream, trainer.step, self.config.steps), path)
        return trainer.average


def finetune(package: Path, config: TrainConfig, points: Path, folder: RunFolder, stream: TextIO) -> dict[str, Any]:
    """Score fine-tuning by leaving frames out, train on all of them, write both; returns the report.

    Goes on where the same command was interrupted.
    """
    folder.check_free_for(config)
    start, samples = load_start(package), read_frames(points)
    network, trainer, places = store.network_of(start), Trainer(config), Places(points.parent, start=package)
    trainer.start_from(start, [])  # which refuses settings of another network, before anything is written
    about = {"package": digest(network), "file of frames": hashlib.sha256(points.read_bytes()).hexdigest()}
    kept, trainings = Findings(folder, "finetune", about), Folds(start, config, samples, folder.path, stream)
    folder.write(config, places.to_json(), trainer.device)
    before = kept.once("before", lambda: [count_frame(network, sample) for sample in samples])
    after, parts = [], folds(len(samples))
    for number, left_out in enumerate(parts, 1):
        after += kept.once(f"fold {number}", partial(trainings.count_left_out, number, left_out))
        shutil.rmtree(folder.path / f"fold-{number}", ignore_errors=True)
    stream.write(f"all {len(samples)} frames\n")
    train(config, folder, places, stream)
    rows = zip(samples, before, after, strict=True)
    report = make_report([FrameScore(s.name, len(s.points), one, other) for s, one, other in rows], len(parts))
    folder.put_report(report, report_lines(report))
    return report


def finetune_config(start: store.Checkpoint, points: Path, steps: int, settings: Iterable[str] = ()) -> TrainConfig:
    """Small steps from the package's weights, on the file's frames: crops at nearly the frames' own scale."""
    held = store.architecture_of(start)
    config = TrainConfig(
        architecture=held.name,
        n=held.n,
        sets={SET: SetConfig("points", points.name)},
        batch_norm=False,
        augment=Augment(crop=320, smallest=0.8, largest=1.25, even=True),
        empty=0.1,
        empty_scenes=0.5,
        objective="poisson",
        batch=4,
        steps=steps,
        warmup=max(1, steps // 20),
        decay=max(1, steps // 2),
        lr=1e-5,
        last_lr=0.1,
        clip=1.5,
        ema=0.98,
        save_every=25,
    )
    return with_settings(config, settings)


def read_frames(points: Path) -> list[Sample]:
    """The labelled frames; refuses fewer than five, of which nothing could be said."""
    samples = read_dataset("points", points)
    if len(samples) < FEWEST:
        hint = "label more frames, of different times of day"
        raise InputError(f"{points} has {len(samples)} labelled frames, expected at least {FEWEST}", hint=hint)
    return samples


def folds(frames: int) -> list[list[int]]:
    """Which frames are left out together: each alone, or of many a stretch of neighbours."""
    parts = frames if frames <= ONE_BY_ONE else FOLDS
    return [part.tolist() for part in np.array_split(np.arange(frames), parts)]


def count_frame(network: CountingNetwork, sample: Sample) -> float:
    """People in a frame, in full precision."""
    return count_photo(network, read_photo(sample.photo))


def make_report(frames: Sequence[FrameScore], parts: int) -> dict[str, Any]:
    """Errors before and after, in people a frame, and each frame's counts."""
    scores = {}
    for name in ("before", "after"):
        errors = np.array([getattr(frame, name) - frame.true for frame in frames])
        scores[name] = {
            "mae": float(np.abs(errors).mean()),
            "rmse": float(np.sqrt(np.square(errors).mean())),
            "bias": float(errors.mean()),
        }
    better = sum(abs(frame.after - frame.true) < abs(frame.before - frame.true) for frame in frames)
    return {
        "frames": [asdict(frame) for frame in frames],
        "folds": parts,
        **scores,
        "better": better,
        "helps": scores["after"]["mae"] < scores["before"]["mae"],
    }


def report_lines(report: dict[str, Any]) -> list[str]:
    """The report for people."""
    frames, before, after = report["frames"], report["before"], report["after"]
    width = max(len("frame"), *(len(frame["name"]) for frame in frames))
    lines = [f"{'frame':{width}}    true   before    after"]
    lines += [f"{f['name']:{width}}  {f['true']:6d} {f['before']:8.1f} {f['after']:8.1f}" for f in frames]
    lines.append(
        f"MAE {before['mae']:.2f} before, {after['mae']:.2f} after; closer in {report['better']} of {len(frames)}"
    )
    lines.append(f"bias {before['bias']:+.2f} before, {after['bias']:+.2f} after; {report['folds']} folds")
    if not report["helps"]:
        lines.append("fine-tuning did not help on frames that it had not seen: keep the package as it is")
    return lines
