"""Starting weights: where they come from and how they are brought to a scale that trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from distiller.backbones import PIXELS, load_backbone
from distiller.counting import CountingNetwork
from distiller.googlenet import load_googlenet
from distiller.layers import IMAGENET_STD_RGB, ConvReLU
from distiller.networks import Architecture
from sdk.errors import ArtifactError, ConfigError

LEAST_DEVIATION = 1e-6  # of a layer's output; one that is flatter is left alone
LEAST_DENSITY = 1e-3  # people per cell that a fresh head answers at least, so that its ReLU is alive


def load_encoder(network: CountingNetwork, architecture: Architecture, path: Path, photos: Tensor) -> int:
    """Copy a file of ImageNet weights into the network's front end; returns how many layers or tensors it had.

    photos: (n, h, w, 3) uint8 BGR, on which weights of another normalisation are fitted.
    """
    weights = _read_weights(path)
    if architecture.name.startswith("googlenet"):
        return load_googlenet(network, weights, photos, path.name)
    if architecture.name in PIXELS:
        return load_backbone(network, architecture, weights, path.name)
    return load_vgg(network, weights, path.name)


def load_vgg(network: CountingNetwork, weights: Mapping[str, Tensor], where: str) -> int:
    """Copy VGG's convolutions, as far as there are any, into a front end of their width; returns how many there were.

    They take BGR, 0..255 minus the mean. Ours divides by the deviation too, so the first convolution's input channels
    are scaled back. Layers are named `conv11` or `conv1_1`.
    """
    weights = {key.replace("_", "", 1): value.float() for key, value in weights.items()}
    layers = [(name, layer) for name, layer in named_layers(network) if f"{name}.weight" in weights]
    if not layers:
        hint = "expected the quarter-width VGG-19 encoder"
        raise ArtifactError(f"encoder {where} holds none of the network's layers, such as conv11.weight", hint=hint)
    for name, layer in layers:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if weight.shape != layer.conv.weight.shape:
            have, want = tuple(weight.shape), tuple(layer.conv.weight.shape)
            raise ArtifactError(f"{where}: {name} has shape {have}, the network's layer has {want}")
        if name == "conv11":
            weight = weight * torch.tensor([255 * s for s in reversed(IMAGENET_STD_RGB)]).view(1, 3, 1, 1)
        with torch.no_grad():
            layer.conv.weight.copy_(weight)
            layer.conv.bias.copy_(bias)  # type: ignore[union-attr]
    return len(layers)


def named_layers(network: CountingNetwork) -> list[tuple[str, ConvReLU]]:
    """The front end's layers under VGG's names: `conv21` is the first of the second block."""
    named, block, place = [], 1, 0
    for module in network.frontend:
        if isinstance(module, ConvReLU):
            place += 1
            named.append((f"conv{block}{place}", module))
        else:
            block, place = block + 1, 0
    return named


def check_encoder(path: Path) -> None:
    """Refuse a file of starting weights that is not there."""
    if not path.is_file():
        hint = "is --weights the folder that holds the recipe's encoder?"
        raise ConfigError(f"no encoder {path}", hint=hint)


def _read_weights(path: Path) -> dict[str, Tensor]:
    check_encoder(path)
    try:
        return load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"encoder {path} cannot be read: {error}") from error


@torch.no_grad()
def rescale(network: CountingNetwork, photos: Tensor) -> None:
    """Bring every layer's output on real photos to unit deviation, keeping what the network computes up to a factor.

    A ReLU passes factors through, so each convolution is divided by its output's deviation (Mishkin and Matas, ICLR
    2016, arXiv 1511.06422), and the biases that follow by the factors so far. Batch normalisations, where there are
    any, start as the identity on these photos. A front end with parts of several layers, such as residual blocks,
    is left as it is.
    photos: (n, h, w, 3) uint8 BGR.
    """
    factor = torch.ones(())
    x = network.eval().normalise(photos)
    plain = all(isinstance(layer, (ConvReLU, nn.MaxPool2d)) for layer in network.frontend)
    scaled = [*network.frontend, *network.head] if plain else [*network.head]
    for layer in [*network.frontend, *network.head]:
        if layer in scaled and isinstance(layer, ConvReLU):
            conv = layer.conv
            conv.bias.div_(factor)  # type: ignore[union-attr]
            deviation = conv(x).std()
            deviation = torch.where(deviation > LEAST_DEVIATION, deviation, 1.0)
            conv.weight.div_(deviation)
            conv.bias.div_(deviation)  # type: ignore[union-attr]
            factor = factor * deviation
            if isinstance(layer.norm, nn.BatchNorm2d):
                start_as_identity(layer.norm, conv(x))
        x = layer(x)
    network.train()


@torch.no_grad()
def measure_statistics(network: CountingNetwork, batches: Iterable[Tensor]) -> None:
    """Set every batch normalisation's statistics to their mean over batches of photos (n, h, w, 3) uint8 BGR.

    Averaged weights need this (Izmailov et al., UAI 2018, arXiv 1803.05407, section 3.2): the running statistics belong
    to other weights, and lag behind.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches
    network.train()
    for batch in batches:
        network(batch)
    network.eval()


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
    if not isinstance(last, nn.Conv2d) or last.bias is None:
        raise TypeError(f"the head ends in {type(last).__name__}, expected a convolution with a bias")
    density = max(people_per_cell, LEAST_DENSITY) * (network.spread / network.block) ** 2
    nn.init.normal_(last.weight, std=density / last.in_channels)
    nn.init.constant_(last.bias, density)
