"""The counting networks by name, with width as an argument.

A network takes photos as cameras give them and returns people per cell; colour order, scaling and normalisation are
part of it, so training, export and devices share one preprocessing. Their 1/n students keep 1/n of each layer's
channels (Liu et al., ACM MM 2020, arXiv 2003.10120).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distiller.counting import STRIDE, CountingNetwork
from distiller.densenet import densenet169
from distiller.googlenet import googlenet, googlenet_deep, googlenet_quick, googlenet_tiny
from distiller.layers import Affine, ConvNorm, ConvReLU, NormReLU
from distiller.limits import check_choice, check_limits
from distiller.resnet import resnet50
from distiller.sanet import sanet
from distiller.vgg import bl, csrnet

__all__ = [
    "ARCHITECTURES",
    "STRIDE",
    "Architecture",
    "CountingNetwork",
    "build",
    "convolutions",
    "count_macs",
    "count_parameters",
    "fused",
]

Convolution = nn.Conv2d | nn.ConvTranspose2d

ARCHITECTURES: dict[str, Callable[..., CountingNetwork]] = {
    "bl": bl,
    "csrnet": csrnet,
    "densenet169": densenet169,
    "googlenet": googlenet,
    "googlenet-deep": googlenet_deep,
    "googlenet-quick": googlenet_quick,
    "googlenet-tiny": googlenet_tiny,
    "resnet50": resnet50,
    "sanet": sanet,
}


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
    """A copy in evaluation mode with every batch normalisation folded into its convolution; answers the same.

    One that comes before a ReLU and no convolution is left as a factor and an offset for each channel.
    """
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, (ConvReLU, ConvNorm)) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = nn.utils.fusion.fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
        elif isinstance(module, NormReLU) and isinstance(module.norm, nn.BatchNorm2d):
            module.norm = Affine.of(module.norm)
    return network


def convolutions(network: nn.Module) -> list[Convolution]:
    """The network's convolutions in the order in which they run."""
    return [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))]


def count_parameters(network: nn.Module) -> int:
    """What is left after fusing: weights and biases of convolutions, and of normalisations that stay."""
    kept = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d, Affine))]
    before = [m.norm for m in network.modules() if isinstance(m, NormReLU) and isinstance(m.norm, nn.BatchNorm2d)]
    return sum(parameter.numel() for module in (*kept, *before) for parameter in module.parameters())


def count_macs(network: CountingNetwork, height: int, width: int) -> int:
    """Multiply-accumulates of all convolutions for one photo of that size, biases not counted."""
    total = 0

    def add(conv: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(conv, (nn.Conv2d, nn.ConvTranspose2d))  # only convolutions carry this hook
        places = inputs[0] if isinstance(conv, nn.ConvTranspose2d) else output
        total += conv.weight.numel() * places.shape[-2] * places.shape[-1]

    meta = copy.deepcopy(network).to("meta").eval()
    hooks = [conv.register_forward_hook(add) for conv in convolutions(meta)]
    meta(torch.empty(1, height, width, 3, dtype=torch.uint8, device="meta"))
    for hook in hooks:
        hook.remove()
    return total
