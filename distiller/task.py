"""What a batch of crops costs a student: the labels' part, and what it does not yet do like its teacher."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from distiller.augment import Crop
from distiller.config import TrainConfig
from distiller.device import autocast
from distiller.losses import poisson_squares
from distiller.networks import CountingNetwork
from distiller.objectives import batch_loss
from distiller.quantised import Quantised
from distiller.taps import Tapped, run_tapped, tap_channels, tap_names
from distiller.teacher import Teacher
from distiller.transfer import inter_layer, intra_layer, pool_to, soft_target
from sdk.errors import ConfigError

PARTS = ("hard", "soft", "intra", "inter")  # of a loss, as forward returns them


def make_adapters(network: CountingNetwork, teacher: Teacher | None) -> nn.ModuleList:
    """For each pair of taps a 1x1 convolution from the student's channels to the teacher's, none where they agree.

    Empty where no features are learned from.
    """
    if teacher is None or not teacher.tapped:
        return nn.ModuleList()
    own, taught = tap_names(network), tap_names(teacher.network)
    if len(own) != len(taught):
        message = f"the student names {len(own)} taps and its teacher {len(taught)}, expected as many"
        raise ConfigError(message, hint=f"the student's are {', '.join(own)}")
    multiple = network.multiple * int(getattr(teacher.network, "multiple", 1))
    pairs = zip(tap_channels(network, multiple), tap_channels(teacher.network, multiple), strict=True)
    return nn.ModuleList([nn.Identity() if a == b else nn.Conv2d(a, b, 1) for a, b in pairs])


class Task(nn.Module):
    """A student, and the adapters that it has while it is trained."""

    def __init__(self, config: TrainConfig, network: CountingNetwork | Quantised, adapters: nn.ModuleList) -> None:
        super().__init__()
        self.config = config
        self.network: CountingNetwork | Quantised = network
        self.adapters = adapters

    def forward(self, image: Tensor, crops: Sequence[Crop], taught: Tapped | None) -> Tensor:
        """The weighted parts of the loss, (4,) as PARTS, whose sum is to become small: means over all crops.

        image: (n, h, w, 3) uint8 BGR, of the crops. taught: the teacher's answers to those of pictures with
        people; of the others it has nothing to teach.
        """
        with autocast(image.device, self.config.autocast):
            own = run_tapped(self.network, image) if self.adapters else Tapped(self.network(image), [])
        hard = batch_loss(own.density, crops, self.config)
        if taught is None:
            return torch.stack([hard, *[torch.zeros_like(hard)] * 3])
        scenes = [index for index, crop in enumerate(crops) if not crop.nobody]
        parts = self._transfer(own if len(scenes) == len(crops) else _chosen(own, scenes), taught)
        return torch.stack([hard, *(part * (len(scenes) / len(crops)) for part in parts)])

    def _transfer(self, own: Tapped, taught: Tapped) -> list[Tensor]:
        """Soft target, intra-layer and inter-layer transfer, weighted."""
        weights, density = self.config.teacher, taught.density.float()
        parts = [torch.zeros((), device=density.device)] * 3
        if weights.soft:
            parts[0] = weights.soft * SOFT_LOSSES[weights.soft_loss](own.density, density)
        if self.adapters:
            with autocast(density.device, self.config.autocast):
                students, teachers = self._matched(own.maps, taught.maps)
            if weights.intra:
                parts[1] = weights.intra * intra_layer(students, teachers)
            if weights.inter:
                maps = ([*students, own.density[:, None]], [*teachers, density[:, None]])
                parts[2] = weights.inter * inter_layer(*maps)
        return parts

    def _matched(self, own: Sequence[Tensor], taught: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Pairs of float32 maps of one shape: each tap at the smaller of both sizes, or all at the smallest of all."""
        sizes = [_smaller([one, other]) for one, other in zip(own, taught, strict=True)]
        if self.config.teacher.taps == "pooled":
            sizes = [_smaller([*own, *taught])] * len(sizes)
        own = [adapt(pool_to(one, size)) for adapt, one, size in zip(self.adapters, own, sizes, strict=True)]
        taught = [pool_to(one, size) for one, size in zip(taught, sizes, strict=True)]
        return [one.float() for one in own], [one.float() for one in taught]


def soft_poisson(density: Tensor, teacher: Tensor) -> Tensor:
    """The teacher's density as the target of poisson_squares, mean over items; (n, h, w)."""
    return torch.stack([poisson_squares(one, other) for one, other in zip(density, teacher, strict=True)]).mean()


SOFT_LOSSES = {"density-mse": soft_target, "poisson": soft_poisson}


def _smaller(maps: Sequence[Tensor]) -> tuple[int, int]:
    return min(one.shape[2] for one in maps), min(one.shape[3] for one in maps)


def _chosen(own: Tapped, items: list[int]) -> Tapped:
    return Tapped(own.density[items], [one[items] for one in own.maps])
