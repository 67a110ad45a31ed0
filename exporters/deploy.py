"""The deployed graph: a counting network as every engine runs it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distiller.networks import CountingNetwork, fused


class DeployedGraph(nn.Module):
    """Photos (n, h, w, 3) uint8 BGR -> density (n, h/8, w/8) float32, people per cell, and count (n,) float32."""

    def __init__(self, network: CountingNetwork) -> None:
        super().__init__()
        self.network = fused(network).float().requires_grad_(requires_grad=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Density and count of photos."""
        density = self.network(image)
        return density, density.sum(dim=(1, 2), dtype=torch.float32)
