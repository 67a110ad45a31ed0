"""The golden pair of a package: one photo, and the master's answer to it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdk.errors import GoldenInvalid

GOLDEN_NAME = "golden.npz"
MAX_GOLDEN_BYTES = 256 * 2**20  # unpacked


@dataclass(frozen=True, eq=False)
class Golden:
    """A photo and what the master answered."""

    image: NDArray[np.uint8]  # (h, w, 3), BGR, both sides multiples of the model's multiple
    density: NDArray[np.float32]  # (h / stride, w / stride), people per cell
    count: float  # people

    def __post_init__(self) -> None:
        _require(self.image.dtype == np.uint8 and self.image.ndim == 3, "image", self.image, "(h, w, 3) uint8")
        _require(self.image.shape[2] == 3 and self.image.size > 0, "image", self.image, "(h, w, 3) uint8")
        _require(self.density.dtype == np.float32 and self.density.ndim == 2, "density", self.density, "(h, w) float32")
        if not (np.isfinite(self.density).all() and np.isfinite(self.count)):
            raise GoldenInvalid("golden density or count is not finite, expected people per cell and their sum")


def golden_to_bytes(golden: Golden) -> bytes:
    """As an npz without pickles; the same pair gives the same bytes."""
    stream = io.BytesIO()
    np.savez(stream, image=golden.image, density=golden.density, count=np.float64(golden.count))
    return stream.getvalue()


def golden_from_bytes(data: bytes) -> Golden:
    """The pair in an npz; refuses pickles, other arrays, and more than MAX_GOLDEN_BYTES unpacked."""
    try:
        image, density, count = _unpack(data)
    except GoldenInvalid:
        raise
    except Exception as error:  # NumPy's reader lets through whatever its parser of headers meets
        message = " ".join(str(error).split())
        raise GoldenInvalid(f"{GOLDEN_NAME} cannot be read: {message or type(error).__name__}") from error
    _require(count.shape == () and count.dtype.kind == "f", "count", count, "() float")
    return Golden(image, density, float(count))


def _unpack(data: bytes) -> list[NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > MAX_GOLDEN_BYTES:
        raise GoldenInvalid(f"{GOLDEN_NAME} unpacks to {unpacked} bytes, the limit is {MAX_GOLDEN_BYTES}")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        found = [arrays[name] for name in ("image", "density", "count")]
    if not all(isinstance(array, np.ndarray) for array in found):
        raise GoldenInvalid(f"{GOLDEN_NAME} holds something else than arrays, expected image, density and count")
    return found


def _require(ok: bool, name: str, array: NDArray[np.generic], expected: str) -> None:
    if not ok:
        raise GoldenInvalid(f"golden {name} is {array.shape} {array.dtype}, expected {expected}")
