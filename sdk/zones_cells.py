"""How much of each density cell a polygon covers: exact areas, for any stride, any size and any scale.

Coordinates are in cells: cell (row, column) is the unit square between x = column and column + 1, y = row and row + 1.
The frame may end within the last row and column of cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdk.errors import InputError
from sdk.zones_polygon import Polygon, Rule, area, trapezoids

Shares = NDArray[np.float64]  # (rows, columns), 0..1 of the part of each cell that lies in the frame

ROUNDING = 1e-12  # shares nearer to 0 or 1 than this are 0 or 1


@dataclass(frozen=True)
class Grid:
    """The cells of a counted frame."""

    width: int  # pixels of the counted frame
    height: int  # pixels
    stride: int  # pixels of the counted frame that a cell covers, each way

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return math.ceil(self.height / self.stride), math.ceil(self.width / self.stride)

    @property
    def cells(self) -> NDArray[np.float64]:
        """(2,) the frame's width and height in cells."""
        return np.array([self.width, self.height], np.float64) / self.stride

    def cell_areas(self) -> NDArray[np.float64]:
        """(rows, columns): the part of each cell that lies in the frame, 1 but for the last row and column."""
        rows, columns = self.shape
        across, down = np.ones(columns), np.ones(rows)
        across[-1], down[-1] = self.cells - (columns - 1, rows - 1)
        return np.outer(down, across)

    def check(self, density: NDArray[np.float32]) -> None:
        """Refuse a density that is not this grid's."""
        if density.shape != self.shape:
            size = f"{self.width} x {self.height} pixels of stride {self.stride}"
            raise InputError(f"density has shape {density.shape}; a frame of {size} has {self.shape}")


def shares(polygon: Polygon, grid: Grid) -> Shares:
    """The share of each cell that a polygon covers; polygon: corners 0..1 of the frame's width and height."""
    return _rounded(covered_area(polygon * grid.cells, grid.shape) / grid.cell_areas())


def covered_area(polygon: Polygon, shape: tuple[int, int]) -> NDArray[np.float64]:
    """The area of each unit cell (rows, columns) that a simple polygon within them covers.

    Green's theorem, cell by cell: a piece of a side within one cell takes away or adds the part of that cell to the
    right of it, and the whole strip of its height in all cells further right.
    """
    start, end = _pieces(polygon)
    middle = (start + end) / 2
    column = np.clip(middle[:, 0].astype(np.intp), 0, shape[1] - 1)
    row = np.clip(middle[:, 1].astype(np.intp), 0, shape[0] - 1)
    fall = end[:, 1] - start[:, 1]
    own, beyond = np.zeros(shape), np.zeros((shape[0], shape[1] + 1))
    np.add.at(own, (row, column), fall * (column + 1 - middle[:, 0]))
    np.add.at(beyond, (row, column + 1), fall)
    return np.asarray(np.abs(own + beyond[:, :-1].cumsum(1)))


def _pieces(polygon: Polygon) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Starts and ends (k, 2) of the sides, cut wherever they cross the border of a cell."""
    starts, ends = [], []
    for start, end in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        steps = np.unique(np.concatenate([[0.0, 1.0], _cuts(start[0], end[0]), _cuts(start[1], end[1])]))
        points = start + steps[:, None] * (end - start)
        points[-1] = end  # to the last bit, or the polygon would not close
        starts.append(points[:-1])
        ends.append(points[1:])
    return np.concatenate(starts), np.concatenate(ends)


def _cuts(start: float, end: float) -> NDArray[np.float64]:
    """Where on the way from start to end, 0..1, whole numbers are met."""
    low, high = min(start, end), max(start, end)
    lines = np.arange(math.floor(low) + 1, math.ceil(high))
    return np.asarray((lines - start) / (end - start)) if lines.size else lines.astype(np.float64)


def union(covers: Sequence[Shares], polygons: Sequence[Polygon], grid: Grid) -> Shares:
    """The share of each cell that lies in any of the polygons; covers: each one's own `shares`."""
    if not covers:
        return np.zeros(grid.shape)
    stack = np.stack(covers)
    whole = stack.max(0)
    for row, column in np.argwhere(((stack > 0).sum(0) > 1) & (whole < 1)):
        near = [polygon for polygon, cover in zip(polygons, covers, strict=True) if cover[row, column] > 0]
        whole[row, column] = _share_where(near, any, grid, (row, column))
    return _rounded(whole)


def without(cover: Shares, polygon: Polygon, masked: Shares, masks: Sequence[Polygon], grid: Grid) -> Shares:
    """The share of each cell that lies in the polygon and in none of the masks; masked: the masks' `union`."""
    kept = np.where(masked >= 1, 0.0, np.where(cover >= 1, 1 - masked, cover))
    mixed = (cover > 0) & (cover < 1) & (masked > 0) & (masked < 1)
    for row, column in np.argwhere(mixed):
        polygons = [polygon, *masks]
        kept[row, column] = _share_where(
            polygons, lambda inside: inside[0] and not any(inside[1:]), grid, (row, column)
        )
    return _rounded(kept)


def _share_where(polygons: Sequence[Polygon], wanted: Rule, grid: Grid, cell: tuple[int, int]) -> float:
    """The share of one cell that a rule wants."""
    row, column = cell
    right, lower = np.minimum((column + 1, row + 1), grid.cells)
    box = (float(column), float(row), float(right), float(lower))
    quads = trapezoids([polygon * grid.cells for polygon in polygons], wanted, box)
    return float(np.abs(area(quads)).sum() / ((right - column) * (lower - row)))


def _rounded(cover: Shares) -> Shares:
    """Shares within rounding of 0 or 1 made so."""
    return np.where(cover < ROUNDING, 0.0, np.where(cover > 1 - ROUNDING, 1.0, cover))
