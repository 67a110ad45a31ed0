"""ResNet-50 (He et al., CVPR 2016, arXiv 1512.03385) up to its third stage, with BL's head: a teacher.

The stride of each stage sits on its first 1x1 convolutions, as in the original release; the third stage has none, so
that its map has stride 8.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from distiller.counting import CountingNetwork
from distiller.layers import ConvNorm, keep
from distiller.vgg import regression_head

EPSILON = 1.001e-5  # of the batch normalisations, as the published weights have it
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 1))  # channels inside the blocks, blocks, stride of the first
EXPANSION = 4
TAPS = ("frontend.relu", "frontend.maxpool", "frontend.layer1", "frontend.layer2", "frontend.layer3", "head.0")


class Bottleneck(nn.Module):
    """A residual block: 1x1, 3x3 and 1x1 convolutions beside the identity, or a 1x1 convolution."""

    def __init__(self, inputs: int, inside: int, outputs: int, *, stride: int, batch_norm: bool) -> None:
        super().__init__()
        self.conv1 = ConvNorm(inputs, inside, 1, norm=_norm(inside, batch_norm=batch_norm), stride=stride)
        self.conv2 = ConvNorm(inside, inside, 3, norm=_norm(inside, batch_norm=batch_norm))
        self.conv3 = ConvNorm(inside, outputs, 1, norm=_norm(outputs, batch_norm=batch_norm))
        same = stride == 1 and inputs == outputs
        beside = ConvNorm(inputs, outputs, 1, norm=_norm(outputs, batch_norm=batch_norm), stride=stride)
        self.downsample = nn.Identity() if same else beside

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu(self.conv3(inside) + self.downsample(x))


def resnet50(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """ResNet-50 to layer3 at stride 8 with a density head, every layer at 1/n of its channels."""
    width = keep(64, n)
    stem = ConvNorm(3, width, 7, norm=_norm(width, batch_norm=batch_norm), stride=2)
    parts: list[tuple[str, nn.Module]] = [("conv1", stem)]
    parts += [("relu", nn.ReLU()), ("maxpool", nn.MaxPool2d(3, stride=2, padding=1))]
    for number, (channels, blocks, stride) in enumerate(STAGES, 1):
        inside, outputs = keep(channels, n), keep(EXPANSION * channels, n)
        stage = nn.Sequential()
        for index in range(blocks):
            step = stride if index == 0 else 1
            stage.append(Bottleneck(width, inside, outputs, stride=step, batch_norm=batch_norm))
            width = outputs
        parts.append((f"layer{number}", stage))
    head = regression_head(width, n, batch_norm=batch_norm)
    return CountingNetwork(nn.Sequential(OrderedDict(parts)), head, multiple=8, taps=TAPS)


def _norm(channels: int, *, batch_norm: bool) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=EPSILON) if batch_norm else nn.Identity()
