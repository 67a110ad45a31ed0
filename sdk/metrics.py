"""How well counts fit head points.

The truth is the number of head points. GAME (grid average mean absolute error) is of Guerrero-Gomez-Olmedo et al.,
IbPRIA 2015: level L cuts a photo into 4^L equal parts and sums the parts' absolute errors, so that people counted in
the wrong place cannot make up for people missed; level 0 is the MAE of the density's sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdk.errors import InputError

LEVELS = 4  # GAME(0) to GAME(3)
BINS = ((0, 0), (1, 50), (51, 200), (201, 500), (501, None))  # fewest and most people of a photo, both included

Table = NDArray[np.float64]


@dataclass(frozen=True)
class PhotoScore:
    """One photo's count beside its head points."""

    name: str
    true: int  # head points
    counted: float  # people
    game: tuple[float, ...]  # people, levels 0 to 3

    @property
    def error(self) -> float:
        """People counted too many; negative for too few."""
        return self.counted - self.true


@dataclass(frozen=True)
class BinScore:
    """The photos of one density."""

    fewest: int  # people of a photo in this bin
    most: int | None  # None: no limit
    photos: int
    people: int
    mae: float | None  # people; None without photos
    bias: float | None  # people, mean of counted - true; None without photos


@dataclass(frozen=True)
class Scores:
    """A labelled set's scores, in people a photo where nothing else is said."""

    photos: int
    people: int  # head points of all photos
    mae: float
    rmse: float
    nae: float | None  # mean of error / true, of the photos with people; None when no photo has any
    nae_left_out: int  # photos without people
    game: tuple[float, ...]  # levels 0 to 3
    bias: float  # mean of counted - true
    bias_percent: float | None  # of all people; None when there are none
    bins: tuple[BinScore, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)


def score_photos(photos: Sequence[PhotoScore]) -> Scores:
    """The scores of a whole set; refuses an empty one and a count that is not finite."""
    if not photos:
        raise InputError("no photo was scored", hint="give a set with at least one readable photo")
    for photo in photos:
        if not math.isfinite(photo.counted):
            raise InputError(f"photo {photo.name} counts {photo.counted} people, expected a finite number")
    true = np.array([photo.true for photo in photos], np.float64)
    error = np.array([photo.error for photo in photos], np.float64)
    peopled = true > 0
    return Scores(
        photos=len(photos),
        people=int(true.sum()),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        nae=float((np.abs(error) / np.maximum(true, 1))[peopled].mean()) if peopled.any() else None,
        nae_left_out=int((~peopled).sum()),
        game=tuple(float(value) for value in np.mean([photo.game for photo in photos], axis=0)),
        bias=float(error.mean()),
        bias_percent=float(100 * error.sum() / true.sum()) if peopled.any() else None,
        bins=tuple(_score_bin(true, error, fewest, most) for fewest, most in BINS),
    )


def _score_bin(true: Table, error: Table, fewest: int, most: int | None) -> BinScore:
    inside = (true >= fewest) & (true <= (math.inf if most is None else most))
    chosen = error[inside]
    mae, bias = (float(np.abs(chosen).mean()), float(chosen.mean())) if chosen.size else (None, None)
    return BinScore(fewest, most, int(inside.sum()), int(true[inside].sum()), mae, bias)


def game_errors(
    density: NDArray[np.float32], points: NDArray[np.float32], size: tuple[int, int], cell: float
) -> tuple[float, ...]:
    """The summed absolute errors of the 1, 4, 16 and 64 parts of a photo, in people.

    density: (rows, columns) people per cell. points: (n, 2) x and y in pixels. size: the photo's height and width in
    pixels. cell: pixels of the photo that a density cell covers, each way; the last row and column may reach beyond it.
    """
    parts = 2 ** (LEVELS - 1)
    difference = density_by_part(density, size, cell, parts) - points_by_part(points, size, parts)
    return tuple(float(np.abs(_block_sums(difference, 2**level)).sum()) for level in range(LEVELS))


def density_by_part(density: NDArray[np.float32], size: tuple[int, int], cell: float, parts: int) -> Table:
    """People in each of parts x parts equal parts of a photo; a cell on a border is shared out by its area."""
    rows = _shares(density.shape[0], cell, size[0], parts)
    columns = _shares(density.shape[1], cell, size[1], parts)
    return np.asarray(rows.T @ density.astype(np.float64) @ columns)


def points_by_part(points: NDArray[np.float32], size: tuple[int, int], parts: int) -> Table:
    """Head points in each of parts x parts equal parts of a photo; a point on a border belongs to the part after it."""
    inside = np.clip(points.astype(np.float64), 0, (size[1], size[0]))
    edges = [np.linspace(0, length, parts + 1) for length in size]
    return np.asarray(np.histogram2d(inside[:, 1], inside[:, 0], bins=edges)[0])


def _shares(cells: int, cell: float, length: int, parts: int) -> Table:
    """(cells, parts): how much of each cell lies in each part of a side; each row sums to 1."""
    starts = np.arange(cells) * cell
    ends = np.minimum(starts + cell, length)
    if not cells or starts[-1] >= length or ends[-1] + cell <= length:
        raise InputError(f"{cells} cells of {cell:g} pixels do not fit a photo's side of {length} pixels")
    edges = np.linspace(0, length, parts + 1)
    overlap = np.minimum(ends[:, None], edges[1:]) - np.maximum(starts[:, None], edges[:-1])
    return np.asarray(np.maximum(overlap, 0) / (ends - starts)[:, None])


def _block_sums(table: Table, parts: int) -> Table:
    """A square table summed into parts x parts blocks."""
    step = table.shape[0] // parts
    return np.asarray(table.reshape(parts, step, parts, step).sum(axis=(1, 3)))
