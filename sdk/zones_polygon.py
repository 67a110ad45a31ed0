"""Polygons: areas, crossings, points inside, and the exact part of a plane that several of them share.

A polygon is (n, 2) float64, x and y of its corners in order, either way round; the last side leads back to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]  # (n, 2) x and y
Quads = NDArray[np.float64]  # (m, 4, 2) x and y of the corners of m quadrilaterals, in order
Rule = Callable[[Sequence[bool]], bool]  # in which of the polygons a place lies -> whether it is wanted
Box = tuple[float, float, float, float]  # left, top, right, lower

FLAT = 1e-12  # of a product of lengths; below it three points lie on one line


def area(polygons: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed areas of polygons (..., n, 2), by the shoelace formula."""
    x, y = polygons[..., 0], polygons[..., 1]
    following = np.roll(x, -1, -1), np.roll(y, -1, -1)
    return np.asarray((x * following[1] - following[0] * y).sum(-1) / 2)


def on_one_line(points: Polygon) -> bool:
    """Whether all points lie on one line, to rounding."""
    spread = points - points.mean(0)
    singular = np.linalg.svd(spread, compute_uv=False)
    return bool(singular[-1] <= 1e-9 * max(float(singular[0]), 1e-300))


def crossing(polygon: Polygon) -> tuple[int, int] | None:
    """The first two sides that meet though they are not neighbours, or that lie on one another; None: a simple polygon.

    Side i leads from corner i to the next one.
    """
    count = len(polygon)
    start, end = polygon, np.roll(polygon, -1, 0)
    for i in range(count):
        after = (i + 1) % count
        if _folds_back(start[i], end[i], end[after]):
            return i, after
        others = np.array([j for j in range(i + 2, count) if (j + 1) % count != i], np.intp)
        hits = _meet(start[i], end[i], start[others], end[others])
        if hits.any():
            return i, int(others[int(hits.argmax())])
    return None


def contains(polygon: Polygon, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the points (m, 2) lie inside.

    A point on a border that two polygons share belongs to one of them only: each side is taken from its upper end to
    its lower one, so both compute the same crossing.
    """
    following = np.roll(polygon, -1, 0)
    swapped = polygon[:, 1] > following[:, 1]
    upper = np.where(swapped[:, None], following, polygon)
    lower = np.where(swapped[:, None], polygon, following)
    x, y = points[:, 0, None], points[:, 1, None]
    beside = (upper[:, 1] <= y) & (y < lower[:, 1])
    height = np.where(lower[:, 1] > upper[:, 1], lower[:, 1] - upper[:, 1], 1.0)
    at = upper[:, 0] + (y - upper[:, 1]) / height * (lower[:, 0] - upper[:, 0])
    return np.asarray((beside & (at <= x)).sum(1) % 2 == 1)


def trapezoids(polygons: Sequence[Polygon], wanted: Rule, box: Box) -> Quads:
    """The places in the box that the rule wants, cut exactly into quadrilaterals with upright sides left and right.

    Between the neighbouring x of all corners and crossings no two sides meet, so that there every wanted place lies
    between the same two sides.
    """
    left, top, right, lower = box
    sides, owners = _sides(polygons, left, right)
    edges = _event_columns(sides, box)
    found = []
    for low, high in pairwise(edges):
        middle = (low + high) / 2
        present = (sides[:, 0, 0] < middle) & (middle < sides[:, 1, 0])
        here, whose = sides[present], owners[present]
        order = np.argsort(_height(here, middle))
        ys = np.clip(np.stack([_height(here, low), _height(here, high)], 1), top, lower)[order]
        found += _strips(low, high, ys, (whose[order], len(polygons)), wanted)
    return np.array(found, np.float64).reshape(-1, 4, 2)


def _strips(
    low: float, high: float, ys: NDArray[np.float64], whose: tuple[NDArray[np.intp], int], wanted: Rule
) -> list[list[tuple[float, float]]]:
    """The wanted quadrilaterals between two upright lines, whose sides (k, 2) of y left and right are sorted."""
    inside = [False] * whose[1]
    found = []
    for place, owner in enumerate(whose[0][:-1]):
        inside[owner] = not inside[owner]
        (upper_left, upper_right), (lower_left, lower_right) = ys[place], ys[place + 1]
        if wanted(inside) and (lower_left > upper_left or lower_right > upper_right):
            found.append([(low, upper_left), (high, upper_right), (high, lower_right), (low, lower_left)])
    return found


def _sides(polygons: Sequence[Polygon], left: float, right: float) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """All sides (k, 2, 2), left end first, that reach between the two x and are not upright, and whose they are."""
    sides = np.concatenate([np.stack([polygon, np.roll(polygon, -1, 0)], 1) for polygon in polygons])
    owners = np.repeat(np.arange(len(polygons)), [len(polygon) for polygon in polygons])
    sides = np.where((sides[:, 0, 0] > sides[:, 1, 0])[:, None, None], sides[:, ::-1], sides)
    near = (sides[:, 0, 0] < right) & (sides[:, 1, 0] > left) & (sides[:, 0, 0] < sides[:, 1, 0])
    return sides[near], owners[near]


def _event_columns(sides: NDArray[np.float64], box: Box) -> list[float]:
    """The sorted x within the box at which the order of sides and of the box's own may change."""
    left, top, right, lower = box
    level = np.array([[[left, top], [right, top]], [[left, lower], [right, lower]]])
    lines = np.concatenate([sides, level])
    slope = (lines[:, 1, 1] - lines[:, 0, 1]) / (lines[:, 1, 0] - lines[:, 0, 0])
    offset = lines[:, 0, 1] - slope * lines[:, 0, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        meets = (offset[None] - offset[:, None]) / (slope[:, None] - slope[None])
    both = (meets > lines[:, None, 0, 0]) & (meets < lines[:, None, 1, 0])
    at = meets[both & both.T & (meets > left) & (meets < right)]
    ends = sides[:, :, 0].ravel()
    inner = np.concatenate([at, ends[(ends > left) & (ends < right)]])
    return [left, *np.unique(inner).tolist(), right]


def _height(sides: NDArray[np.float64], x: float) -> NDArray[np.float64]:
    """The y of each side (k, 2, 2) at x."""
    start, end = sides[:, 0], sides[:, 1]
    return np.asarray(start[:, 1] + (x - start[:, 0]) / (end[:, 0] - start[:, 0]) * (end[:, 1] - start[:, 1]))


def _folds_back(before: Polygon, corner: Polygon, after: Polygon) -> bool:
    """Whether the side that leaves a corner runs back along the one that reached it."""
    reached, left = corner - before, after - corner
    return bool(abs(_cross(reached, left)) <= FLAT and (reached * left).sum() < 0)


def _meet(
    start: Polygon, end: Polygon, others: NDArray[np.float64], other_ends: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which of the other sides share a point with the side from start to end."""
    along = end - start
    theirs = other_ends - others
    a, b = _side_of(along, others - start), _side_of(along, other_ends - start)
    c, d = _side_of(theirs, start - others), _side_of(theirs, end - others)
    apart = (
        (np.maximum(start, end) < np.minimum(others, other_ends))
        | (np.minimum(start, end) > np.maximum(others, other_ends))
    ).any(-1)
    return np.asarray((a * b <= 0) & (c * d <= 0) & ~apart)


def _side_of(direction: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """-1, 0 or 1: on which side of a direction a place lies."""
    turn = _cross(direction, place)
    return np.asarray(np.where(np.abs(turn) <= FLAT, 0.0, np.sign(turn)))


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
