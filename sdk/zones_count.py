"""People in each zone of a density map; zones that tile the frame add up to the whole count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sdk.frame import scaled_size
from sdk.zones import Zone, Zones
from sdk.zones_cells import Grid, Shares, shares, union, without

if TYPE_CHECKING:
    from sdk.result import CountResult


@dataclass(frozen=True)
class ZoneCount:
    """People in one zone."""

    name: str
    count: float  # people
    square_metres: float | None = None  # of its ground, without what is excluded; None: no ground points
    per_square_metre: float | None = None  # people
    level: str | None = None  # Fruin's level of service, A (free) to F (packed)

    def to_json(self) -> dict[str, Any]:
        """Plain values; those of the ground only where there is one."""
        people = {"count": round(self.count, 3)}
        if self.square_metres is None or self.per_square_metre is None:
            return people
        ground = {"square_metres": round(self.square_metres, 2), "per_square_metre": round(self.per_square_metre, 4)}
        return {**people, **ground, "level": self.level}

    def on_ground(self) -> str:
        """Its people per square metre in words; nothing where its ground is unknown."""
        if self.square_metres is None or self.per_square_metre is None:
            return ""
        return f"{self.per_square_metre:.2f}/m2 on {self.square_metres:,.0f} m2, level {self.level}"


@dataclass(frozen=True, eq=False)
class Part:
    """Which share of which cells belongs to a zone."""

    rows: slice
    columns: slice
    share: Shares  # of the cells in rows and columns, 0..1

    def people(self, density: NDArray[np.float32]) -> float:
        """People of the density (rows, columns) that are in it."""
        return float(np.einsum("ij,ij->", density[self.rows, self.columns], self.share, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Parts:
    """Zones laid over the cells of one size of frame."""

    kept: Shares | None  # the share of each cell that no mask covers; None: there are no masks
    zones: tuple[Part, ...]  # one for each counted zone


def count_zones(density: NDArray[np.float32], zones: Zones, grid: Grid) -> tuple[ZoneCount, ...]:
    """People in each counted zone, of a density (rows, columns) in people per cell."""
    grid.check(density)
    parts = lay_over(zones, grid).zones
    return tuple(_counted(zone, zones, part.people(density)) for zone, part in zip(zones.counted, parts, strict=True))


def masked(density: NDArray[np.float32], zones: Zones, grid: Grid) -> NDArray[np.float64]:
    """The density (rows, columns) without the people in masks."""
    grid.check(density)
    kept = lay_over(zones, grid).kept
    return density.astype(np.float64) if kept is None else density * kept


def with_zones(result: CountResult, zones: Zones) -> CountResult:
    """The result with each zone's count, and without the people that masks cover."""
    height, width = result.photo.shape[:2]
    grid = Grid(*scaled_size(width, height, result.scale), result.stride)
    counts = count_zones(result.density, zones, grid)
    if not zones.masks:
        return replace(result, zones=counts)
    density = masked(result.density, zones, grid)
    return replace(result, count=float(density.sum()), density=density.astype(np.float32), zones=counts)


@lru_cache(maxsize=8)  # of cameras, and the sizes that their frames come in
def lay_over(zones: Zones, grid: Grid) -> Parts:
    """The exact share of each cell that each zone covers; kept for the next frame of the size."""
    masks = zones.masks
    hidden = union([shares(mask, grid) for mask in masks], masks, grid)
    return Parts(1 - hidden if masks else None, tuple(_parts(zones, hidden, grid)))


def _parts(zones: Zones, hidden: Shares, grid: Grid) -> Iterator[Part]:
    for zone in zones.counted:
        cover = without(shares(zone.polygon, grid), zone.polygon, hidden, zones.masks, grid)
        rows, columns = _span(cover.max(1)), _span(cover.max(0))
        yield Part(rows, columns, cover[rows, columns].copy())


def _span(used: NDArray[np.float64]) -> slice:
    """From the first to the last that is not 0; empty when all are."""
    places = np.flatnonzero(used)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def _counted(zone: Zone, zones: Zones, people: float) -> ZoneCount:
    area = zones.square_metres.get(zone.name)
    if zone.ground is None or not area:
        return ZoneCount(zone.name, people)
    per_square_metre = people / area
    return ZoneCount(zone.name, people, area, per_square_metre, zone.ground.level(per_square_metre))
