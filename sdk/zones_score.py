"""How well people are counted zone by zone: GAME whose parts are an operator's zones instead of equal squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdk.datasets import Sample
from sdk.zones import Zones
from sdk.zones_count import ZoneCount
from sdk.zones_polygon import contains


@dataclass(frozen=True)
class ZoneOutcome:
    """One zone of one photo: its count beside its head points."""

    zone: str
    true: int  # head points in it
    counted: float  # people


@dataclass(frozen=True)
class ZoneScore:
    """One zone's scores over all photos."""

    zone: str
    people: int  # head points of all photos
    mae: float  # people a photo
    bias: float  # people a photo, mean of counted - true


@dataclass(frozen=True)
class ZoneScores:
    """All zones' scores."""

    game: float  # people a photo: the zones' absolute errors summed, so that errors of two zones cannot cancel
    zones: tuple[ZoneScore, ...]
    photos: tuple[tuple[str, tuple[ZoneOutcome, ...]], ...]  # each photo's name and zones

    def to_json(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        photos = {name: {one.zone: [one.true, round(one.counted, 3)] for one in zones} for name, zones in self.photos}
        return {"game": self.game, "zones": [asdict(zone) for zone in self.zones], "true_and_counted": photos}


def zone_outcomes(
    points: NDArray[np.float32], size: tuple[int, int], zones: Zones, counts: Sequence[ZoneCount]
) -> tuple[ZoneOutcome, ...]:
    """Each zone's count beside its head points (n, 2), x and y in pixels of a photo of height and width `size`."""
    places = _relative(points, size)
    seen = places[~_hidden(places, zones)]
    return tuple(
        ZoneOutcome(zone.name, int(contains(zone.polygon, seen).sum()), count.count)
        for zone, count in zip(zones.counted, counts, strict=True)
    )


def without_masked(sample: Sample, size: tuple[int, int], zones: Zones) -> Sample:
    """The sample without the head points that masks cover."""
    if not zones.masks:
        return sample
    return replace(sample, points=sample.points[~_hidden(_relative(sample.points, size), zones)])


def score_zones(photos: Sequence[tuple[str, tuple[ZoneOutcome, ...]]]) -> ZoneScores | None:
    """The scores of photos that all have the same zones; None without any zone."""
    if not photos or not photos[0][1]:
        return None
    errors = np.array([[one.counted - one.true for one in zones] for _, zones in photos])
    people = np.array([[one.true for one in zones] for _, zones in photos]).sum(0)
    scores = tuple(
        ZoneScore(one.zone, int(people[i]), float(np.abs(errors[:, i]).mean()), float(errors[:, i].mean()))
        for i, one in enumerate(photos[0][1])
    )
    return ZoneScores(float(np.abs(errors).sum(1).mean()), scores, tuple(photos))


def _relative(points: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    """The points in 0..1 of the photo's sides; one on the right or lower border lies just within it."""
    last = np.nextafter(1.0, 0.0)
    return np.asarray(np.clip(points.astype(np.float64).reshape(-1, 2) / (size[1], size[0]), 0.0, last))


def _hidden(places: NDArray[np.float64], zones: Zones) -> NDArray[np.bool_]:
    """Which places lie in a mask."""
    hidden = np.zeros(len(places), np.bool_)
    for mask in zones.masks:
        hidden |= contains(mask, places)
    return hidden
