"""Scores a counter on a labelled set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runtimes import BackendInfo
from sdk.config import to_plain
from sdk.datasets import Sample
from sdk.errors import InputError
from sdk.frame import Image, decode_bytes, read_bytes, shrink
from sdk.metrics import PhotoScore, Scores, game_errors, score_photos
from sdk.zones import Zones
from sdk.zones_count import ZoneCount
from sdk.zones_score import ZoneOutcome, ZoneScores, score_zones, without_masked, zone_outcomes

WORST = 6  # photos that are kept as pictures
PICTURE_SIDE = 640  # pixels, the longer side of such a picture


class Counted(Protocol):
    """What a score needs of a count; see `sdk.result.CountResult`."""

    @property
    def count(self) -> float:
        """People."""

    @property
    def density(self) -> NDArray[np.float32]:
        """(rows, columns) people per cell."""

    @property
    def stride(self) -> int:
        """Pixels of the counted frame that a cell covers, each way."""

    @property
    def scale(self) -> float:
        """The counted frame's size beside the photo's."""

    @property
    def backend(self) -> BackendInfo:
        """What really ran."""

    @property
    def zones(self) -> tuple[ZoneCount, ...]:
        """People in each zone."""

    def overlay(self) -> Image:
        """The photo under a heat map, (h, w, 3) uint8 BGR."""

    def with_zones(self, zones: Zones) -> Counted:
        """The same with the people of each zone, and without those in masks."""


class Counter(Protocol):
    """Anything that counts the people in an array; see `sdk.counter.CrowdCounter`."""

    def count(self, photo: Image) -> Counted:
        """People in a photo (h, w, 3) uint8 BGR."""


@dataclass(frozen=True)
class Failure:
    """A photo that could not be counted."""

    name: str
    message: str


@dataclass(frozen=True, eq=False)
class Worst:
    """A photo that was counted badly."""

    photo: PhotoScore
    picture: Image  # (h, w, 3) uint8 BGR: the photo under its heat map, at most PICTURE_SIDE pixels


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A counter's scores on a labelled set."""

    dataset: str
    package: str
    backend: str  # what really ran
    scores: Scores
    photos: tuple[PhotoScore, ...]  # in the set's order
    worst: tuple[Worst, ...]  # greatest error first
    failed: tuple[Failure, ...]  # photos that are in no score
    moved: int  # points that the set labels outside their photos: counted as people, and moved to the border
    zones: ZoneScores | None = None  # zone by zone, where there are zones; masks are then left out of all scores
    left: int = 0  # photos that were not counted, as the user stopped before

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, as plain values."""
        return {
            "dataset": self.dataset,
            "package": self.package,
            "backend": self.backend,
            "scores": self.scores.to_json(),
            "points_moved": self.moved,
            "failed": to_plain(self.failed),
            "photos": to_plain(self.photos),
            "photos_left": self.left,
            **({"zones": self.zones.to_json()} if self.zones else {}),
        }


def evaluate(
    counter: Counter,
    samples: Iterable[Sample],
    *,
    dataset: str,
    package: str,
    progress: Callable[[], None] = lambda: None,
    zones: Zones | None = None,
) -> Evaluation:
    """Count every labelled photo and score the counts, by zones too where given; `progress` is called after each.

    A photo that cannot be read is left out of the scores and reported; when none can, InputError is raised.
    """
    photos: list[PhotoScore] = []
    failed: list[Failure] = []
    worst: list[Worst] = []
    by_zone: list[tuple[str, tuple[ZoneOutcome, ...]]] = []
    used, moved = "", 0
    for sample in samples:
        try:
            image = decode_bytes(read_bytes(sample.photo), str(sample.photo), upright=False)
            result: Counted = counter.count(image)
        except InputError as error:
            failed.append(Failure(sample.name, str(error)))
        else:
            if zones is not None:
                sample, result, outcomes = _by_zone(sample, result, image, zones)  # noqa: PLW2901 - its seen part
                by_zone.append((sample.name, outcomes))
            photo = _score(sample, result, image)
            photos.append(photo)
            worst = _keep_worst(worst, photo, result)
            used, moved = describe(result.backend), moved + sample.moved
        progress()
    if failed and not photos:
        raise InputError(f"none of {len(failed)} photos could be counted; the first: {failed[0].message}")
    return Evaluation(
        dataset,
        package,
        used,
        score_photos(photos),
        tuple(photos),
        tuple(worst),
        tuple(failed),
        moved,
        score_zones(by_zone),
    )


def describe(backend: BackendInfo) -> str:
    """What ran, in words."""
    return f"{backend.engine} {backend.engine_version}, {backend.device} ({backend.device_name}), {backend.precision}"


def _score(sample: Sample, result: Counted, image: Image) -> PhotoScore:
    size = image.shape[0], image.shape[1]
    errors = game_errors(result.density, sample.points, size, result.stride / result.scale)
    return PhotoScore(sample.name, len(sample.points), float(result.count), errors)


def _by_zone(
    sample: Sample, result: Counted, image: Image, zones: Zones
) -> tuple[Sample, Counted, tuple[ZoneOutcome, ...]]:
    """The sample and its count without what masks cover, and each zone's count beside its points."""
    size = image.shape[0], image.shape[1]
    zoned = result.with_zones(zones)
    return without_masked(sample, size, zones), zoned, zone_outcomes(sample.points, size, zones, zoned.zones)


def _keep_worst(worst: list[Worst], photo: PhotoScore, result: Counted) -> list[Worst]:
    """The worst photos so far with this one among them, if it is one of them; only then is its picture drawn."""
    if len(worst) == WORST and abs(photo.error) <= abs(worst[-1].photo.error):
        return worst
    here = Worst(photo, shrink(result.overlay(), PICTURE_SIDE).image)
    return sorted([*worst, here], key=lambda kept: -abs(kept.photo.error))[:WORST]
