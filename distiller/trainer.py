"""Supervised training: crops in, checkpoints and a log out; resumes to the same result."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distiller import checkpoint as store
from distiller.data import Augment, Crop, CropStream, Photos, prefetch
from distiller.losses import bayesian_loss
from distiller.networks import STRIDE, CountingNetwork, build
from distiller.pretrained import load_quarter_encoder, rescale, start_head
from sdk.config import to_plain
from sdk.datasets import Sample, read_dataset
from sdk.errors import ConfigError, InferenceError
from sdk.frame import pad_to_multiple, photo_cells
from sdk.timing import Stopwatch


@dataclass(frozen=True)
class SetConfig:
    """One labelled set: its reader, where it lies, how often its photos are drawn, which are held out."""

    dataset: str
    root: str  # relative to the data folder
    part: str = ""
    split: str = "train"
    weight: float = 1.0
    validation: tuple[str, ...] = ()  # names of photos, or beginnings that end in *


@dataclass(frozen=True)
class TrainConfig:
    """A training run, whole."""

    architecture: str
    n: int
    sets: dict[str, SetConfig]
    batch_norm: bool = True
    encoder: str = ""  # quarter-width VGG-19 encoder to start from, relative to the weights folder
    augment: Augment = field(default_factory=Augment)
    empty: float = 0.05  # part of the crops that show nobody
    seed: int = 1
    batch: int = 6  # crops a step
    steps: int = 14000
    warmup: int = 300  # steps over which the learning rate rises
    decay: int = 4000  # steps at the end over which it falls to zero
    lr: float = 1e-3
    weight_decay: float = 1e-4
    clip: float = 5.0  # greatest gradient norm, in units of its running mean
    ema: float = 0.999
    sigma: float = 8.0  # pixels; see bayesian_loss
    margin: float = 48.0
    save_every: int = 250
    validate_every: int = 1000


def is_held_out(name: str, patterns: Sequence[str]) -> bool:
    """Whether a photo belongs to the validation part."""
    return any(name.startswith(p[:-1]) if p.endswith("*") else name == p for p in patterns)


def split_sets(config: TrainConfig, data: Path) -> tuple[list[Photos], dict[str, list[Sample]]]:
    """Training photos and held-out samples of every set."""
    training, validation = [], {}
    for name, about in config.sets.items():
        samples = read_dataset(about.dataset, data / about.root, about.part, about.split)
        held = [s for s in samples if is_held_out(s.name, about.validation)]
        training.append(Photos([s for s in samples if not is_held_out(s.name, about.validation)]))
        validation[name] = held
    return training, validation


def learning_rate(config: TrainConfig, step: int) -> float:
    """Warm-up, a constant stretch that a longer run can continue, then a linear fall to zero."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    fall = min(1.0, (config.steps - step) / max(1, config.decay))
    return config.lr * rise * fall


def batch_loss(density: Tensor, crops: Sequence[Crop], config: TrainConfig) -> Tensor:
    """Mean over the crops of the Bayesian loss, in people; density (n, h, w)."""
    losses = [
        bayesian_loss(one, torch.from_numpy(crop.points), stride=STRIDE, sigma=config.sigma, margin=config.margin)
        for one, crop in zip(density, crops, strict=True)
    ]
    return torch.stack(losses).mean()


@torch.no_grad()
def count_photo(network: CountingNetwork, image: np.ndarray[Any, np.dtype[np.uint8]]) -> float:
    """People in a whole photo (h, w, 3) uint8 BGR."""
    padded = torch.from_numpy(np.ascontiguousarray(pad_to_multiple(image, network.multiple)))[None]
    with torch.autocast("cpu", torch.bfloat16):
        density = network(padded)
    return float(photo_cells(density.numpy(), *image.shape[:2], STRIDE).sum(dtype=np.float64))


def validate(network: CountingNetwork, samples: Iterable[Sample]) -> dict[str, float]:
    """MAE, RMSE and mean signed error against the number of points."""
    photos = Photos(list(samples))
    errors = []
    for index in range(len(photos)):
        image, points = photos.read(index)
        errors.append(count_photo(network, image) - len(points))
    e = np.asarray(errors)
    return {"mae": float(np.abs(e).mean()), "rmse": float(np.sqrt((e**2).mean())), "bias": float(e.mean())}


class Trainer:
    """A network, its averaged copy, its optimizer, and the step they stand at."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.step = 0
        self.network = build(config.architecture, config.n, batch_norm=config.batch_norm)
        self.average = build(config.architecture, config.n, batch_norm=config.batch_norm).eval()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), config.lr, weight_decay=config.weight_decay)
        self.gradient_norm = 0.0  # running mean

    def start(self, weights: Path, photos: Tensor, people_per_cell: float) -> None:
        """Initial weights: the encoder where the config names one, He's elsewhere, all at a scale that trains."""
        torch.manual_seed(self.config.seed)
        for module in self.network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                torch.nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        if self.config.encoder:
            load_quarter_encoder(self.network, weights / self.config.encoder)
        rescale(self.network, photos)
        start_head(self.network, people_per_cell)
        self.average.load_state_dict(self.network.state_dict())

    def train_step(self, crops: Sequence[Crop]) -> float:
        """One step on one batch; returns its loss in people a crop."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        images = torch.from_numpy(np.stack([crop.image for crop in crops]))
        with torch.autocast("cpu", torch.bfloat16):
            density = self.network(images)
        loss = batch_loss(density, crops, self.config)
        if not math.isfinite(loss.item()):
            raise InferenceError(f"loss is {loss.item()} at step {self.step}", hint="lower lr; the last checkpoint is kept")
        self.optimizer.zero_grad()
        loss.backward()
        self._clip()
        self.optimizer.step()
        self._average()
        self.step += 1
        return loss.item()

    def _clip(self) -> None:
        limit = self.config.clip * self.gradient_norm if self.gradient_norm else math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit))
        self.gradient_norm = 0.99 * self.gradient_norm + 0.01 * min(norm, limit) if self.gradient_norm else norm

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)

    def save(self, name: str = "last") -> None:
        """Write everything that a resumed run needs."""
        tensors = {f"model.{key}": value for key, value in self.network.state_dict().items()}
        tensors |= {f"ema.{key}": value for key, value in self.average.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        about = {"name": self.config.architecture, "n": self.config.n, "batch_norm": self.config.batch_norm}
        facts = {"architecture": about, "step": self.step, "gradient_norm": self.gradient_norm}
        store.save(self.folder / name, store.Checkpoint(tensors, {**facts, "config": to_plain(self.config)}))

    def resume(self, name: str = "last") -> None:
        """Go on from a checkpoint of this run."""
        saved = store.load(self.folder / name)
        about = saved.facts["architecture"]
        if (about["name"], about["n"]) != (self.config.architecture, self.config.n):
            raise ConfigError(f"checkpoint holds {about['name']} 1/{about['n']}, the config asks for another network")
        self.network.load_state_dict(saved.group("model"))
        self.average.load_state_dict(saved.group("ema"))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in saved.group("optimizer").items():
            index, _, item = key.partition(".")
            state.setdefault(int(index), {})[item] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.step = saved.facts["step"]
        self.gradient_norm = saved.facts["gradient_norm"]

    def log(self, record: dict[str, Any]) -> None:
        """One JSON line in the run's log."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(record) + "\n")


def run(config: TrainConfig, folder: Path, data: Path, weights: Path) -> Trainer:
    """Train to the config's last step, from the run's last checkpoint if it has one."""
    folder.mkdir(parents=True, exist_ok=True)
    training, validation = split_sets(config, data)
    stream = CropStream(
        training, [s.weight for s in config.sets.values()], config.augment, seed=config.seed, empty=config.empty
    )
    trainer = Trainer(config, folder)
    if (folder / "last").exists():
        trainer.resume()
    else:
        first = stream.batch(0, 16)
        people = sum(len(crop.points) for crop in first) / (len(first) * (config.augment.crop / STRIDE) ** 2)
        trainer.start(weights, torch.from_numpy(np.stack([crop.image for crop in first])), people)
    watch, losses = Stopwatch(), []
    for crops in prefetch(stream, range(trainer.step, config.steps), config.batch):
        losses.append(trainer.train_step(crops))
        step = trainer.step
        if step % 100 == 0:
            record = {"step": step, "loss": float(np.mean(losses)), "lr": learning_rate(config, step - 1)}
            trainer.log({**record, "seconds": watch.seconds()})
            losses = []
        if step % config.save_every == 0 or step == config.steps:
            trainer.save()
        if step == config.steps - config.decay:
            trainer.save("before-decay")
        if step % config.validate_every == 0 or step == config.steps:
            scores = {name: validate(trainer.average, samples) for name, samples in validation.items()}
            trainer.log({"step": step, "validation": scores})
    return trainer


def main_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
