"""A network as INT8 engines will compute it, in float, so that it can be trained with what rounding does to it.

As the exporter places it: the input of every convolution but the last is rounded to 256 levels (u8, with a zero point),
its weights to 255 (s8, a scale for each output channel). Pixels are normalised in float. Gradients pass the rounding as
if it were not there, and not where values are cut off (Jacob et al., CVPR 2018, arXiv 1712.05877).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from distiller.networks import CountingNetwork
from sdk.errors import ConfigError

LEVELS = 255  # steps of u8
LARGEST = 127  # of s8, symmetric
FLATTEST = 1e-8  # of a scale


class Range(NamedTuple):
    """Least and greatest value of a convolution's input; 0, which padding holds, is within."""

    low: float
    high: float

    @property
    def scale(self) -> float:
        """A level's height."""
        return max((self.high - self.low) / LEVELS, FLATTEST)

    @property
    def zero_point(self) -> int:
        """The level of 0."""
        return min(LEVELS, max(0, round(-self.low / self.scale)))


def rounded(x: Tensor, within: Range) -> Tensor:
    """The nearest of 256 levels; beyond the range its ends."""
    return torch.fake_quantize_per_tensor_affine(x, within.scale, within.zero_point, 0, LEVELS)


def rounded_weights(weight: Tensor) -> Tensor:
    """(out, in, k, k) rounded to 255 levels of each output channel's own."""
    scale = (weight.detach().abs().amax((1, 2, 3)) / LARGEST).clamp(min=FLATTEST)
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -LARGEST, LARGEST)


def quantised_convolutions(network: nn.Module) -> dict[str, nn.Conv2d]:
    """The convolutions that are computed in INT8, by name: all but the last, which makes the density."""
    found = {name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d)}
    return dict(list(found.items())[:-1])


@torch.no_grad()
def measure_ranges(network: CountingNetwork, batches: Iterable[Tensor]) -> dict[str, Range]:
    """Least and greatest input of each convolution over batches of photos (n, h, w, 3) uint8 BGR."""
    ranges: dict[str, Range] = {}
    parts = quantised_convolutions(network)
    hooks = [part.register_forward_pre_hook(_watch(ranges, name)) for name, part in parts.items()]
    try:
        for batch in batches:
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return ranges


def _watch(ranges: dict[str, Range], name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        low, high = (float(value) for value in inputs[0].aminmax())
        before = ranges.get(name, Range(0.0, 0.0))
        ranges[name] = Range(min(before.low, low), max(before.high, high))

    return hook


class Quantised(nn.Module):
    """The network with its convolutions' inputs and weights rounded; the network itself stays as it is."""

    def __init__(self, network: CountingNetwork, ranges: dict[str, Range]) -> None:
        super().__init__()
        if any(isinstance(part, nn.BatchNorm2d) for part in network.modules()):
            raise ConfigError("a network with batch normalisation cannot be trained quantised", hint="fold it first")
        self.network = network
        self.ranges = ranges
        self.multiple = network.multiple
        self.taps = tuple(f"network.{name}" for name in network.taps)

    def forward(self, image: Tensor) -> Tensor:
        parts = quantised_convolutions(self.network)
        weights = {f"{name}.weight": rounded_weights(part.weight) for name, part in parts.items()}
        hooks = [part.register_forward_pre_hook(_round(self.ranges[name])) for name, part in parts.items()]
        try:
            density: Tensor = functional_call(self.network, weights, (image,))
        finally:
            for hook in hooks:
                hook.remove()
        return density


def _round(within: Range) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (rounded(inputs[0], within),)

    return hook
