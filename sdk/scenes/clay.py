"""Small solids seen by the camera: round and square shapes with depth, from which people and street furniture are made.

Shapes are given in view coordinates (right, up, towards the camera; metres from the view's origin), so a shape is
solved in closed form for each pixel: its surface's depth, its normal, and the place on it, which a `Paint` colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from sdk.scenes.camera import Array, Camera, Mask, View
from sdk.scenes.light import Light

Paint = Callable[[Array], Array]  # places on a shape (h, w, 3), each within -1 to 1 -> colours, linear BGR
Keep = Callable[[Array], Mask]  # places (h, w, 3) -> those that are there


def plain(colour: Array) -> Paint:
    """One colour all over."""
    return lambda places: np.broadcast_to(colour, places.shape)


@dataclass(frozen=True)
class Material:
    """What a shape's surface is."""

    paint: Paint
    folds: float = 0.0  # how much the surface is rumpled: cloth 1, skin 0
    keep: Keep | None = None  # which places of the surface exist; all of them if None
    glow: float = 0.0  # light of its own while lamps are lit


@dataclass(frozen=True)
class Clay:
    """A window of the picture into which solids are put, the nearest surface kept in each pixel."""

    view: View
    left: int  # of the window in the picture, pixels
    top: int
    width: int
    height: int
    depth: Array = field(init=False)  # (h, w) metres towards the camera; -inf where nothing is
    normal: Array = field(init=False)  # (h, w, 3)
    colour: Array = field(init=False)  # (h, w, 3)
    folds: Array = field(init=False)  # (h, w)
    glow: Array = field(init=False)  # (h, w)

    def __post_init__(self) -> None:
        shape = (self.height, self.width)
        object.__setattr__(self, "depth", np.full(shape, -np.inf, np.float32))
        for name, size in (("normal", (*shape, 3)), ("colour", (*shape, 3)), ("folds", shape), ("glow", shape)):
            object.__setattr__(self, name, np.zeros(size, np.float32))

    @property
    def mask(self) -> Array:
        """(h, w): 1 where a solid is, else 0."""
        return np.asarray(self.depth > -np.inf, np.float32)

    def ellipsoid(self, centre: Array, axes: Array, material: Material) -> None:
        """`axes` (3, 3): each row a half axis; places are along these axes."""
        reach = np.sqrt((axes**2).sum(0))
        found = self._window(centre - reach, centre + reach)
        if found is None:
            return
        where, x, y = found
        inverse = np.linalg.inv(axes.T).astype(np.float32)
        start = _plane(inverse, x - centre[0], y - centre[1])
        ray = inverse[:, 2]
        square, half = float(ray @ ray), start @ ray
        inside = half**2 - square * (np.einsum("...i,...i", start, start) - 1)
        height = (np.sqrt(np.maximum(inside, 0)) - half) / square
        places = start + height[..., None] * ray
        self._put(where, inside > 0, centre[2] + height, _unit(places @ inverse), (places, material))

    def box(self, centre: Array, axes: Array, material: Material) -> None:
        """`axes` (3, 3): half axes at right angles; a place's largest coordinate says which face it is on."""
        reach = np.abs(axes).sum(0)
        found = self._window(centre - reach, centre + reach)
        if found is None:
            return
        where, x, y = found
        inverse = np.linalg.inv(axes.T).astype(np.float32)
        start = _plane(inverse, x - centre[0], y - centre[1])
        ray = np.where(np.abs(inverse[:, 2]) < 1e-5, 1e-5, inverse[:, 2])
        near, far = (np.sign(ray) - start) / ray, (-np.sign(ray) - start) / ray
        height, side = near.min(-1), near.argmin(-1)
        places = start + height[..., None] * ray
        normal = _unit((inverse * np.sign(ray)[:, None])[side])
        self._put(where, height > far.max(-1), centre[2] + height, normal, (places, material))

    def limb(self, ends: tuple[Array, Array], radii: tuple[float, float], material: Material) -> None:
        """A round bar from end to end, rounded at both; places are across, along from -1 to 1, towards the camera."""
        (first, last), widest = ends, max(radii)
        found = self._window(np.minimum(first, last) - widest, np.maximum(first, last) + widest)
        if found is None:
            return
        where, x, y = found
        step = last - first
        x, y = x - first[0], y - first[1]
        along = np.clip((x * step[0] + y * step[1]) / max(float(step[:2] @ step[:2]), 1e-6), 0, 1)
        radius = radii[0] + (radii[1] - radii[0]) * along
        across, rise = (x - along * step[0]) / radius, (y - along * step[1]) / radius
        out = np.sqrt(np.maximum(1 - across**2 - rise**2, 0))
        normal = np.stack([across, rise, out], -1)
        length = max(float(np.hypot(step[0], step[1])), 1e-6)
        sideways = (across * step[1] - rise * step[0]) / length
        places = np.stack([sideways, along * 2 - 1, out], -1)
        self._put(where, across**2 + rise**2 < 1, first[2] + along * step[2] + radius * out, normal, (places, material))

    def tube(self, ends: tuple[Array, Array], profile: Array, thickness: float, material: Material) -> None:
        """A body from end to end, half as wide as `profile` (k,) says at k even steps; places as a limb's."""
        first, last = ends
        widest = max(float(profile.max()), thickness)
        found = self._window(np.minimum(first, last) - widest, np.maximum(first, last) + widest)
        if found is None:
            return
        where, x, y = found
        step = last - first
        x, y = x - first[0], y - first[1]
        length = max(float(np.hypot(step[0], step[1])), 1e-6)
        along = (x * step[0] + y * step[1]) / length**2
        half = np.interp(along, np.linspace(0, 1, len(profile)), profile).astype(np.float32)
        across = (x * step[1] - y * step[0]) / (length * half)
        out = np.sqrt(np.maximum(1 - across**2, 0))
        side = np.array([step[1], -step[0], 0], np.float32) / length
        front = np.cross(side, step / np.linalg.norm(step)).astype(np.float32)
        front *= np.sign(front[2]) or 1
        normal = across[..., None] * side + out[..., None] * front
        inside = (np.abs(across) < 1) & (along >= 0) & (along <= 1)
        places = np.stack([across, along * 2 - 1, out], -1)
        self._put(where, inside, first[2] + along * step[2] + thickness * out, normal, (places, material))

    def render(self, light: Light, rumple: Array) -> Array:
        """The solids' light (h, w, 3); `rumple` (h, w, 2) tilts the normals where surfaces are folded."""
        up, sun = self.view.axes[:, 1], self.view.place(light.towards_sun)
        normal = self.normal.copy()
        normal[..., :2] += rumple * self.folds[..., None]
        shaded = light.shade(self.colour, _unit(normal), up, sun, np.ones_like(self.depth))
        own = self.colour * (self.glow * light.lamps)[..., None]
        dim = self._crevices() * self._low()
        return np.asarray(shaded * dim[..., None] + own, np.float32)

    def _crevices(self) -> Array:
        """(h, w) below 1 where a surface lies behind its surroundings, which keep light from it."""
        mask = self.mask
        depth = np.where(mask > 0, self.depth, 0)
        sigma = max(0.06 * self.view.scale, 0.5)
        around = np.asarray(cv2.GaussianBlur(depth, (0, 0), sigma)) / np.maximum(
            cv2.GaussianBlur(mask, (0, 0), sigma), 1e-3
        )
        return np.clip(1 - 3.0 * np.maximum(around - depth, 0), 0.45, 1).astype(np.float32)

    def _low(self) -> Array:
        """(h, 1) below 1 near the ground, where less light comes between people and things."""
        rows: Array = (self.view.origin[1] - self.top - np.arange(self.height, dtype=np.float32)) / self.view.scale
        return np.asarray(np.clip(0.86 + 0.28 * rows, 0.62, 1)[:, None], np.float32)

    def _window(self, low: Array, high: Array) -> tuple[tuple[slice, slice], Array, Array] | None:
        """The pixels that may show what lies between two corners: slices, x (1, w) and y (h, 1) in metres."""
        scale, (u, v) = self.view.scale, self.view.origin
        first, last = int(u + low[0] * scale) - 1 - self.left, int(u + high[0] * scale) + 2 - self.left
        above, below = int(v - high[1] * scale) - 1 - self.top, int(v - low[1] * scale) + 2 - self.top
        first, last, above, below = max(first, 0), min(last, self.width), max(above, 0), min(below, self.height)
        if first >= last or above >= below:
            return None
        x = (np.arange(first, last, dtype=np.float32) + (self.left + 0.5 - u)) / scale
        y = ((v - self.top - 0.5) - np.arange(above, below, dtype=np.float32)) / scale
        return (slice(above, below), slice(first, last)), x[None, :].astype(np.float32), y[:, None].astype(np.float32)

    def _put(
        self, where: tuple[slice, slice], mask: Mask, depth: Array, normal: Array, skin: tuple[Array, Material]
    ) -> None:
        places, material = skin
        shown = mask & (depth > self.depth[where])
        if material.keep is not None:
            shown &= material.keep(places)
        np.copyto(self.depth[where], depth, where=shown)
        np.copyto(self.normal[where], normal, where=shown[..., None])
        np.copyto(self.colour[where], material.paint(places), where=shown[..., None])
        self.folds[where][shown] = material.folds
        self.glow[where][shown] = material.glow


def open_window(camera: Camera, centre: Array, half: float, tall: float) -> Clay | None:
    """Clay for a thing `half` metres to each side of `centre`, `tall` up and down; None if out of the picture."""
    view = camera.look_at(centre)
    up = abs(float(view.axes[1, 1])) * tall + abs(float(view.axes[2, 1])) * half + 0.15
    (u, v), scale = view.origin, view.scale
    left, right = max(int(u - half * scale), 0), min(int(u + half * scale) + 1, camera.width)
    top, bottom = max(int(v - up * scale), 0), min(int(v + up * scale) + 1, camera.height)
    return Clay(view, left, top, right - left, bottom - top) if left < right and top < bottom else None


def _plane(inverse: Array, x: Array, y: Array) -> Array:
    """Places (h, w, 3) of the pixels x (1, w), y (h, 1) on the plane through a shape's centre."""
    return np.asarray(x[..., None] * inverse[:, 0] + y[..., None] * inverse[:, 1], np.float32)


def _unit(vectors: Array) -> Array:
    return np.asarray(
        vectors / np.maximum(np.sqrt(np.einsum("...i,...i", vectors, vectors))[..., None], 1e-6), np.float32
    )
