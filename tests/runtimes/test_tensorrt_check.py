"""Whether an engine counts like its source: what is let pass, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtimes import Output
from runtimes.base import Batch
from runtimes.errors import BackendError
from runtimes.tensorrt_check import LIMITS, check_counts, check_size
from runtimes.tensorrt_options import Bucket, default_options
from tests.models import tiny_density, tiny_onnx


def times(factor: float, cell: float = 0.0) -> Output:
    """An engine that counts so many times the tiny model's people, and so many more in one cell."""

    def run(batch: Batch) -> Output:
        density = tiny_density(batch) * np.float32(factor)
        density[0, 0, 0] += cell
        return Output(density, density.sum(axis=(1, 2)))

    return run  # type: ignore[return-value]


@pytest.mark.parametrize("precision", LIMITS)
def test_an_engine_that_counts_like_its_source_passes(precision: str) -> None:
    check_counts(times(1.0), tiny_onnx(), precision, (64, 96))


@pytest.mark.parametrize("precision", LIMITS)
def test_an_engine_that_counts_otherwise_is_refused(precision: str) -> None:
    cell, relative, _ = LIMITS[precision]

    with pytest.raises(BackendError, match=r"the engine counts .* where its source counts .*, a cell off by"):
        check_counts(times(1.0, 1.5 * cell), tiny_onnx(), precision, (64, 96))
    with pytest.raises(BackendError, match=r"ask for another precision or backend"):
        check_counts(times(1.0 + 3 * relative), tiny_onnx(), precision, (192, 256))


def test_the_picture_fits_the_engine() -> None:
    profiles = [bucket.profile for bucket in default_options(48).buckets]
    narrow = Bucket((576, 864), (1088, 1920)).profile

    assert check_size(profiles, 48) == (192, 288)
    assert check_size([narrow], 16) == (576, 864)
    assert check_size([replace(narrow, least=(1, 64, 64, 3))], 16) == (192, 256)
