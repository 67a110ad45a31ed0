"""The parts that counting networks are made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)  # of pixels scaled to 0..1
IMAGENET_STD_RGB = (0.229, 0.224, 0.225)
POOL = "pool"


def keep(channels: int, n: int) -> int:
    """Channels that a 1/n student keeps of a layer of its teacher: rounded, at least one."""
    return max(1, round(channels / n))


def narrow(plan: Sequence[int | str], n: int) -> list[int | str]:
    """The plan of a 1/n student."""
    return [step if isinstance(step, str) else keep(step, n) for step in plan]


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
    """A convolution, a normalisation while training if asked for, and a ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        padding = dilation * ((kernel - 1) // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation)
        self.norm: nn.Module = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class ConvNorm(nn.Module):
    """A convolution of some stride and a normalisation, without a ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, norm: nn.Module, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))  # type: ignore[no-any-return]


class Affine(nn.Module):
    """A factor and an offset for each channel: a batch normalisation that no convolution can take in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias

    @classmethod
    @torch.no_grad()
    def of(cls, norm: nn.BatchNorm2d) -> Affine:
        """What the normalisation computes with its running statistics."""
        affine = cls(norm.num_features)
        assert norm.running_var is not None and norm.running_mean is not None  # noqa: PT018 - narrows both
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        affine.weight.copy_(scale.view(-1, 1, 1))
        affine.bias.copy_((norm.bias - norm.running_mean * scale).view(-1, 1, 1))
        return affine.to(norm.weight.device)


class NormReLU(nn.Module):
    """A normalisation, or the factors and offsets that are left of one, and a ReLU."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(x))


class UpReLU(nn.Module):
    """A 2x2 transposed convolution of stride 2, which doubles both sides, and a ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))


def conv_stack(inputs: int, plan: Sequence[int | str], *, dilation: int = 1, batch_norm: bool = False) -> nn.Sequential:
    """3x3 convolutions of the given output channels, with a 2x2 max-pool where the plan says so."""
    layers: list[nn.Module] = []
    for step in plan:
        if isinstance(step, str):
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers.append(ConvReLU(inputs, step, dilation=dilation, batch_norm=batch_norm))
            inputs = step
    return nn.Sequential(*layers)


def revivable_relu(x: Tensor) -> Tensor:
    """A ReLU that passes a tenth of the gradient below zero, so that cells which answer nobody can learn to count."""
    below = 0.1 * x.clamp(max=0)
    return F.relu(x) + below - below.detach()
