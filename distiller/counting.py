"""What every counting network is: photos as cameras give them in, people per cell out."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from distiller.layers import Normalise, revivable_relu

STRIDE = 8  # pixels a density cell covers, each way


class CountingNetwork(nn.Module):
    """Photos (n, h, w, 3) uint8 BGR -> density (n, h/8, w/8) float32, people per cell, never negative.

    Sides must be multiples of `multiple` pixels. The head ends in a convolution to one map.
    """

    def __init__(
        self,
        frontend: nn.Sequential,
        head: nn.Sequential,
        *,
        multiple: int,
        taps: tuple[str, ...],
        enlarge: int = 1,
        spread: int = 1,
    ) -> None:
        super().__init__()
        self.multiple = multiple
        self.taps = taps  # names of the parts whose outputs a student learns from, the shallowest first
        self.block = 1  # places of the head's map that a density cell sums up, each way
        self.spread = spread  # density cells that a place of the head's map is spread over, each way
        self.normalise = Normalise()
        self.frontend = frontend
        larger = nn.Upsample(scale_factor=enlarge, mode="bilinear", align_corners=False)
        self.enlarge = larger if enlarge > 1 else nn.Identity()
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        x = self.head(self.enlarge(self.frontend(self.normalise(image))))
        x = revivable_relu(x) if self.training else F.relu(x)
        if self.block > 1:
            x = F.avg_pool2d(x, self.block) * self.block**2  # exporters know no divisor of one's own
        if self.spread > 1:
            x = F.interpolate(x, scale_factor=float(self.spread), mode="bilinear", align_corners=False)
            x = x / self.spread**2  # the sum stays, at the borders too
        return x.squeeze(1).float()
