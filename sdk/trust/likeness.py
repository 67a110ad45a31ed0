"""Whether a scene is like the photos that a model was calibrated on, by statistics of its picture.

Every number is of the small copy of a frame, so that no engine has to give more than it does, and no network is run
twice. A frame's distance is the mean of those to the NEAREST photos, each feature in units of its spread over them. The
limit is the distance that three photos in two hundred have from the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.errors import CalibrationError
from sdk.trust.interval import FEWEST, HELD_OUT, SPLITS, quantile
from sdk.trust.picture import Grey, Look

NEAREST = 3  # photos that a frame is held against
WITHIN = 0.985  # of the photos are nearer to the others than the limit
SHIFT = 4  # pixels of the tiny copy over which a picture is compared with itself

Table = NDArray[np.float64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Likeness:
    """Where photos lie that the model knows."""

    features: tuple[str, ...]  # what each number of a photo is, see FEATURES
    spread: tuple[float, ...]  # of each over the photos
    photos: tuple[tuple[float, ...], ...]
    limit: float  # distance beyond which a scene is unlike them

    def __post_init__(self) -> None:
        if self.features != tuple(FEATURES):
            message = f"features are {', '.join(self.features)}; this release tells {', '.join(FEATURES)}"
            raise CalibrationError(message, hint="calibrate again with skt-export trust")
        width = len(self.features)
        if len(self.spread) != width or len(self.photos) < NEAREST or {len(row) for row in self.photos} != {width}:
            message = f"{len(self.photos)} photos do not all have {width} numbers, as features and spread have"
            raise CalibrationError(message, hint="calibrate again with skt-export trust")
        finite = bool(np.isfinite(self._photos).all()) and all(math.isfinite(value) for value in self.spread)
        if not (finite and min(self.spread) > 0 and 0 < self.limit < math.inf):
            raise CalibrationError("features, spread and limit are not all finite, spread and limit above 0")

    def distance(self, look: Look) -> float:
        """How far a frame is from the photos; 1 or so inside them."""
        apart = self._scaled - np.divide(features_of(look), self._spread)
        squares = np.einsum("pf,pf->p", apart, apart)
        squares.partition(NEAREST - 1)
        return float(np.sqrt(squares[:NEAREST] / len(self.features)).mean())

    @cached_property
    def _photos(self) -> Table:
        return np.array(self.photos, np.float64)

    @cached_property
    def _spread(self) -> Table:
        return np.array(self.spread, np.float64)

    @cached_property
    def _scaled(self) -> Table:
        return self._photos / self._spread


def fit_likeness(rows: Sequence[Sequence[float]]) -> Likeness:
    """The likeness by the features of photos; FEWEST of them at least."""
    if len(rows) < FEWEST:
        message = f"{len(rows)} photos are too few to know a scene by, expected {FEWEST} or more"
        raise CalibrationError(message, hint="give more photos of the places where people will be counted")
    photos = np.asarray(np.round(np.array(rows, np.float64), 4), np.float64)
    spread = np.asarray(np.round(photos.std(axis=0) + 1e-3, 4), np.float64)
    limit = round(quantile(distances(photos, photos, spread, own=1), WITHIN), 4)
    told = tuple(tuple(float(value) for value in row) for row in photos)
    return Likeness(tuple(FEATURES), tuple(float(value) for value in spread), told, limit)


def measured_false_alarms(rows: Sequence[Sequence[float]]) -> float:
    """The share of held-out photos that are told to be unlike the others, over SPLITS random splits."""
    photos = np.array(rows, np.float64)
    shares = []
    for seed in range(SPLITS):
        held, kept = np.split(np.random.default_rng(seed).permutation(len(photos)), [round(HELD_OUT * len(photos))])
        fitted = fit_likeness(photos[kept].tolist())
        far = distances(fitted._photos, photos[held], np.array(fitted.spread))  # noqa: SLF001 - of this module
        shares.append(float((far > fitted.limit).mean()))
    return round(float(np.mean(shares)), 4)


def distances(photos: Table, rows: Table, spread: Table, *, own: int = 0) -> Table:
    """Mean distance of each row (n, features) to its NEAREST photos, `own` nearest ones left out."""
    apart = np.sqrt(np.mean(((rows[:, None] - photos[None]) / spread) ** 2, axis=2))
    return np.asarray(np.sort(apart, axis=1)[:, own : own + NEAREST].mean(axis=1))


def features_of(look: Look) -> tuple[float, ...]:
    """A frame's numbers, one for each of FEATURES."""
    view = _View(look)
    return tuple(float(tell(view)) for tell in FEATURES.values())


class _View:
    """What several features are made of; in bytes, which takes a quarter of the time."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.across, self.down = gradients(look.grey)
        self.edges = np.asarray(cv2.add(self.across, self.down), np.uint8)
        self.mean_edge = _mean(self.edges)
        saturation = np.asarray(cv2.extractChannel(cv2.cvtColor(look.small, cv2.COLOR_BGR2HSV), 1), np.uint8)
        self.grey, self.saturation = _mean_and_spread(look.grey), _mean_and_spread(saturation)
        self.grey_ends, self.edge_ends = _ends(look.grey), _ends(self.edges)

    def share(self, chosen: NDArray[np.bool_]) -> float:
        """Of a picture."""
        return float(np.count_nonzero(chosen)) / chosen.size


def gradients(picture: Bytes) -> tuple[Bytes, Bytes]:
    """Absolute differences to the right and to the lower neighbour, each (h - 1, w - 1); of one row or column: 0."""
    if min(picture.shape) < 2:
        return np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8)
    here = picture[:-1, :-1]
    across, down = cv2.absdiff(picture[:-1, 1:], here), cv2.absdiff(picture[1:, :-1], here)
    return np.asarray(across, np.uint8), np.asarray(down, np.uint8)


def _mean(values: Bytes) -> float:
    return float(cv2.mean(values)[0])


def _mean_and_spread(values: Bytes) -> tuple[float, float]:
    mean, spread = cv2.meanStdDev(values)
    return float(mean[0, 0]), float(spread[0, 0])


def _ends(picture: Bytes) -> tuple[float, float]:
    """The means of its upper and its lower third."""
    third = max(1, len(picture) // 3)
    return _mean(picture[:third]), _mean(picture[-third:])


def _coarse(tiny: Grey) -> float:
    return sum(map(_mean, gradients(tiny.astype(np.uint8))))


def _like_itself(tiny: Grey, axis: int) -> float:
    """Correlation of a picture with itself, shifted along an axis."""
    if tiny.shape[axis] <= SHIFT:
        return 1.0
    one, other = (tiny[:-SHIFT], tiny[SHIFT:]) if axis == 0 else (tiny[:, :-SHIFT], tiny[:, SHIFT:])
    one, other = one - one.mean(), other - other.mean()
    size = math.sqrt(float(np.vdot(one, one)) * float(np.vdot(other, other)))
    return float(np.vdot(one, other)) / size if size > 1 else 1.0


FEATURES: dict[str, Callable[[_View], float]] = {
    "brightness": lambda view: view.grey[0] / 255,
    "contrast": lambda view: view.grey[1] / 64,
    "fine edges": lambda view: math.log1p(view.mean_edge),
    "coarse edges": lambda view: math.log1p(_coarse(view.look.tiny)),
    "edges across to down": lambda view: math.log((_mean(view.across) + 0.5) / (_mean(view.down) + 0.5)),
    "share of strong edges": lambda view: view.share(view.edges > min(255, int(3 * view.mean_edge))),
    "share of flat places": lambda view: view.share(view.edges < 3),
    "saturation": lambda view: view.saturation[0] / 64,
    "spread of saturation": lambda view: view.saturation[1] / 64,
    "brighter above": lambda view: (view.grey_ends[0] - view.grey_ends[1]) / 64,
    "more edges above": lambda view: math.log1p(view.edge_ends[0]) - math.log1p(view.edge_ends[1]),
    "share of blocks with detail": lambda view: view.share(view.look.detail > 6),
    "share of white": lambda view: view.share(view.look.grey > 235),
    "spread of detail": lambda view: float(view.look.detail.std()) / 16,
    "width of edges": lambda view: math.log(view.look.edge),
    "steps between neighbours": lambda view: math.log1p(max(0.0, view.look.step)),
    "like itself downwards": lambda view: _like_itself(view.look.tiny, 0),
    "like itself across": lambda view: _like_itself(view.look.tiny, 1),
}
