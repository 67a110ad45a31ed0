"""The learning rate of each step."""

from __future__ import annotations

from distiller.config import TrainConfig


def learning_rate(config: TrainConfig, step: int) -> float:
    """Warm-up, a constant stretch that a longer run can continue, then a linear fall to zero; `step` counts from 0."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    fall = min(1.0, (config.steps - step) / max(1, config.decay))
    return config.lr * rise * fall
