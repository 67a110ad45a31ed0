"""Training: a network, its averaged copy, its teacher if it has one, its optimizer, and the step they stand at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from distiller import checkpoint as store
from distiller.augment import Crop
from distiller.config import TrainConfig
from distiller.convert import start_state
from distiller.device import choose_device
from distiller.networks import STRIDE, Architecture, CountingNetwork, fused
from distiller.parallel import Ranks, mean_over_ranks
from distiller.pretrained import load_encoder, measure_statistics, rescale, start_head
from distiller.schedule import learning_rate
from distiller.task import PARTS, Task, make_adapters
from distiller.teacher import Teacher
from sdk.config import to_plain
from sdk.errors import ArtifactError, ConfigError, InferenceError


class Trainer:
    """Takes steps; all that a later process needs to take the next one is in its checkpoints."""

    def __init__(self, config: TrainConfig, teacher: nn.Module | None = None, ranks: Ranks | None = None) -> None:
        self.config = config
        self.ranks = ranks or Ranks()
        self.architecture = Architecture(config.architecture, config.n, config.batch_norm)
        self.device = choose_device(config.device, self.ranks.local)
        self.step = 0
        self.network = self._new_network()
        self.average = self._new_network().eval()
        self._check()
        self.teacher = self._new_teacher(teacher)
        adapters = make_adapters(self.network, self.teacher)
        self.task = Task(config, self.network, adapters.to(self.device))
        *trunk, weight, bias = self.network.parameters()  # the last convolution's come last
        groups = [{"params": trunk, "part": 1.0}, {"params": [weight, bias], "part": config.last_lr}]
        if adapted := list(adapters.parameters()):
            groups.append({"params": adapted, "part": 1.0})
        self.optimizer = torch.optim.AdamW(groups, config.lr, weight_decay=config.weight_decay)
        self.gradient_norm = 0.0  # running mean
        self.parts: dict[str, float] = {}  # of the newest step's loss
        self._module: nn.Module | None = None  # the task, as all processes call it

    def _check(self) -> None:
        """Refuse what the network, or the processes, cannot take."""
        config, world = self.config, self.ranks.world
        if config.augment.crop % self.network.multiple:
            expected = f"expected a multiple of {self.network.multiple}"
            raise ConfigError(f"setting augment.crop is {config.augment.crop}, {expected}")
        if config.batch % (world * config.accumulate):
            parts = f"{world} processes of {config.accumulate} parts" if world > 1 else f"{config.accumulate} parts"
            raise ConfigError(f"setting batch is {config.batch}, expected a multiple that makes {parts}")
        if config.shards % world and world > 1:
            raise ConfigError(f"setting shards is {config.shards}, expected a multiple of the {world} processes")

    def _new_teacher(self, network: nn.Module | None) -> Teacher | None:
        """The teacher that the config asks for; refuses one too many or too few."""
        weights = self.config.teacher
        if weights.used and network is None:
            hint = "give it: --teacher CHECKPOINT"
            raise ConfigError("the config learns from a teacher, and none is given", hint=hint)
        if network is not None and not weights.used:
            hint = "as in --set teacher.soft=1"
            raise ConfigError("a teacher is given, and the config gives no weight to what it knows", hint=hint)
        if network is None:
            return None
        return Teacher(network, self.device, number_format=weights.autocast, tapped=weights.tapped)

    def _new_network(self) -> CountingNetwork:
        network = self.architecture.build().to(self.device)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def start(self, crops: Sequence[Crop], encoder: Path | None) -> None:
        """Initial weights: the encoder's where there is one, He's elsewhere, brought to scale on the crops."""
        self._draw_weights()
        if encoder is not None:
            load_encoder(self.network, self.architecture, encoder, self._images(crops))
        self._start_head(crops)
        self.average.load_state_dict(self.network.state_dict())
        self._start_adapters()

    def _draw_weights(self) -> None:
        torch.manual_seed(self.config.seed)
        for module in self.network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                torch.nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def _start_head(self, crops: Sequence[Crop]) -> None:
        rescale(self.network, self._images(crops))
        cells = len(crops) * (self.config.augment.crop / STRIDE) ** 2
        start_head(self.network, sum(len(crop.points) for crop in crops) / cells)

    def start_from(self, saved: store.Checkpoint, batches: Iterable[Sequence[Crop]]) -> None:
        """Initial weights: a checkpoint's averaged ones, as far as they fit another network: see start_state. Batch
        normalisation that this run does not have is measured afresh on the batches and folded into the convolutions.
        """
        source = store.network_of(saved).to(self.device)
        held = store.architecture_of(saved)
        if held.batch_norm:
            measure_statistics(source, (self._images(crops) for crops in batches))
        if held.batch_norm and not self.architecture.batch_norm:
            source, held = fused(source), replace(held, batch_norm=False)
        state = start_state(source, held, self.architecture)
        self._draw_weights()
        self.network.load_state_dict(state, strict=False)
        if len(state) < len(self.network.state_dict()):
            self._start_head([crop for crops in islice(batches, 2) for crop in crops])
        self.average.load_state_dict(self.network.state_dict())
        self._start_adapters()

    def _start_adapters(self) -> None:
        torch.manual_seed(self.config.seed)
        for adapter in self.task.adapters:
            if isinstance(adapter, nn.Conv2d):
                adapter.reset_parameters()

    def train_step(self, crops: Sequence[Crop]) -> float:
        """One step on this process's crops of a batch; returns the loss of all processes' crops.

        A loss or gradient that is no number leaves the weights alone.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = group["part"] * learning_rate(self.config, self.step)
        self.optimizer.zero_grad()
        size = len(crops) // self.config.accumulate
        starts = range(0, len(crops), size)
        parts = torch.stack([self._backward(crops[at : at + size], last=at == starts[-1]) for at in starts]).mean(0)
        parts = mean_over_ranks(parts, self.ranks)
        self._clip(crops)
        self.optimizer.step()
        self._update_average()
        self.step += 1
        self.parts = dict(zip(PARTS, parts.tolist(), strict=True))
        return float(parts.sum())

    def _backward(self, crops: Sequence[Crop], *, last: bool) -> Tensor:
        """Add a part's share to the gradients, exchanged between processes after the last; the parts of its loss."""
        module, image = self._called(), self._images(crops)
        scenes = [index for index, crop in enumerate(crops) if not crop.nobody]
        taught = self.teacher(image[scenes]) if self.teacher and scenes else None
        alone = isinstance(module, DistributedDataParallel) and not last
        with module.no_sync() if alone else nullcontext():  # type: ignore[operator]
            parts: Tensor = module(image, crops, taught)
            loss = parts.sum()
            self._check_finite("loss", loss.item(), crops)
            (loss / self.config.accumulate).backward()  # type: ignore[no-untyped-call]
        return parts.detach()

    def _called(self) -> nn.Module:
        """The task, wrapped once the first weights are there. On GPUs processes share their batches' statistics."""
        if self._module is None:
            self._module = self.task
            if self.ranks.world > 1:
                on_gpu = self.device.type == "cuda"
                shared = _with_shared_statistics(self.task) if on_gpu else self.task
                ids = [self.device.index] if on_gpu else None
                unused = self.teacher is not None  # by a process whose crops are patterns alone
                self._module = DistributedDataParallel(shared, ids, find_unused_parameters=unused)
        return self._module

    def _images(self, crops: Sequence[Crop]) -> Tensor:
        return torch.from_numpy(np.stack([crop.image for crop in crops])).to(self.device)

    def _check_finite(self, name: str, value: float, crops: Sequence[Crop]) -> None:
        if not math.isfinite(value):
            photos = ", ".join(dict.fromkeys(crop.source for crop in crops))
            message = f"{name} is {value} at step {self.step}, on crops of {photos}"
            raise InferenceError(message, hint="the last checkpoint is kept; look at these photos' labels, or lower lr")

    def _clip(self, crops: Sequence[Crop]) -> None:
        """Shorten a gradient that is much longer than those before it."""
        limit = self.config.clip * self.gradient_norm if self.gradient_norm else math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters(), limit))
        self._check_finite("gradient norm", norm, crops)
        self.gradient_norm = 0.99 * self.gradient_norm + 0.01 * min(norm, limit) if self.gradient_norm else norm

    def _parameters(self) -> list[nn.Parameter]:
        """All that is trained, in the optimizer's order."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)

    def save(self, path: Path, metrics: Mapping[str, Any]) -> None:
        """Write everything that a resumed run needs, and the newest validation's scores."""
        tensors = {f"model.{key}": value for key, value in self.network.state_dict().items()}
        tensors |= {f"ema.{key}": value for key, value in self.average.state_dict().items()}
        tensors |= {f"adapters.{key}": value for key, value in self.task.adapters.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        facts = {
            "architecture": to_plain(self.architecture),
            "config": to_plain(self.config),
            "gradient_norm": self.gradient_norm,
            "metrics": dict(metrics),
            "step": self.step,
        }
        if self.teacher is not None:
            facts["teacher"] = self.teacher.facts
        store.save(path, store.Checkpoint(tensors, facts))

    def resume(self, saved: store.Checkpoint) -> None:
        """Go on from a checkpoint of the same network."""
        held = store.architecture_of(saved)
        if held != self.architecture:
            raise ConfigError(f"the checkpoint holds {held}, the config asks for {self.architecture}")
        if self.teacher is not None and saved.facts.get("teacher", self.teacher.facts) != self.teacher.facts:
            hint = "give --teacher as it was, or start another run from this checkpoint: --start"
            raise ConfigError("the checkpoint learned from another teacher than the one given", hint=hint)
        try:
            self.network.load_state_dict(saved.group("model"))
            self.average.load_state_dict(saved.group("ema"))
            self.task.adapters.load_state_dict(saved.group("adapters"))
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": self._optimizer_state(saved), "param_groups": groups})
            self.step = int(saved.facts["step"])
            self.gradient_norm = float(saved.facts["gradient_norm"])
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ArtifactError(f"the checkpoint cannot be resumed: {reason[:200]}") from error

    def _optimizer_state(self, saved: store.Checkpoint) -> dict[int, dict[str, Tensor]]:
        """Per parameter; in its memory layout, since arithmetic in another one may round otherwise."""
        parameters = self._parameters()
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in saved.group("optimizer").items():
            index, _, item = key.partition(".")
            like = parameters[int(index)]
            placed = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            state.setdefault(int(index), {})[item] = placed.detach()
        return state


def _with_shared_statistics(task: Task) -> nn.Module:
    """The task, its batch normalisations over the batches of all processes; PyTorch has this on GPUs alone."""
    return nn.SyncBatchNorm.convert_sync_batchnorm(task)  # type: ignore[no-untyped-call, no-any-return]
