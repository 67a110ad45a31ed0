"""The correction of a camera by a few of its frames; refused where leaving each frame out once shows no gain.

Errors are means of |true - counted| a frame. The factor makes the counts of the frames right in sum. Which scale to
take, and whether a factor, is chosen by leaving frames out; what the choice is worth by leaving out others, so that a
correction which only remembers its frames does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdk.errors import CalibrationError
from sdk.trust.correction import FACTORS

SCALES = (1.0, 0.5, 0.71, 1.41, 2.0)  # that are tried; the first is the frame as it is
FEWEST = 3  # frames
HELPS = 0.9  # of the error without a correction, that one with it may have at most

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """One way to correct."""

    scale: int  # its place among the scales
    factored: bool

    def factor(self, counted: Table, true: Table) -> float:
        """By frames counted at all scales (frames, scales)."""
        if not self.factored:
            return 1.0
        people = float(counted[:, self.scale].sum())
        return float(np.clip(true.sum() / people, *FACTORS)) if people > 0 else 1.0


@dataclass(frozen=True)
class Fitted:
    """A correction, and what it is worth."""

    scale: float
    factor: float
    error_before: float  # people a frame
    error_after: float  # people a frame, each by the correction that the others gave


def fit_camera(counted: Table, true: Sequence[int], scales: Sequence[float] = SCALES) -> Fitted:
    """The correction by frames that were counted at several scales.

    counted: (frames, scales) people, the first scale being 1. true: people in each frame. Raises CalibrationError for
    too few frames, and where no correction helps.
    """
    people = np.asarray(true, np.float64)
    if len(people) < FEWEST:
        message = f"{len(people)} labelled frames are too few for a correction, expected {FEWEST} or more"
        raise CalibrationError(message, hint="label frames of busy and quiet times")
    if not people.any():
        raise CalibrationError("no frame shows anybody, so there is nothing to correct by", hint="label busier frames")
    before = float(np.abs(counted[:, 0] - people).mean())
    after = _error(choose, counted, people)
    if not after <= HELPS * before:
        message = (
            f"no correction helps: the error is {before:.1f} people a frame without one and {after:.1f} with it, each"
            f" of {len(people)} frames left out once"
        )
        raise CalibrationError(
            message, hint="the model counts this camera as well as a correction could; or label more"
        )
    best = choose(counted, people)
    return Fitted(scales[best.scale], round(best.factor(counted, people), 4), before, after)


def choose(counted: Table, true: Table) -> Choice:
    """The way with the least error on frames left out; of equal ones the first, which changes least."""
    ways = [Choice(scale, factored) for factored in (False, True) for scale in range(counted.shape[1])]
    return min(ways, key=lambda way: round(_error(lambda *_: way, counted, true), 6))


def _error(chosen: Callable[[Table, Table], Choice], counted: Table, true: Table) -> float:
    """The mean error of frames, each left out of the choice of a way and of its factor."""
    errors = []
    for at in range(len(true)):
        others = np.arange(len(true)) != at
        way = chosen(counted[others], true[others])
        errors.append(abs(way.factor(counted[others], true[others]) * counted[at, way.scale] - true[at]))
    return float(np.mean(errors))
