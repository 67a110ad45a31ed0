"""SANet (Cao et al., ECCV 2018): modules of several kernel sizes, and a decoder to a map of the photo's size.

From the paper's description: four scale aggregation modules of 64, 128, 128 and 64 channels with pools between them;
each joins a 1x1, a 3x3, a 5x5 and a 7x7 branch of equal width, and the larger ones begin, but in the first module, with
a 1x1 convolution to half of the module's channels. The decoder's convolutions are 9x9 to 64, 7x7 to 32, 5x5 to 16 and
3x3 to 16 channels with transposed convolutions between, then 1x1 to the density. Convolutions are normalised by
instance. That makes the published 0.91 M parameters. A density cell is the sum of its 8x8 places.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distiller.counting import STRIDE, CountingNetwork
from distiller.layers import ConvReLU, UpReLU, keep

KERNELS = (3, 5, 7)
TAPS = ("frontend.0", "frontend.1", "frontend.3", "frontend.5", "frontend.6", "head.0")


class ScaleAggregation(nn.Module):
    """(n, inputs, h, w) -> (n, outputs, h, w): branches of four kernel sizes, side by side."""

    def __init__(self, inputs: int, outputs: int, *, first: bool, batch_norm: bool) -> None:
        super().__init__()
        share, between = max(1, outputs // 4), max(1, outputs // 2)
        self.branches = nn.ModuleList([normalised(inputs, share, 1, batch_norm=batch_norm)])
        for kernel in KERNELS:
            reduce = [] if first else [normalised(inputs, between, 1, batch_norm=batch_norm)]
            last = normalised(inputs if first else between, share, kernel, batch_norm=batch_norm)
            self.branches.append(nn.Sequential(*reduce, last))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def normalised(inputs: int, outputs: int, kernel: int, *, batch_norm: bool) -> ConvReLU:
    """A convolution normalised by instance, as in the paper, or by batch, which can be folded for a device."""
    layer = ConvReLU(inputs, outputs, kernel=kernel, batch_norm=batch_norm)
    if not batch_norm:
        layer.norm = nn.InstanceNorm2d(outputs, affine=True)
    return layer


def sanet(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """SANet, or its 1/n student. 0.91 M parameters; 1/4: 0.058 M."""
    widths = [4 * keep(width, 4 * n) for width in (64, 128, 128, 64)]  # four branches of equal width
    frontend, inputs = nn.Sequential(), 3
    for index, width in enumerate(widths):
        frontend.append(ScaleAggregation(inputs, width, first=index == 0, batch_norm=batch_norm))
        if index < len(widths) - 1:
            frontend.append(nn.MaxPool2d(2, 2))
        inputs = width
    head = nn.Sequential()
    for outputs, kernel in ((keep(64, n), 9), (keep(32, n), 7), (keep(16, n), 5)):
        head.extend([normalised(inputs, outputs, kernel, batch_norm=batch_norm), UpReLU(outputs, outputs)])
        inputs = outputs
    head.extend([normalised(inputs, inputs, 3, batch_norm=batch_norm), nn.Conv2d(inputs, 1, 1)])
    network = CountingNetwork(frontend, head, multiple=8, taps=TAPS)
    network.block = STRIDE
    return network
