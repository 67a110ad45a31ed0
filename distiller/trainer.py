"""Supervised training: a network, its averaged copy, its optimizer, and the step they stand at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distiller import checkpoint as store
from distiller.augment import Crop
from distiller.config import TrainConfig
from distiller.device import autocast, choose_device
from distiller.networks import STRIDE, Architecture, CountingNetwork, convolutions, fused
from distiller.objectives import batch_loss
from distiller.pretrained import load_quarter_encoder, measure_statistics, rescale, start_head
from distiller.schedule import learning_rate
from sdk.config import to_plain
from sdk.errors import ArtifactError, ConfigError, InferenceError


@contextmanager
def kept_scale(network: CountingNetwork) -> Iterator[None]:
    """Let an optimizer's step turn each filter, but neither lengthen it nor move the mean of its weights.

    Without normalisation each layer's scale multiplies the count, and Adam moves the weights of all layers together
    along it. Gradients lose their mean over each filter (gradient centralisation: Yong et al., ECCV 2020, arXiv
    2004.01461), and filters get their length back. The last convolution is free: the count's scale is its to learn.
    """
    weights = [conv.weight for conv in convolutions(network)[:-1]]
    with torch.no_grad():
        for weight in weights:
            if weight.grad is not None:
                weight.grad -= weight.grad.mean((1, 2, 3), keepdim=True)
        lengths = [filter_lengths(weight) for weight in weights]
    yield
    with torch.no_grad():
        for weight, length in zip(weights, lengths, strict=True):
            weight.mul_(length / filter_lengths(weight))


def filter_lengths(weight: Tensor) -> Tensor:
    """The length of each filter of a convolution's weight (o, i, h, w), (o, 1, 1, 1)."""
    return torch.linalg.vector_norm(weight, dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)


class Trainer:
    """Takes steps; all that a later process needs to take the next one is in its checkpoints."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.architecture = Architecture(config.architecture, config.n, config.batch_norm)
        self.device = choose_device(config.device)
        self.step = 0
        self.network = self._new_network()
        self.average = self._new_network().eval()
        if config.augment.crop % self.network.multiple:
            expected = f"expected a multiple of {self.network.multiple}"
            raise ConfigError(f"setting augment.crop is {config.augment.crop}, {expected}")
        *trunk, weight, bias = self.network.parameters()  # the last convolution's come last
        groups = [{"params": trunk, "part": 1.0}, {"params": [weight, bias], "part": config.last_lr}]
        self.optimizer = torch.optim.AdamW(groups, config.lr, weight_decay=config.weight_decay)
        self.gradient_norm = 0.0  # running mean

    def _new_network(self) -> CountingNetwork:
        network = self.architecture.build().to(self.device)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def start(self, crops: Sequence[Crop], encoder: Path | None) -> None:
        """Initial weights: the encoder's where there is one, He's elsewhere, brought to scale on the crops."""
        torch.manual_seed(self.config.seed)
        for module in self.network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                torch.nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        if encoder is not None:
            load_quarter_encoder(self.network, encoder)
        rescale(self.network, self._images(crops))
        cells = len(crops) * (self.config.augment.crop / STRIDE) ** 2
        start_head(self.network, sum(len(crop.points) for crop in crops) / cells)
        self.average.load_state_dict(self.network.state_dict())

    def start_from(self, saved: store.Checkpoint, batches: Iterable[Sequence[Crop]]) -> None:
        """Initial weights: a checkpoint's averaged ones. Batch normalisation that this run does not have is measured
        afresh on the batches and folded into the convolutions.
        """
        source = store.network_of(saved).to(self.device)
        held = store.architecture_of(saved)
        if held.batch_norm:
            measure_statistics(source, (self._images(crops) for crops in batches))
        if held.batch_norm and not self.architecture.batch_norm:
            source, held = fused(source), replace(held, batch_norm=False)
        if held != self.architecture:
            raise ConfigError(f"the checkpoint to start from holds {held}, the config asks for {self.architecture}")
        self.network.load_state_dict(source.state_dict())
        self.average.load_state_dict(source.state_dict())

    def train_step(self, crops: Sequence[Crop]) -> float:
        """One step on one batch; returns its loss. A loss or gradient that is no number leaves the weights alone."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["part"] * learning_rate(self.config, self.step)
        with autocast(self.device, self.config.autocast):
            density = self.network(self._images(crops))
        loss = batch_loss(density, crops, self.config)
        value = loss.item()
        self._check_finite("loss", value, crops)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._clip(crops)
        with kept_scale(self.network) if self.config.keep_scale else nullcontext():
            self.optimizer.step()
        self._update_average()
        self.step += 1
        return value

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
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit))
        self._check_finite("gradient norm", norm, crops)
        self.gradient_norm = 0.99 * self.gradient_norm + 0.01 * min(norm, limit) if self.gradient_norm else norm

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
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        facts = {
            "architecture": to_plain(self.architecture),
            "config": to_plain(self.config),
            "gradient_norm": self.gradient_norm,
            "metrics": dict(metrics),
            "step": self.step,
        }
        store.save(path, store.Checkpoint(tensors, facts))

    def resume(self, saved: store.Checkpoint) -> None:
        """Go on from a checkpoint of the same network."""
        held = store.architecture_of(saved)
        if held != self.architecture:
            raise ConfigError(f"the checkpoint holds {held}, the config asks for {self.architecture}")
        try:
            self.network.load_state_dict(saved.group("model"))
            self.average.load_state_dict(saved.group("ema"))
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": self._optimizer_state(saved), "param_groups": groups})
            self.step = int(saved.facts["step"])
            self.gradient_norm = float(saved.facts["gradient_norm"])
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ArtifactError(f"the checkpoint cannot be resumed: {reason[:200]}") from error

    def _optimizer_state(self, saved: store.Checkpoint) -> dict[int, dict[str, Tensor]]:
        """Per parameter; in its memory layout, since arithmetic in another one may round otherwise."""
        parameters = list(self.network.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in saved.group("optimizer").items():
            index, _, item = key.partition(".")
            like = parameters[int(index)]
            placed = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            state.setdefault(int(index), {})[item] = placed.detach()
        return state
