"""How far a count may be off: an interval that holds the true number of people in a stated share of photos.

Split conformal prediction (Papadopoulos et al., ECML 2002; Lei et al., JASA 2018): on labelled photos that the model
was not fitted to, |true - counted| is divided by a scale that grows with the count; the interval of a new photo reaches
as many scales each way as the finite-sample quantile of those scores, separately for sparse, denser and densest counts.
It holds for photos that are drawn like the labelled ones; of another scene it says little, which the state is for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdk.errors import CalibrationError

SHARE = 0.9  # of photos whose interval holds the true number
FEWEST = 30  # photos of a calibration
IN_A_BIN = 40  # photos at least, where there are several bins
SPLITS = 200  # into calibration and held-out photos, by which the coverage is measured
HELD_OUT = 0.25  # of the photos, in each of them

Table = NDArray[np.float64]


@dataclass(frozen=True)
class DensityBin:
    """Counts from `fewest` people on, up to the next bin's."""

    fewest: float  # people, as counted
    photos: int  # that were calibrated on
    score: float  # scales, each way


@dataclass(frozen=True)
class Intervals:
    """The interval of any count."""

    share: float  # of photos like those calibrated on, whose interval holds the true number
    bins: tuple[DensityBin, ...]  # sparse first; the first begins at 0 people

    def __post_init__(self) -> None:
        starts = [one.fewest for one in self.bins]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise CalibrationError(f"density bins begin at {starts} people, expected 0 first, then more and more")
        if not 0 < self.share < 1:
            raise CalibrationError(f"share is {self.share}, expected more than 0 and less than 1")
        for one in self.bins:
            if not (math.isfinite(one.score) and one.score >= 0):
                raise CalibrationError(f"score from {one.fewest:g} people on is {one.score}, expected 0 or more")

    def around(self, counted: float) -> tuple[float, float]:
        """People, lowest and highest, that a photo may show of which so many were counted."""
        reach = self._bin(counted).score * float(scale(np.float64(counted)))
        return max(0.0, counted - reach), counted + reach

    def _bin(self, counted: float) -> DensityBin:
        return [one for one in self.bins if one.fewest <= max(0.0, counted)][-1]


@dataclass(frozen=True)
class Coverage:
    """How often intervals held the true number on photos that they were not calibrated on."""

    mean: float  # share of held-out photos, over all splits
    lowest: float  # of one split in twenty it was this or less
    highest: float  # of one split in twenty it was this or more


def scale(counted: Table | np.float64) -> Table | np.float64:
    """People by which an error is measured: between the root, as of independent people, and in proportion."""
    return (np.maximum(counted, 0) + 1) ** 0.75


def fit_intervals(counted: Sequence[float], true: Sequence[float], share: float = SHARE) -> Intervals:
    """The intervals by labelled photos: what was counted in each, and how many people it shows."""
    people, truth = np.asarray(counted, np.float64), np.asarray(true, np.float64)
    if len(people) < FEWEST:
        message = f"{len(people)} labelled photos are too few for an interval, expected {FEWEST} or more"
        raise CalibrationError(message, hint="label more photos of the places where people will be counted")
    scores = np.abs(truth - people) / scale(people)
    edges = [0.0, *_edges(people)]
    bins = np.searchsorted(edges, people, side="right") - 1
    parts = [scores[bins == at] for at in range(len(edges))]
    made = [
        DensityBin(round(edge, 3), len(part), round(quantile(part, share), 5))
        for edge, part in zip(edges, parts, strict=True)
    ]
    return Intervals(share, tuple(made))


def quantile(scores: Table, share: float) -> float:
    """The finite-sample quantile: of n scores the one at rank (n + 1) * share, rounded up."""
    rank = math.ceil((len(scores) + 1) * share)
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def coverage(intervals: Intervals, counted: Table, true: Table) -> float:
    """The share of photos whose interval holds the true number."""
    held = [low <= truth <= high for truth, (low, high) in zip(true, map(intervals.around, counted), strict=True)]
    return float(np.mean(held))


def measured_coverage(counted: Sequence[float], true: Sequence[float], share: float = SHARE) -> Coverage:
    """The coverage on held-out photos, over SPLITS random splits, always the same ones."""
    people, truth = np.asarray(counted, np.float64), np.asarray(true, np.float64)
    shares = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(people))
        held, kept = np.split(order, [round(HELD_OUT * len(order))])
        shares.append(coverage(fit_intervals(people[kept], truth[kept], share), people[held], truth[held]))  # type: ignore[arg-type]
    return Coverage(*(round(float(value), 4) for value in (np.mean(shares), *np.quantile(shares, (0.05, 0.95)))))


def _edges(counted: Table) -> list[float]:
    """Where bins of equal numbers of photos, IN_A_BIN at least, meet."""
    bins = max(1, len(counted) // IN_A_BIN)
    return [float(edge) for edge in np.unique(np.quantile(counted, np.arange(1, bins) / bins)) if edge > 0]
