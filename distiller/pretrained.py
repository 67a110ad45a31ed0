"""Starting weights: where they come from and how they are brought to a scale that trains."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from distiller.networks import IMAGENET_STD_RGB, ConvReLU, CountingNetwork
from sdk.errors import ArtifactError

# Convolutions of the quarter-width VGG-19 encoder, in the order in which a VGG-19 front end runs them.
QUARTER_ENCODER = tuple(f"conv{block}{layer}" for block, layers in enumerate((2, 2, 4, 4, 1), 1)
                        for layer in range(1, layers + 1))  # fmt: skip


def load_quarter_encoder(network: CountingNetwork, path: Path) -> int:
    """Copy the encoder's convolutions into a quarter-width VGG front end; returns how many fitted.

    The encoder takes BGR, 0..255 minus the mean. Ours divides by the deviation too, so the first convolution's input
    channels are scaled back.
    """
    weights = load_file(str(path))
    layers = [module for module in network.frontend if isinstance(module, ConvReLU)]
    for name, layer in zip(QUARTER_ENCODER, layers, strict=False):
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if weight.shape != layer.conv.weight.shape:
            have, want = tuple(weight.shape), tuple(layer.conv.weight.shape)
            raise ArtifactError(f"{path.name}: {name} has shape {have}, the network's layer has {want}")
        if name == QUARTER_ENCODER[0]:
            weight = weight * torch.tensor([255 * s for s in reversed(IMAGENET_STD_RGB)]).view(1, 3, 1, 1)
        with torch.no_grad():
            layer.conv.weight.copy_(weight)
            layer.conv.bias.copy_(bias)  # type: ignore[union-attr]
    return min(len(layers), len(QUARTER_ENCODER))


@torch.no_grad()
def rescale(network: CountingNetwork, photos: Tensor) -> None:
    """Bring every layer's output on real photos to unit deviation, keeping what the network computes up to a factor.

    A ReLU passes factors through, so each convolution is divided by its output's deviation (Mishkin and Matas, ICLR
    2016, arXiv 1511.06422), and the biases that follow by the factors so far. Batch normalisations, where there are
    any, start as the identity on these photos. photos: (n, h, w, 3) uint8 BGR.
    """
    factor = torch.ones(())
    x = network.normalise(photos)
    for layer in [*network.frontend, *network.head]:
        if isinstance(layer, ConvReLU):
            conv = layer.conv
            conv.bias.div_(factor)  # type: ignore[union-attr]
            deviation = conv(x).std()
            conv.weight.div_(deviation)
            conv.bias.div_(deviation)  # type: ignore[union-attr]
            factor = factor * deviation
            if isinstance(layer.norm, nn.BatchNorm2d):
                start_as_identity(layer.norm, conv(x))
            layer.eval()
        x = layer(x)
    network.train()


def start_as_identity(norm: nn.BatchNorm2d, x: Tensor) -> None:
    """Set statistics and affine so that the layer passes (n, c, h, w) on unchanged."""
    variance, mean = torch.var_mean(x, dim=(0, 2, 3))
    norm.running_mean.copy_(mean)  # type: ignore[union-attr]
    norm.running_var.copy_(variance)  # type: ignore[union-attr]
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(mean)


def start_head(network: CountingNetwork, people_per_cell: float) -> None:
    """Let the last convolution start near the mean density of the training photos, so that its ReLU is alive."""
    last = network.head[-1]
    assert isinstance(last, nn.Conv2d) and last.bias is not None  # noqa: PT018 - every head ends so
    nn.init.normal_(last.weight, std=people_per_cell / last.in_channels)
    nn.init.constant_(last.bias, people_per_cell)
