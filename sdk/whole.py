"""A frame of any size through an engine: padded, in tiles where it is large, and without the padding's cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtimes import Output
from sdk.frame import Image, pad_to, pad_to_multiple, photo_cells
from sdk.tiling import Tile, plan_tiles, plan_windows

Run = Callable[[NDArray[np.uint8]], Output]  # a batch (n, h, w, 3) BGR to density and count


@dataclass(frozen=True)
class Pieces:
    """In what pieces a model sees frames, in pixels."""

    side: int  # of a tile, at most
    halo: int  # around a tile that its counts depend on
    multiple: int  # of both sides of what the model takes
    stride: int  # of a density cell
    size: tuple[int, int] | None = None  # height and width of every piece, where the model takes no other; then no side

    def halved(self, height: int, width: int) -> Pieces | None:
        """Half as large for a frame of that size; None where the model takes one size, or halos leave no room."""
        side = min(self.side, max(height, width)) // 2 // self.multiple * self.multiple
        halo = -(-self.halo // self.multiple) * self.multiple
        fits = self.size is None and side >= 2 * halo + self.multiple
        return replace(self, side=side) if fits else None

    def of(self, height: int, width: int) -> list[Tile]:
        """The pieces of a padded frame."""
        halo = -(-self.halo // self.multiple) * self.multiple
        if self.size is not None:
            return plan_windows(height, width, size=self.size, halo=halo)
        return plan_tiles(height, width, side=self.side, halo=halo, multiple=self.multiple)


def whole_density(run: Run, image: Image, pieces: Pieces) -> tuple[NDArray[np.float32], int]:
    """People per cell of a frame (h, w, 3) uint8 BGR at its own size, and in how many tiles it was run.

    A frame smaller than the one size that a model takes is mirrored on to it, which shows in the cells near its right
    and lower sides; any other cut of a frame gives the density of the whole.
    """
    padded = pad_to(pad_to_multiple(image, pieces.multiple), *(pieces.size or (0, 0)))
    height, width = padded.shape[:2]
    tiles = pieces.of(height, width)
    whole = np.empty((height // pieces.stride, width // pieces.stride), np.float32)
    for tile in tiles:
        _run_tile(run, padded, tile, whole)
    return np.ascontiguousarray(photo_cells(whole, image.shape[0], image.shape[1], pieces.stride)), len(tiles)


def _run_tile(run: Run, padded: Image, tile: Tile, whole: NDArray[np.float32]) -> None:
    rows, columns, stride = tile.rows, tile.columns, padded.shape[0] // whole.shape[0]
    batch = padded[None, rows.low : rows.high, columns.low : columns.high]
    answer = run(batch).density[0]
    top, left = (rows.start - rows.low) // stride, (columns.start - columns.low) // stride
    height, width = (rows.stop - rows.start) // stride, (columns.stop - columns.start) // stride
    part = answer[top : top + height, left : left + width]
    whole[rows.start // stride : rows.stop // stride, columns.start // stride : columns.stop // stride] = part
