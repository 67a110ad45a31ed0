"""Counting networks from one definition, with width as an argument.

A network takes photos as cameras give them and returns people per cell; colour order, scaling and normalisation are
part of it, so training, export and devices share one preprocessing.

* CSRNet (Li et al., CVPR 2018, arXiv 1802.10062): VGG-16 up to conv4_3, then six convolutions of dilation 2.
* BL (Ma et al., ICCV 2019, arXiv 1908.03684): VGG-19 up to conv5_4, doubled in size, then a regression head.
* Their 1/n students (Liu et al., ACM MM 2020, arXiv 2003.10120): every layer keeps 1/n of its channels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distiller.limits import check_choice, check_limits

IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)  # of pixels scaled to 0..1
IMAGENET_STD_RGB = (0.229, 0.224, 0.225)
STRIDE = 8  # pixels a density cell covers, each way

POOL = "pool"
VGG16_TO_CONV4_3 = (64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512)
VGG19_TO_CONV5_4 = (
    *(64, 64, POOL, 128, 128, POOL, 256, 256, 256, 256, POOL),
    *(512, 512, 512, 512, POOL, 512, 512, 512, 512),
)


def keep(channels: int, n: int) -> int:
    """Channels that a 1/n student keeps of a layer of its teacher: rounded, at least one."""
    return max(1, round(channels / n))


class Normalise(nn.Module):
    """Photos (n, h, w, 3) uint8 BGR -> (n, 3, h, w) float32 BGR of mean 0 and deviation 1 over ImageNet."""

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean = [255 * value for value in reversed(IMAGENET_MEAN_RGB)]
        scale = [1 / (255 * value) for value in reversed(IMAGENET_STD_RGB)]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(scale).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return (image.permute(0, 3, 1, 2).float() - self.mean) * self.scale


class ConvReLU(nn.Module):
    """A 3x3 convolution, batch normalisation while training if asked for, and a ReLU."""

    def __init__(self, inputs: int, outputs: int, *, dilation: int = 1, batch_norm: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


def conv_stack(inputs: int, plan: Sequence[int | str], *, dilation: int = 1, batch_norm: bool = False) -> nn.Sequential:
    """Convolutions of the given output channels, with a 2x2 max-pool where the plan says so."""
    layers: list[nn.Module] = []
    for step in plan:
        if isinstance(step, str):
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers.append(ConvReLU(inputs, step, dilation=dilation, batch_norm=batch_norm))
            inputs = step
    return nn.Sequential(*layers)


def narrow(plan: Sequence[int | str], n: int) -> list[int | str]:
    """The plan of a 1/n student."""
    return [step if isinstance(step, str) else keep(step, n) for step in plan]


def revivable_relu(x: Tensor) -> Tensor:
    """A ReLU that passes a tenth of the gradient below zero, so that cells which answer nobody can learn to count."""
    below = 0.1 * x.clamp(max=0)
    return F.relu(x) + below - below.detach()


class CountingNetwork(nn.Module):
    """Photos (n, h, w, 3) uint8 BGR -> density (n, h/8, w/8) float32, people per cell, never negative.

    Sides must be multiples of `multiple` pixels.
    """

    def __init__(self, frontend: nn.Sequential, head: nn.Sequential, *, multiple: int, upsample: int) -> None:
        super().__init__()
        self.multiple = multiple
        self.upsample = upsample
        self.normalise = Normalise()
        self.frontend = frontend
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        x = self.frontend(self.normalise(image))
        if self.upsample > 1:
            x = F.interpolate(x, scale_factor=self.upsample, mode="bilinear", align_corners=False)
        x = self.head(x)
        return (revivable_relu(x) if self.training else F.relu(x)).squeeze(1).float()


def csrnet(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """CSRNet, or its 1/n student. 16.26 M parameters and 205.5 GMAC at 576x864; 1/4: 1.02 M and 13.0."""
    frontend = conv_stack(3, narrow(VGG16_TO_CONV4_3, n), batch_norm=batch_norm)
    plan = narrow((512, 512, 512, 256, 128, 64), n)
    head = conv_stack(keep(512, n), plan, dilation=2, batch_norm=batch_norm)
    head.append(nn.Conv2d(keep(64, n), 1, 1))
    return CountingNetwork(frontend, head, multiple=8, upsample=1)


def bl(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """BL's VGG-19 network, or its 1/n student. 21.50 M parameters and 205.0 GMAC at 576x864; 1/4: 1.35 M and 13.0."""
    frontend = conv_stack(3, narrow(VGG19_TO_CONV5_4, n), batch_norm=batch_norm)
    head = conv_stack(keep(512, n), narrow((256, 128), n), batch_norm=batch_norm)
    head.append(nn.Conv2d(keep(128, n), 1, 1))
    return CountingNetwork(frontend, head, multiple=16, upsample=2)


ARCHITECTURES: dict[str, Callable[..., CountingNetwork]] = {"csrnet": csrnet, "bl": bl}


@dataclass(frozen=True)
class Architecture:
    """Which network."""

    name: str
    n: int = 1  # every layer keeps 1/n of its channels
    batch_norm: bool = False  # while it is trained

    def __post_init__(self) -> None:
        check_choice("architecture", self.name, ARCHITECTURES)
        check_limits("", {"n": self.n}, {"n": (1, 512)})

    def __str__(self) -> str:
        return f"{self.name} 1/{self.n}{' with batch normalisation' if self.batch_norm else ''}"

    def build(self) -> CountingNetwork:
        """The network with random weights."""
        return ARCHITECTURES[self.name](self.n, batch_norm=self.batch_norm)


def build(architecture: str, n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """The network of that name at 1/n of the width; refuses unknown names and n below 1."""
    return Architecture(architecture, n, batch_norm).build()


def fused(network: CountingNetwork) -> CountingNetwork:
    """A copy in evaluation mode with every batch normalisation folded into its convolution; answers the same."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, ConvReLU) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = nn.utils.fusion.fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return network


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """The network's convolutions in the order in which they run."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def count_parameters(network: nn.Module) -> int:
    """Weights and biases of the convolutions: what is left after fusing."""
    return sum(p.numel() for conv in convolutions(network) for p in (conv.weight, conv.bias) if p is not None)


def count_macs(network: CountingNetwork, height: int, width: int) -> int:
    """Multiply-accumulates of all convolutions for one photo of that size, biases not counted."""
    total = 0

    def add(conv: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        assert isinstance(conv, nn.Conv2d)  # only convolutions carry this hook
        total += conv.weight.numel() * output.shape[-2] * output.shape[-1]

    meta = copy.deepcopy(network).to("meta").eval()
    hooks = [conv.register_forward_hook(add) for conv in convolutions(meta)]
    meta(torch.empty(1, height, width, 3, dtype=torch.uint8, device="meta"))
    for hook in hooks:
        hook.remove()
    return total
