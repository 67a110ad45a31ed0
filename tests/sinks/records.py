"""Readings and counts for tests: no model, no engine."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np

from runtimes import BackendInfo
from sdk.result import CountResult, Timings
from sdk.sinks import Reading

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def reading(number: int = 0, camera: str = "gate", **values: object) -> Reading:
    """The reading of one second after another."""
    return Reading(camera, NOON + timedelta(seconds=number), float(number), **values)  # type: ignore[arg-type]


def full_reading() -> Reading:
    """A reading with every field in use."""
    return reading(7, smoothed=6.5, interval=(5.0, 9.25), state="degraded", reasons=("too dark", "blurred"),
                   zones={"left, door": 3.0, 'say "hi"': 4.0}, backend="openvino cpu int8", latency_ms=41.5, drops=3)  # fmt: skip


def result(seed: int = 0, size: tuple[int, int] = (240, 320)) -> CountResult:
    """A count of a frame of noise, full of detail, with one person in the middle."""
    photo = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    density = np.zeros((size[0] // 8, size[1] // 8), np.float32)
    density[size[0] // 16, size[1] // 16] = 1
    backend = BackendInfo("red", "1.0", "cpu", "numpy", "fp32", threads=1, variant="red")
    return CountResult(1.0, density, 8, 1.0, 1, backend, Timings(1, 2, 5), ("a warning",), photo)
