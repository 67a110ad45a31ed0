"""GoogLeNet (Szegedy et al., CVPR 2015, arXiv 1409.4842) up to its first block of stride 16, with a density head.

Its blocks cost little for what they know from ImageNet: 7x7 and 3x3 convolutions at strides 2 and 4, then 1x1, 3x3 and
5x5 convolutions side by side. Two things differ from the original: pools that halve the map are 2x2, so that cells lie
over their pixels, and the local response normalisations are factors of each channel, which the next convolutions hold.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distiller.counting import CountingNetwork
from distiller.layers import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, ConvReLU, keep
from sdk.errors import ArtifactError

TAPS = ("frontend.conv1", "frontend.conv2_reduce", "frontend.conv2", "frontend.inception_3a", "frontend.join", "head.0")
CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)  # of pixels 0..255


@dataclass(frozen=True)
class Branches:
    """Channels of an inception block's branches: 1x1; 3x3 after a 1x1; 5x5 after a 1x1; 1x1 after a pool."""

    one: int
    three: tuple[int, int]
    five: tuple[int, int]
    pool: int

    def narrow(self, n: int) -> Branches:
        """Those of a 1/n student."""
        three, five = ((keep(a, n), keep(b, n)) for a, b in (self.three, self.five))
        return Branches(keep(self.one, n), three, five, keep(self.pool, n))

    @property
    def outputs(self) -> int:
        """Channels of the whole block."""
        return self.one + self.three[1] + self.five[1] + self.pool


BLOCKS = {
    "3a": Branches(64, (96, 128), (16, 32), 32),
    "3b": Branches(128, (128, 192), (32, 96), 64),
    "4a": Branches(192, (96, 208), (16, 48), 64),
    "4b": Branches(160, (112, 224), (24, 64), 64),
    "4c": Branches(128, (128, 256), (24, 64), 64),
    "4d": Branches(112, (144, 288), (32, 64), 64),
    "4e": Branches(256, (160, 320), (32, 128), 128),
}


class Inception(nn.Module):
    """Convolutions of several sizes side by side, their outputs one after the other."""

    def __init__(self, inputs: int, branches: Branches, *, batch_norm: bool) -> None:
        super().__init__()
        self.one = ConvReLU(inputs, branches.one, kernel=1, batch_norm=batch_norm)
        self.three_reduce = ConvReLU(inputs, branches.three[0], kernel=1, batch_norm=batch_norm)
        self.three = ConvReLU(*branches.three, batch_norm=batch_norm)
        self.five_reduce = ConvReLU(inputs, branches.five[0], kernel=1, batch_norm=batch_norm)
        self.five = ConvReLU(*branches.five, kernel=5, batch_norm=batch_norm)
        self.pool = ConvReLU(inputs, branches.pool, kernel=1, batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        three, five = self.three(self.three_reduce(x)), self.five(self.five_reduce(x))
        return torch.cat([self.one(x), three, five, self.pool(pooled)], dim=1)


class Join(nn.Module):
    """Adds what blocks at half the size see of the surroundings to the map itself."""

    def __init__(self, inputs: int, outputs: int, deep: nn.Sequential, deep_outputs: int) -> None:
        super().__init__()
        self.deep = deep
        self.own = nn.Conv2d(inputs, outputs, 1)
        self.around = nn.Conv2d(deep_outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        around = self.around(self.deep(F.max_pool2d(x, 2)))
        around = F.interpolate(around, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.relu(self.own(x) + around)


def googlenet(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """GoogLeNet to inception 4a. 1.29 M parameters and 11.1 GMAC at 576x864."""
    return _googlenet(n, ("4a",), (96, 96, 64), batch_norm=batch_norm)


def googlenet_deep(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """GoogLeNet to inception 4e, a teacher of the other."""
    return _googlenet(n, ("4a", "4b", "4c", "4d", "4e"), (192, 192, 96), batch_norm=batch_norm)


def googlenet_quick(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """GoogLeNet to inception 4a at twice the stride, for small devices. 1.31 M parameters and 3.4 GMAC at 576x864.

    Its first convolution has filters of twice the size less a rim, so that it can start close to googlenet on photos of
    half the size, and looks at pixels that such a photo has lost.
    """
    stem = _quick_stem(n, batch_norm=batch_norm)
    return _googlenet(n, ("4a",), (96, 96, 64), batch_norm=batch_norm, stem=stem, spread=2)


def googlenet_tiny(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """googlenet-quick to inception 3a and a head that sees wide. 0.34 M parameters and 2.1 GMAC at 576x864."""
    blocks, joined = _inceptions(keep(192, n), ("3a",), n, batch_norm=batch_norm)
    frontend = nn.Sequential(OrderedDict([*_quick_stem(n, batch_norm=batch_norm), *blocks]))
    head = nn.Sequential(ConvReLU(joined, keep(40, n), kernel=1, batch_norm=batch_norm))
    for inputs, width in ((40, 32), (32, 32)):
        head.append(ConvReLU(keep(inputs, n), keep(width, n), dilation=2, batch_norm=batch_norm))
    head.append(nn.Conv2d(keep(32, n), 1, 1))
    return CountingNetwork(frontend, head, multiple=16, taps=(*TAPS[:4], "head.0", "head.1"), spread=2)


Parts = list[tuple[str, nn.Module]]


def _stem(n: int, *, batch_norm: bool, kernel: int = 7, stride: int = 2) -> Parts:
    """From photos to the first inception block: 1/n of 192 channels at four times the first convolution's stride."""
    first, second = keep(64, n), keep(192, n)
    return [
        ("conv1", ConvReLU(3, first, kernel=kernel, stride=stride, batch_norm=batch_norm)),
        ("pool1", nn.MaxPool2d(2, 2)),
        ("conv2_reduce", ConvReLU(first, first, kernel=1, batch_norm=batch_norm)),
        ("conv2", ConvReLU(first, second, batch_norm=batch_norm)),
        ("pool2", nn.MaxPool2d(2, 2)),
    ]


def _quick_stem(n: int, *, batch_norm: bool) -> Parts:
    """At twice the stride, its first filters at twice the size less a rim: that convolution is a third of the time."""
    return _stem(n, batch_norm=batch_norm, kernel=12, stride=4)


def _googlenet(
    n: int,
    deep: tuple[str, ...],
    head: tuple[int, int, int],
    *,
    batch_norm: bool,
    stem: Parts | None = None,
    spread: int = 1,
) -> CountingNetwork:
    blocks, middle = _inceptions(keep(192, n), ("3a", "3b"), n, batch_norm=batch_norm)
    parts = [*(stem or _stem(n, batch_norm=batch_norm)), *blocks]
    around, outputs = _inceptions(middle, deep, n, batch_norm=batch_norm)
    joined, *widths = (keep(width, n) for width in head)
    parts.append(("join", Join(middle, joined, nn.Sequential(OrderedDict(around)), outputs)))
    last = nn.Sequential()
    for width in widths:
        last.append(ConvReLU(joined, width, batch_norm=batch_norm))
        joined = width
    last.append(nn.Conv2d(joined, 1, 1))
    frontend = nn.Sequential(OrderedDict(parts))
    return CountingNetwork(frontend, last, multiple=16 * spread, taps=TAPS, spread=spread)


def load_googlenet(network: CountingNetwork, weights: Mapping[str, Tensor], photos: Tensor, where: str) -> int:
    """Copy Caffe's weights into the front end as far as it goes; returns how many convolutions there were.

    Theirs normalises responses between its first layers; ours holds the factors that come closest to it, channel by
    channel, on photos (n, h, w, 3) uint8 BGR. Theirs takes BGR less a mean, and activations are some tens; ours are
    brought to about one.
    """
    layers = {theirs: network.get_submodule(f"frontend.{ours}") for theirs, ours in _names(network).items()}
    convs = {name: layer.conv for name, layer in layers.items() if isinstance(layer, ConvReLU)}
    with torch.no_grad():
        for name, conv in convs.items():
            _copy(conv, weights, name, where)
        _take_in_pixels(convs["conv1/7x7_s2"])
        factors = _response_factors(network, photos)
        for name, conv in convs.items():
            if name in FOLLOWS_NORMALISATION:
                conv.weight.mul_(factors[FOLLOWS_NORMALISATION[name]].view(1, -1, 1, 1))
        _bring_to_one(network, [*convs.values()], photos)
    return len(convs)


BRANCH_NAMES = {
    "one": "1x1",
    "three_reduce": "3x3_reduce",
    "three": "3x3",
    "five_reduce": "5x5_reduce",
    "five": "5x5",
    "pool": "pool_proj",
}
STEM_NAMES = {"conv1/7x7_s2": "conv1", "conv2/3x3_reduce": "conv2_reduce", "conv2/3x3": "conv2"}
FOLLOWS_NORMALISATION = {
    "conv2/3x3_reduce": "conv1",
    **{f"inception_3a/{name}": "conv2" for name in ("1x1", "3x3_reduce", "5x5_reduce", "pool_proj")},
}


def _names(network: CountingNetwork) -> dict[str, str]:
    """Caffe's name of each convolution that the front end has, and ours."""
    names = dict(STEM_NAMES)
    for place, module in network.frontend.named_modules():
        if isinstance(module, Inception):
            block = place.rpartition(".")[2]
            names |= {f"{block}/{theirs}": f"{place}.{ours}" for ours, theirs in BRANCH_NAMES.items()}
    return names


def _copy(conv: nn.Conv2d, weights: Mapping[str, Tensor], name: str, where: str) -> None:
    for item in ("weight", "bias"):
        key, own = f"{name}.{item}", conv.get_parameter(item)
        if key not in weights:
            raise ArtifactError(f"{where} holds no {key} of the network's front end")
        value = weights[key]
        if value.ndim == own.ndim == 4 and 2 * value.shape[3] == own.shape[3] + 2:
            value = without_rim(at_half_the_size(value))
        if value.shape != own.shape:
            have, want = tuple(value.shape), tuple(own.shape)
            raise ArtifactError(f"{where}: {key} has shape {have}, the network's has {want}")
        own.copy_(value)


def at_half_the_size(weight: Tensor) -> Tensor:
    """Filters (o, i, k, k) for means over 2x2 pixels -> (o, i, 2k, 2k) for the pixels themselves."""
    return F.interpolate(weight, scale_factor=2.0, mode="nearest") / 4


def without_rim(weight: Tensor) -> Tensor:
    """Filters (o, i, k, k) -> (o, i, k - 2, k - 2): what the rim weighs goes to the weights beside it."""
    inner = weight[:, :, 1:-1].clone()
    inner[:, :, 0] += weight[:, :, 0]
    inner[:, :, -1] += weight[:, :, -1]
    cut = inner[..., 1:-1].clone()
    cut[..., 0] += inner[..., 0]
    cut[..., -1] += inner[..., -1]
    return cut


def _take_in_pixels(conv: nn.Conv2d) -> None:
    """Let a first convolution for BGR less Caffe's mean take pixels of ImageNet's mean and deviation."""
    mean, deviation = (255 * torch.tensor(values[::-1]) for values in (IMAGENET_MEAN_RGB, IMAGENET_STD_RGB))
    conv.get_parameter("bias").add_((conv.weight.sum((2, 3)) * (mean - torch.tensor(CAFFE_MEAN_BGR))).sum(1))
    conv.weight.mul_(deviation.view(1, 3, 1, 1))


def _response_factors(network: CountingNetwork, photos: Tensor) -> dict[str, Tensor]:
    """For each normalised layer the factor of each channel that comes closest, in squares, to its normalisation."""
    factors, x = {}, network.normalise(photos)
    for name, layer in network.frontend.named_children():
        if isinstance(layer, Inception):
            break
        x = layer(x)
        if name in FOLLOWS_NORMALISATION.values():
            normalised = F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)
            factors[name] = (normalised * x).sum((0, 2, 3)) / (x * x).sum((0, 2, 3)).clamp(min=1e-6)
            x = normalised
    return factors


def _bring_to_one(network: CountingNetwork, convs: Sequence[nn.Conv2d], photos: Tensor) -> None:
    """Divide what goes through the front end by its deviation before the blocks of stride 16."""
    x = network.normalise(photos)
    for name, layer in network.frontend.named_children():
        if name == "join":
            break
        x = layer(x)
    deviation = x.std()
    convs[0].weight.div_(deviation)
    for conv in convs:
        conv.get_parameter("bias").div_(deviation)


def _inceptions(inputs: int, names: tuple[str, ...], n: int, *, batch_norm: bool) -> tuple[Parts, int]:
    """The named blocks one after the other, and the channels of the last."""
    blocks: Parts = []
    for name in names:
        branches = BLOCKS[name].narrow(n)
        blocks.append((f"inception_{name}", Inception(inputs, branches, batch_norm=batch_norm)))
        inputs = branches.outputs
    return blocks, inputs
