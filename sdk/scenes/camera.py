"""A pinhole camera above flat ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
NEAREST = 0.5  # metres before the camera; nothing nearer is projected


@dataclass(frozen=True)
class View:
    """How the camera sees one small thing: rows of `axes` are picture right, picture up, and towards the camera."""

    origin: tuple[float, float]  # picture x and y of the thing's centre
    scale: float  # pixels per metre
    axes: Array  # (3, 3), unit vectors in world coordinates

    def place(self, offset: ArrayLike) -> Array:
        """(..., 3) metres from the centre, in world directions -> right, up, towards the camera."""
        return np.asarray(np.asarray(offset, np.float32) @ self.axes.T, np.float32)

    def pixel(self, offset: ArrayLike) -> tuple[float, float]:
        """Picture x and y of the point (3,) metres from the centre."""
        right, up, _ = self.place(offset)
        return self.origin[0] + self.scale * float(right), self.origin[1] - self.scale * float(up)


@dataclass(frozen=True)
class Camera:
    """World coordinates in metres: x right, y up, z ahead; the camera stands at (0, altitude, 0)."""

    width: int  # pixels
    height: int  # pixels
    altitude: float  # metres above the ground
    tilt: float  # radians below the horizon
    focal: float  # pixels

    @property
    def horizon(self) -> float:
        """Picture y of the horizon; it may lie above the photo."""
        return self.height / 2 - self.focal * math.tan(self.tilt)

    def project(self, points: ArrayLike) -> Array:
        """(n, 3) world -> (n, 3) picture x, picture y, depth in metres."""
        x, y, z = np.asarray(points, np.float64).reshape(-1, 3).T
        below = y - self.altitude
        up = below * math.cos(self.tilt) + z * math.sin(self.tilt)
        depth = np.maximum(z * math.cos(self.tilt) - below * math.sin(self.tilt), NEAREST)
        return np.stack([self.width / 2 + self.focal * x / depth, self.height / 2 - self.focal * up / depth, depth], 1)

    def rows(self) -> tuple[Array, Array]:
        """For each row of pixels: z of the ground it shows (inf above the horizon), and its depth, in metres."""
        slope = (np.arange(self.height) + 0.5 - self.height / 2) / self.focal  # down, per unit of depth
        fall = math.sin(self.tilt) + slope * math.cos(self.tilt)
        with np.errstate(divide="ignore"):
            depth = np.where(fall > 1e-4, self.altitude / np.maximum(fall, 1e-9), np.inf)
        z = depth * (math.cos(self.tilt) - slope * math.sin(self.tilt))
        return z.astype(np.float32), depth.astype(np.float32)

    def ground_z(self, row: float) -> float:
        """Z of the ground seen at picture y `row`; inf at the horizon and above."""
        slope = (row - self.height / 2) / self.focal
        fall = math.sin(self.tilt) + slope * math.cos(self.tilt)
        if fall <= 1e-4:
            return math.inf
        return self.altitude / fall * (math.cos(self.tilt) - slope * math.sin(self.tilt))

    def look_at(self, centre: ArrayLike) -> View:
        """The view of a thing around `centre` (3,), its upright direction leaning as perspective has it."""
        middle = np.asarray(centre, np.float64)
        (u, v, depth), (u_top, v_top, _) = self.project([middle, middle + np.array([0, 0.1, 0])])
        towards = np.array([0, self.altitude, 0]) - middle
        towards /= np.linalg.norm(towards)
        flat = math.hypot(towards[0], towards[2])
        right = np.array([-towards[2], 0, towards[0]]) / flat
        up = np.array([-towards[0] * towards[1] / flat, flat, -towards[1] * towards[2] / flat])
        lean = math.atan2(u_top - u, v - v_top)
        cos, sin = math.cos(lean), math.sin(lean)
        axes = np.stack([cos * right + sin * up, cos * up - sin * right, towards])
        return View((float(u), float(v)), self.focal / float(depth), axes.astype(np.float32))
