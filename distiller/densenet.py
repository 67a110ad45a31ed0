"""DenseNet-169 (Huang et al., CVPR 2017, arXiv 1608.06993) up to its third transition, with BL's head: a teacher.

The transition's map has stride 16 and is doubled in size before the head.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distiller.counting import CountingNetwork
from distiller.layers import Affine, ConvNorm, NormReLU, keep
from distiller.vgg import regression_head

EPSILON = 1.001e-5  # of the batch normalisations, as the published weights have it
BLOCKS = (6, 12, 32)  # layers of each dense block
GROWTH = 32  # channels that a layer adds
INSIDE = 4  # a layer's 1x1 convolution makes so many times as many
TAPS = (
    *("frontend.relu0", "frontend.pool0", "frontend.transition1", "frontend.transition2.conv"),
    *("enlarge", "head.0"),
)


class DenseLayer(nn.Module):
    """(n, inputs, h, w) -> (n, inputs + growth, h, w)."""

    def __init__(self, inputs: int, growth: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.first = NormReLU(_first_norm(inputs, batch_norm=batch_norm))
        after = nn.BatchNorm2d(INSIDE * growth, eps=EPSILON) if batch_norm else nn.Identity()
        self.conv1 = ConvNorm(inputs, INSIDE * growth, 1, norm=after)
        self.conv2 = nn.Conv2d(INSIDE * growth, growth, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv2(F.relu(self.conv1(self.first(x))))], dim=1)


def densenet169(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """DenseNet-169 to transition3 with a density head, every layer at 1/n of its channels."""
    width, growth = keep(64, n), keep(GROWTH, n)
    stem = ConvNorm(3, width, 7, norm=nn.BatchNorm2d(width, eps=EPSILON) if batch_norm else nn.Identity(), stride=2)
    parts: list[tuple[str, nn.Module]] = [("conv0", stem), ("relu0", nn.ReLU())]
    parts.append(("pool0", nn.MaxPool2d(3, stride=2, padding=1)))
    for number, layers in enumerate(BLOCKS, 1):
        parts.append((f"denseblock{number}", _dense_block(width, growth, layers, batch_norm=batch_norm)))
        width += layers * growth
        last = number == len(BLOCKS)
        parts.append((f"transition{number}", _transition(width, batch_norm=batch_norm, pool=not last)))
        width = max(1, width // 2)
    head = regression_head(width, n, batch_norm=batch_norm)
    return CountingNetwork(nn.Sequential(OrderedDict(parts)), head, multiple=16, taps=TAPS, enlarge=2)


def _dense_block(inputs: int, growth: int, layers: int, *, batch_norm: bool) -> nn.Sequential:
    widths = [inputs + growth * index for index in range(layers)]
    parts = [DenseLayer(width, growth, batch_norm=batch_norm) for width in widths]
    return nn.Sequential(OrderedDict((f"denselayer{number}", part) for number, part in enumerate(parts, 1)))


def _transition(inputs: int, *, batch_norm: bool, pool: bool) -> nn.Sequential:
    """Half of the channels, and half of the size where there is a pool."""
    parts: list[tuple[str, nn.Module]] = [("first", NormReLU(_first_norm(inputs, batch_norm=batch_norm)))]
    parts.append(("conv", nn.Conv2d(inputs, max(1, inputs // 2), 1)))
    if pool:
        parts.append(("pool", nn.AvgPool2d(2, 2)))
    return nn.Sequential(OrderedDict(parts))


def _first_norm(channels: int, *, batch_norm: bool) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=EPSILON) if batch_norm else Affine(channels)
