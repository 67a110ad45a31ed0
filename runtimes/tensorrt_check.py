"""Whether an engine counts like the source that it was built of, which ONNX Runtime runs on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from runtimes.base import Batch, Floats, Output
from runtimes.errors import BackendError
from runtimes.tensorrt_options import INPUT, OUTPUTS, Profile, Size, choose_profile

# How far an engine may be from its own source: people in a cell, of the count, and of a small count in people. It sums
# fp16 in another order, and rounds INT8 after fused layers. Not measured on a device yet.
LIMITS = {"fp32": (1e-2, 2e-3, 0.05), "fp16": (1e-1, 5e-3, 0.1), "int8": (2e-1, 2e-2, 0.5)}
SIDES = 192, 256  # pixels, rounded up to the model's multiple
BLOCK = 16  # pixels of one shade


def check_counts(run: Callable[[Batch], Output], source: bytes, precision: str, size: Size) -> None:
    """Run a picture of noise, coarse and fine, on both; a BackendError where the engine counts otherwise."""
    batch = _picture(*size)
    density, count = on_cpu(source, batch)
    answer = run(batch)
    cell, relative, people = LIMITS[precision]
    off = float(np.abs(answer.density - density).max())
    counts = float(count[0]), float(answer.count[0])
    if off <= cell and abs(counts[1] - counts[0]) <= max(people, relative * abs(counts[0])):
        return
    told = "the engine counts {1:.2f} where its source counts {0:.2f}".format(*counts)
    message = f"{told}, a cell off by {off:.2g} people"
    raise BackendError(message, hint="ask for another precision or backend, and report this with skt-doctor --json")


def on_cpu(source: bytes, batch: Batch) -> list[Floats]:
    """Density and count, as the file says, node by node: ONNX Runtime 1.32 fuses INT8 between fp16 to another model."""
    import onnxruntime

    chosen: Any = onnxruntime.SessionOptions()
    chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    chosen.log_severity_level = 3
    session = onnxruntime.InferenceSession(source, chosen, providers=["CPUExecutionProvider"])
    answers: list[Floats] = session.run(list(OUTPUTS), {INPUT: batch})
    return answers


def check_size(profiles: Sequence[Profile], multiple: int) -> Size:
    """The size of that picture: a small one where the engine takes it, else the least of its first profile."""
    height, width = (-(-side // multiple) * multiple for side in SIDES)
    if choose_profile(profiles, height, width) is None:
        return profiles[0].least[1:3]
    return height, width


def _picture(height: int, width: int) -> Batch:
    random = np.random.default_rng(1)
    coarse = random.integers(0, 200, (1, -(-height // BLOCK), -(-width // BLOCK), 3), np.uint8)
    fine = random.integers(0, 56, (1, height, width, 3), np.uint8)
    picture: Batch = coarse.repeat(BLOCK, 1).repeat(BLOCK, 2)[:, :height, :width] + fine
    return picture
