"""Which photos to calibrate on: few, over the whole range of densities, and the densest among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from exporters.calibration_photos import Shot
from exporters.calibration_table import coverage
from sdk.errors import CalibrationError, InputError
from sdk.evaluation import Failure
from sdk.metrics import BINS

FEWEST = 32  # photos, to calibrate on
CHOSEN = 64  # photos, by default
SPARSE = 50  # people; a set whose densest photo shows no more has not seen a crowd
GATE_SHARE = 3  # of as many photos of a set, one is kept for the gate whatever else the set holds
HINT = "add photos of full scenes, or pass --allow-sparse, which marks the package"

Count = Callable[[Shot], float]  # people in a photo, by the fp32 master


def count_shots(
    shots: Sequence[Shot], count: Count, progress: Callable[[], None] = lambda: None
) -> tuple[list[Shot], list[Failure]]:
    """The photos with the people in them, each counted once, and those that cannot be decoded."""
    counted, failures = [], []
    for shot in shots:
        if shot.people is not None:
            counted.append(shot)
            continue
        try:
            counted.append(replace(shot, people=count(shot)))
        except InputError as error:
            failures.append(Failure(shot.name, str(error)))
        progress()
    return counted, failures


def split(shots: Sequence[Shot], most: int = CHOSEN) -> tuple[list[Shot], list[Shot]]:
    """Photos to calibrate on, and all others, for the gate.

    A third of the photos, by their content, is never calibrated on: a photo keeps its side when others come or go.
    """
    chosen = choose([shot for shot in shots if not kept_for_gate(shot)], most)
    taken = {shot.sha256 for shot in chosen}
    return chosen, [shot for shot in shots if shot.sha256 not in taken]


def kept_for_gate(shot: Shot) -> bool:
    """Whether a photo's content puts it on the gate's side."""
    return int(shot.sha256[:8], 16) % GATE_SHARE == 0


def choose(shots: Sequence[Shot], most: int = CHOSEN) -> list[Shot]:
    """At most so many photos, evenly over the logarithm of their counts, the emptiest and the densest among them."""
    left = sorted(shots, key=lambda shot: (shot.density, shot.sha256))
    if len(left) <= most:
        return left
    wanted = np.expm1(np.linspace(np.log1p(left[0].density), np.log1p(left[-1].density), most))
    chosen = []
    for people in reversed(wanted):  # from the densest down: of those there are the fewest
        nearest = min(range(len(left)), key=lambda at: abs(np.log1p(left[at].density) - np.log1p(people)))
        chosen.append(left.pop(nearest))
    return sorted(chosen, key=lambda shot: (shot.density, shot.sha256))


def check_choice(shots: Sequence[Shot], *, allow_sparse: bool) -> bool:
    """Refuse too few photos, and photos without crowds unless that is allowed; whether they are without crowds."""
    if len(shots) < FEWEST:
        message = f"{len(shots)} photos to calibrate on, expected {FEWEST} or more"
        raise CalibrationError(message, hint="add photos; a third of a set is kept for the gate", photos=len(shots))
    densest = max(shot.density for shot in shots)
    sparse = round(densest) <= SPARSE
    if sparse and not allow_sparse:
        what = "all calibration photos are empty" if round(densest) == 0 else "all calibration photos are sparse"
        missing = ", ".join(f"{fewest} to {most or 'more'}" for fewest, most in BINS if fewest > SPARSE)
        message = f"{what}: the densest of {len(shots)} shows {densest:.0f} people; missing: photos of {missing} people"
        raise CalibrationError(message, hint=HINT, densest=densest)
    return sparse


def check_disjoint(calibrated: Sequence[str], gate: Sequence[Shot]) -> None:
    """Refuse a gate on photos that were calibrated on. calibrated: their sha256."""
    known = set(calibrated)
    both = [shot.name for shot in gate if shot.sha256 in known]
    if both:
        message = f"{len(both)} of {len(gate)} gate photos were calibrated on too, {both[0]} for one"
        raise CalibrationError(
            message, hint="give the gate photos of its own; the same content counts as the same photo"
        )


def told_coverage(people: Sequence[float]) -> str:
    """In words: how many photos of each density."""
    parts = coverage(list(people))
    return ", ".join(f"{part.photos} of {_range(part.fewest, part.most)}" for part in parts) + " people"


def _range(fewest: int, most: int | None) -> str:
    return str(fewest) if fewest == most else f"over {fewest - 1}" if most is None else f"{fewest} to {most}"
