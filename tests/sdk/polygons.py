"""Zones and polygons for tests: stars, partitions of the frame, and files of zones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from sdk.zones import Zone

FRAME = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
Points = tuple[tuple[float, float], ...]


def star(seed: int, corners: int = 12, middle: tuple[float, float] = (0.5, 0.5), reach: float = 0.5) -> np.ndarray:
    """A simple polygon (corners, 2), hollow in places, in 0..1."""
    chance = np.random.default_rng(seed)
    angles = (np.arange(corners) + chance.uniform(0.1, 0.9, corners)) * 2 * np.pi / corners
    radii = chance.uniform(0.2, 1.0, corners) * reach
    return np.clip(np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] + middle, 0, 1)


def zone(name: str, points: object, kind: str = "count") -> Zone:
    return Zone(name, tuple((float(x), float(y)) for x, y in np.asarray(points)), kind)


@st.composite
def partitions(draw: st.DrawFn) -> list[Points]:
    """Convex polygons that tile the frame: it is cut in two again and again."""
    parts: list[Points] = [FRAME]
    for _ in range(draw(st.integers(0, 6))):
        part = parts.pop(draw(st.integers(0, len(parts) - 1)))
        first = draw(st.integers(0, len(part) - 2))
        second = draw(st.integers(first + 1, len(part) - 1))
        a, b = (between(part, side, draw(st.floats(0.1, 0.9))) for side in (first, second))
        parts += [(*part[: first + 1], a, b, *part[second + 1 :]), (a, *part[first + 1 : second + 1], b)]
    return [part for part in parts if abs(shoelace(part)) > 1e-5]


def between(part: Points, side: int, share: float) -> tuple[float, float]:
    (ax, ay), (bx, by) = part[side], part[(side + 1) % len(part)]
    return ax + share * (bx - ax), ay + share * (by - ay)


def shoelace(part: Sequence[Sequence[float]]) -> float:
    return sum(
        a[0] * b[1] - b[0] * a[1] for a, b in zip(part, (*part[1:], part[0]), strict=True)
    ) / 2  # fmt: skip


def clipped_area(polygon: np.ndarray, left: float, top: float, right: float, lower: float) -> float:
    """The polygon's area within a rectangle, cut at one side after the other: slow and obvious."""
    points = polygon.tolist()
    for axis, sign, limit in ((0, 1, left), (0, -1, -right), (1, 1, top), (1, -1, -lower)):
        kept = []
        for i, point in enumerate(points):
            before = points[i - 1]
            here, there = sign * point[axis] - limit, sign * before[axis] - limit
            if (here < 0) != (there < 0):
                share = there / (there - here)
                kept.append([before[k] + share * (point[k] - before[k]) for k in (0, 1)])
            if here >= 0:
                kept.append(point)
        points = kept
    return abs(shoelace(points)) if points else 0.0


def collection(*features: dict[str, object]) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": list(features)}


def feature(name: str = "gate", points: object = FRAME, **properties: object) -> dict[str, object]:
    ring = [[float(x), float(y)] for x, y in np.asarray(points)]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": {"name": name, **properties}, "geometry": geometry}
