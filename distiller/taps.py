"""Feature maps of a network where it says that a student may learn from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sdk.errors import ConfigError

Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]


class Tapped(NamedTuple):
    """What a network answers, and the maps on the way."""

    density: Tensor  # (n, h/8, w/8) people per cell
    maps: list[Tensor]  # (n, c, h', w'), the shallowest first


def tap_names(network: nn.Module) -> tuple[str, ...]:
    """The names of the network's taps, which are parts of it: its attribute `taps`.

    Any module will do that takes photos (n, h, w, 3) uint8 BGR, returns density (n, h/8, w/8), and has the attribute.
    """
    names = getattr(network, "taps", None)
    if not isinstance(names, tuple) or len(names) < 1:
        hint = 'give it an attribute such as taps = ("block1", "block2"), names of its parts'
        raise ConfigError(f"network {type(network).__name__} names no taps to learn from", hint=hint)
    parts = dict(network.named_modules())
    for name in names:
        if name not in parts:
            raise ConfigError(f"network {type(network).__name__} has no part {name!r}, which it names as a tap")
    return names


def run_tapped(network: nn.Module, image: Tensor) -> Tapped:
    """The network's density of photos (n, h, w, 3) uint8 BGR, and what passes its taps on the way."""
    names = tap_names(network)
    maps: dict[str, Tensor] = {}
    hooks = [network.get_submodule(name).register_forward_hook(_keep(maps, name)) for name in names]
    try:
        density = network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return Tapped(density, [maps[name] for name in names])


@torch.no_grad()
def tap_channels(network: nn.Module, multiple: int) -> list[int]:
    """Channels of each tap."""
    device = next(network.parameters()).device
    was_training = network.training
    image = torch.zeros(1, 2 * multiple, 2 * multiple, 3, dtype=torch.uint8, device=device)
    maps = run_tapped(network.eval(), image).maps
    network.train(was_training)
    return [one.shape[1] for one in maps]


def _keep(maps: dict[str, Tensor], name: str) -> Hook:
    def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        maps[name] = output

    return hook
