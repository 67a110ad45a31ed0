"""The learning rate of each step."""

from __future__ import annotations

import math

from distiller.config import TrainConfig


def learning_rate(config: TrainConfig, step: int) -> float:
    """Warm-up, then a fall to zero at the last step; `step` counts from 0.

    linear: a constant stretch that a longer run can continue, then a line. cosine: half a cosine from the warm-up on
    (Loshchilov and Hutter, ICLR 2017, arXiv 1608.03983, without restarts).
    """
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    if config.schedule == "cosine":
        passed = (step - config.warmup) / max(1, config.steps - config.warmup)
        return config.lr * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, passed))))
    return config.lr * rise * min(1.0, (config.steps - step) / max(1, config.decay))
