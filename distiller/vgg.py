"""CSRNet and BL: counting networks on VGG's convolutions, and their 1/n students.

* CSRNet (Li et al., CVPR 2018, arXiv 1802.10062): VGG-16 up to conv4_3, then six convolutions of dilation 2.
* BL (Ma et al., ICCV 2019, arXiv 1908.03684): VGG-19 up to conv5_4, doubled in size, then a regression head.

Both are tapped after conv1_1, the first three pools, where the deep features are, and in the head, so that the taps
have 64, 64, 128, 256, 512 and 256 channels in the full networks, and strides 1, 2, 4, 8, 8 and 8.
"""

from __future__ import annotations

from torch import nn

from distiller.counting import CountingNetwork
from distiller.layers import POOL, conv_stack, keep, narrow

VGG16_TO_CONV4_3 = (64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512)
VGG19_TO_CONV5_4 = (
    *(64, 64, POOL, 128, 128, POOL, 256, 256, 256, 256, POOL),
    *(512, 512, 512, 512, POOL, 512, 512, 512, 512),
)
CSRNET_TAPS = ("frontend.0", "frontend.2", "frontend.5", "frontend.9", "head.0", "head.3")
BL_TAPS = ("frontend.0", "frontend.2", "frontend.5", "frontend.10", "enlarge", "head.0")


def csrnet(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """CSRNet, or its 1/n student. 16.26 M parameters and 205.5 GMAC at 576x864; 1/4: 1.02 M and 13.0."""
    frontend = conv_stack(3, narrow(VGG16_TO_CONV4_3, n), batch_norm=batch_norm)
    plan = narrow((512, 512, 512, 256, 128, 64), n)
    head = conv_stack(keep(512, n), plan, dilation=2, batch_norm=batch_norm)
    head.append(nn.Conv2d(keep(64, n), 1, 1))
    return CountingNetwork(frontend, head, multiple=8, taps=CSRNET_TAPS)


def bl(n: int = 1, *, batch_norm: bool = False) -> CountingNetwork:
    """BL's VGG-19 network, or its 1/n student. 21.50 M parameters and 205.0 GMAC at 576x864; 1/4: 1.35 M and 13.0."""
    frontend = conv_stack(3, narrow(VGG19_TO_CONV5_4, n), batch_norm=batch_norm)
    return CountingNetwork(
        frontend, regression_head(keep(512, n), n, batch_norm=batch_norm), multiple=16, taps=BL_TAPS, enlarge=2
    )


def regression_head(inputs: int, n: int, *, batch_norm: bool) -> nn.Sequential:
    """BL's head: 3x3 convolutions to 256/n and 128/n channels, and a 1x1 convolution to the density."""
    head = conv_stack(inputs, narrow((256, 128), n), batch_norm=batch_norm)
    head.append(nn.Conv2d(keep(128, n), 1, 1))
    return head
