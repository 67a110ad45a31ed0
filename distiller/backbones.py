"""ImageNet weights of ResNet-50 and DenseNet-169 for the teachers' front ends.

Both files name their tensors as torchvision does. Each network was trained on its own preprocessing of pixels, which
goes into the first convolution, so that the counting network takes photos as all others do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from distiller.layers import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB
from distiller.networks import Architecture, CountingNetwork, fused
from sdk.errors import ArtifactError

CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)  # of pixels 0..255

Weights = Mapping[str, Tensor]


def load_backbone(network: CountingNetwork, architecture: Architecture, weights: Weights, where: str) -> int:
    """Copy a file's weights into the front end; where the network has no batch normalisation it is folded first.

    Returns how many tensors the file gave. Refuses a file that lacks one or has one of another shape.
    """
    normalised = replace(architecture, batch_norm=True).build()
    renamed = {rename(key): value.float() for key, value in weights.items()}
    PIXELS[architecture.name](renamed)
    own = normalised.frontend.state_dict()
    for key, value in own.items():
        _check(key, value, renamed, where)
    normalised.frontend.load_state_dict({key: renamed.get(key, torch.zeros_like(value)) for key, value in own.items()})
    source = normalised if architecture.batch_norm else fused(normalised)
    network.frontend.load_state_dict(source.frontend.state_dict())
    return len(renamed)


def _check(key: str, value: Tensor, given: Weights, where: str) -> None:
    if key not in given:
        if not key.endswith((".bias", ".num_batches_tracked")):  # their convolutions have no biases
            raise ArtifactError(f"{where} holds no {key} of the network's front end")
    elif given[key].shape != value.shape:
        have, want = tuple(given[key].shape), tuple(value.shape)
        raise ArtifactError(f"{where}: {key} has shape {have}, the network's has {want}")


def rename(key: str) -> str:
    """From torchvision's name of a tensor to ours, in which a normalisation belongs to its convolution."""
    key = key.removeprefix("features.")
    for pattern, ours in RENAMED:
        key, found = re.subn(pattern, ours, key)
        if found:
            return key
    return key


RENAMED = (
    (r"denselayer(\d+)\.norm1\.", r"denselayer\1.first.norm."),
    (r"denselayer(\d+)\.conv1\.", r"denselayer\1.conv1.conv."),
    (r"denselayer(\d+)\.norm2\.", r"denselayer\1.conv1.norm."),
    (r"denselayer(\d+)\.conv2\.", r"denselayer\1.conv2."),
    (r"^transition(\d)\.norm\.", r"transition\1.first.norm."),
    (r"^conv0\.", "conv0.conv."),
    (r"^norm0\.", "conv0.norm."),
    (r"(^|\.)conv(\d)\.", r"\1conv\2.conv."),
    (r"(^|\.)bn(\d)\.", r"\1conv\2.norm."),
    (r"downsample\.0\.", "downsample.conv."),
    (r"downsample\.1\.", "downsample.norm."),
)


def from_caffe_pixels(weights: dict[str, Tensor]) -> None:
    """ResNet-50's stem: it takes BGR, 0..255 less a mean; ours divides by a deviation, of another mean."""
    weight = weights["conv1.conv.weight"]
    mean, deviation = (255 * torch.tensor(values[::-1]) for values in (IMAGENET_MEAN_RGB, IMAGENET_STD_RGB))
    weights["conv1.conv.bias"] = (weight.sum((2, 3)) * (mean - torch.tensor(CAFFE_MEAN_BGR))).sum(1)
    weights["conv1.conv.weight"] = weight * deviation.view(1, 3, 1, 1)


def from_rgb(weights: dict[str, Tensor]) -> None:
    """DenseNet-169's stem: it takes pixels as ours does, but for their colour order."""
    weights["conv0.conv.weight"] = weights["conv0.conv.weight"].flip(1)


PIXELS: dict[str, Callable[[dict[str, Tensor]], None]] = {"densenet169": from_rgb, "resnet50": from_caffe_pixels}
