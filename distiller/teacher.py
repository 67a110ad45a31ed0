"""The network that a student learns from: frozen, in evaluation mode, in the fastest number format that will do."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from distiller import checkpoint as store
from distiller.device import autocast
from distiller.networks import CountingNetwork, count_parameters, fused
from distiller.packaged import load_start
from distiller.taps import Tapped, run_tapped


class Teacher:
    """Answers photos; nothing that it computes has a gradient, and nothing of it is trained."""

    def __init__(self, network: nn.Module, device: torch.device, *, number_format: str, tapped: bool) -> None:
        frozen = copy.deepcopy(network).to(device).eval().requires_grad_(requires_grad=False)
        self.network: nn.Module = frozen.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        self.number_format = number_format
        self.facts = {"parameters": count_parameters(self.network), "sha256": digest(self.network)}
        self.tapped = tapped  # whether its features are needed, or its density alone

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tapped:
        """Density and maps of photos (n, h, w, 3) uint8 BGR; no maps where none are needed."""
        with autocast(self.device, self.number_format):
            return run_tapped(self.network, image) if self.tapped else Tapped(self.network(image), [])


def load_teacher(path: Path) -> CountingNetwork:
    """The network of a checkpoint, its batch normalisation folded, or of a package."""
    return fused(store.network_of(load_start(path)))


def digest(network: nn.Module) -> str:
    """The sha256 of the network's tensors, by name."""
    result = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        result.update(name.encode())
        result.update(value.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes())
    return result.hexdigest()
