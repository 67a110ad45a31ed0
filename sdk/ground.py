"""From a camera's picture to square metres of ground, and Fruin's levels of service.

Four points of the ground whose places in metres are known give the homography between picture and ground, by the direct
linear transform (Hartley and Zisserman, Multiple View Geometry, section 4.1). It maps straight lines to straight lines,
so the area of a polygon on the ground is the shoelace formula of its mapped corners, exactly.

Levels of service: J. J. Fruin, Pedestrian Planning and Design, 1971, in square feet a person, for people who walk and
for people who stand in a queue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sdk.errors import ConfigError
from sdk.zones_cells import Grid
from sdk.zones_polygon import area, on_one_line

Points = tuple[tuple[float, ...], ...]

SQUARE_FOOT = 0.3048**2  # square metres
LEVELS = "ABCDEF"
FRUIN_SQUARE_FEET = {  # fewest a person of levels A to E; below the last it is F
    "walking": (35, 25, 15, 10, 5),
    "standing": (13, 10, 7, 3, 2),
}


@dataclass(frozen=True)
class Ground:
    """Four points of the ground, in the picture and in metres."""

    points: Points  # four x, y: 0..1 of the picture's width and height, or pixels where `size` is given
    metres: Points  # four x, y on the ground, in the same order; any origin and direction
    size: tuple[int, ...] | None = None  # width and height in pixels of the picture that `points` were read from
    motion: str = "standing"  # what people do there, standing or walking: whose levels of service hold

    def __post_init__(self) -> None:
        if self.motion not in FRUIN_SQUARE_FEET:
            raise ConfigError(f"ground motion is {self.motion!r}", hint=f"known: {', '.join(FRUIN_SQUARE_FEET)}")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ConfigError(f"ground size is {list(self.size)}, expected width and height in pixels")
        for name, points in (("points", self.points), ("metres", self.metres)):
            _check_four(name, points)
        if self.size is None and max(value for point in self.points for value in point) > 2:
            hint = "for pixels, add size: [width, height] of the picture"
            raise ConfigError(f"ground points {_listed(self.points)} are not 0..1 of the picture", hint=hint)
        if len(set(np.sign(self._depths(self._relative)))) > 1:
            message = "ground points go round in another order than their metres"
            raise ConfigError(message, hint="list both in the same order, corner by corner")

    def to_metres(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places on the ground (..., 2) in metres, of places in the picture (..., 2), 0..1 of its sides.

        Raises ConfigError for a place on or above the horizon.
        """
        depths = self._depths(places)
        if (depths * self._near < 1e-9).any():
            message = "reaches the horizon, where the ground has no end"
            raise ConfigError(message, hint="keep it below the horizon, or correct the ground points")
        mapped = places @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        return np.asarray(mapped / depths[..., None])

    def area(self, polygons: NDArray[np.float64]) -> float:
        """Square metres of ground under all the polygons (m, n, 2), 0..1 of the picture's sides."""
        return float(np.abs(area(self.to_metres(polygons))).sum()) if polygons.size else 0.0

    def per_square_metre(self, density: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
        """People per square metre of ground in each cell of a density (rows, columns); 0 from the horizon up."""
        grid.check(density)
        rows, columns = grid.shape
        x = np.minimum(np.arange(columns + 1) / grid.cells[0], 1.0)
        y = np.minimum(np.arange(rows + 1) / grid.cells[1], 1.0)
        corners = np.stack(np.meshgrid(x, y), -1)
        quads = np.stack([corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]], -2)
        seen = (self._depths(quads) * self._near > 1e-9).all(-1)
        people = np.zeros(grid.shape)
        people[seen] = density[seen] / np.abs(area(self.to_metres(quads[seen])))
        return people

    def level(self, per_square_metre: float) -> str:
        """Fruin's level of service, A (free) to F (packed), for people per square metre."""
        return fruin_level(per_square_metre, self.motion)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): from 0..1 of the picture's sides to metres, in homogeneous coordinates."""
        return homography(self._relative, np.array(self.metres, np.float64))

    @cached_property
    def _relative(self) -> NDArray[np.float64]:
        return np.array(self.points, np.float64) / (1 if self.size is None else self.size)

    @cached_property
    def _near(self) -> float:
        """The sign of the depth, below the horizon, and its scale: 1 / the mean depth of the four points."""
        return float(1 / self._depths(self._relative).mean())

    def _depths(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """(...,): one sign below the horizon, the other above it, 0 on it."""
        return np.asarray(places @ self.matrix[2, :2] + self.matrix[2, 2])


def fruin_level(per_square_metre: float, motion: str) -> str:
    """The level of service, A to F, of people who are `walking` or `standing`."""
    if motion not in FRUIN_SQUARE_FEET:
        raise ConfigError(f"motion is {motion!r}", hint=f"known: {', '.join(FRUIN_SQUARE_FEET)}")
    room = math.inf if per_square_metre <= 0 else 1 / (per_square_metre * SQUARE_FOOT)
    return LEVELS[sum(room < least for least in FRUIN_SQUARE_FEET[motion])]


def homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (3, 3) matrix that maps four points (4, 2) onto four others, no three of either on one line.

    Both are moved and scaled around 0 first, so that rounding weighs alike in all equations.
    """
    before, after = _around_zero(source), _around_zero(target)
    equations = []
    for (x, y), (u, v) in zip(_moved(source, before), _moved(target, after), strict=True):
        equations.append([-x, -y, -1, 0, 0, 0, u * x, u * y, u])
        equations.append([0, 0, 0, -x, -y, -1, v * x, v * y, v])
    solution = np.linalg.svd(np.array(equations))[2][-1].reshape(3, 3)
    return np.asarray(np.linalg.inv(after) @ solution @ before)


def _around_zero(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3): moves the points' mean to 0 and their mean distance from it to the root of 2."""
    middle = points.mean(0)
    scale = math.sqrt(2) / np.linalg.norm(points - middle, axis=1).mean()
    return np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])


def _moved(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def _check_four(name: str, points: Points) -> None:
    """Refuse anything but four finite points, no three of which lie on one line."""
    if len(points) != 4 or any(len(point) != 2 for point in points):
        raise ConfigError(f"ground {name} are {_listed(points)}, expected four points x, y")
    places = np.array(points, np.float64)
    if not np.isfinite(places).all():
        raise ConfigError(f"ground {name} are {_listed(points)}, expected finite numbers")
    for three in combinations(range(4), 3):
        if on_one_line(places[list(three)]):
            numbers = ", ".join(str(number + 1) for number in three)
            message = f"ground {name} {numbers} lie on one line: {_listed(points)}"
            raise ConfigError(message, hint="take the four corners of an area, such as a pitch or a crossing")


def _listed(points: Points) -> str:
    return ", ".join(f"({', '.join(f'{value:g}' for value in point)})" for point in points)
