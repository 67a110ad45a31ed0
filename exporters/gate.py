"""The accuracy gate: an INT8 variant, in its real engine, beside the fp32 master on photos not calibrated on.

On a CPU whose 8-bit sums saturate, exact sums stand in for the engine: see exporters.counting.exact_sums.

Where photos are labelled, the truth is the number of head points; elsewhere it is what the master counts. A relative
limit means nothing where there is nearly nobody, so each limit has a floor in people a photo below which it is met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.calibration_photos import Shot
from exporters.calibration_table import density_bin
from sdk.config import to_plain
from sdk.errors import AccuracyGateError, ConfigError
from sdk.metrics import BINS

GATE_NAME = "reports/gate.json"
FEWEST = 8  # photos, for a gate to say anything
CROWD = 50  # people; below, one photo's relative error is not looked at
FLOOR, BIN_FLOOR = 0.05, 0.5  # people a photo: of all photos together, and of one density
OFF = "off"

Counts = NDArray[np.float64]  # (photos,) people


@dataclass(frozen=True)
class Limits:
    """How far an INT8 variant's counts may be from the master's, in per cent."""

    mae: float = 1.0  # rise of the mean absolute error; without labels the mean difference, of the people
    bias: float = 0.5  # mean difference, of the people, either way
    bin: float = 3.0  # the same for the photos of one density
    photo: float = 10.0  # difference of one photo of CROWD people or more, of its people

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"gate limit {field.name} is {value}, expected per cent, 0 or more")


@dataclass(frozen=True)
class Gate:
    """Limits, and the photos to hold them on."""

    limits: Limits
    photos: tuple[Shot, ...]  # with the master's counts

    @property
    def labelled(self) -> bool:
        """Whether every photo has head points; one without makes the master the truth for all."""
        return all(shot.true is not None for shot in self.photos)


@dataclass(frozen=True)
class Check:
    """One limit beside what was found."""

    name: str
    found: float  # per cent, signed
    limit: float  # per cent
    people: float  # a photo, the difference behind it
    passed: bool


@dataclass(frozen=True)
class BinResult:
    """The photos of one density."""

    fewest: int
    most: int | None
    photos: int
    people: float  # of all these photos
    mae: float | None  # int8 beside the truth, people a photo; None without photos
    bias: float | None  # mean of int8 - fp32, people a photo
    bias_percent: float | None  # of the people; None where there are none


@dataclass(frozen=True)
class Verdict:
    """What the gate found of one variant."""

    variant: str
    engine: str
    labelled: bool
    photos: int
    people: float
    mae_fp32: float
    mae_int8: float
    checks: tuple[Check, ...]
    bins: tuple[BinResult, ...]
    worst: dict[str, Any] | None  # the photo of CROWD people or more that moved most, of its people
    counts: tuple[dict[str, Any], ...]  # of each photo

    @property
    def passed(self) -> bool:
        """Whether every limit holds."""
        return all(check.passed for check in self.checks)

    def summary(self) -> dict[str, Any]:
        """For the manifest: the status and the figures behind it."""
        return {
            "status": "passed" if self.passed else "failed",
            "engine": self.engine,
            "photos": self.photos,
            "labelled": self.labelled,
            **{f"{check.name}_percent": _rounded(check.found) for check in self.checks},
        }

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        about = {"people": _rounded(self.people), "mae_fp32": _rounded(self.mae_fp32)}
        about["mae_int8"] = _rounded(self.mae_int8)
        lists = {"checks": self.checks, "bins": self.bins, "worst_photo": self.worst, "counts": self.counts}
        return {**self.summary(), **about, **_round_all(to_plain(lists))}


def parse_limits(text: str) -> Limits | None:
    """`mae=1,bias=0.5,bin=3,photo=10` with any of them left out; None for `off`."""
    if text.strip() == OFF:
        return None
    names = [field.name for field in fields(Limits)]
    values = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in names:
            hint = f"expected {OFF}, or some of {', '.join(f'{known}=PERCENT' for known in names)}"
            raise ConfigError(f"gate {part!r} names no limit", hint=hint)
        try:
            values[name.strip()] = float(value)
        except ValueError as error:
            raise ConfigError(f"gate limit {name} is {value!r}, expected a number of per cent") from error
    return Limits(**values)


def check_enough(photos: Sequence[Shot]) -> None:
    """Refuse a gate on too few photos to say anything."""
    if len(photos) < FEWEST:
        message = f"the accuracy gate has {len(photos)} photos, expected {FEWEST} or more"
        hint = "give --gate-photos, or more photos to --calib, or --gate off, which marks the variants ungated"
        raise AccuracyGateError(message, hint=hint, photos=len(photos))


def judge(
    gate: Gate,
    variant: str,
    engine: str,
    count: Callable[[Shot], float],
    progress: Callable[[], None] = lambda: None,
) -> Verdict:
    """Count every photo of the gate with a variant, and hold the counts beside the master's."""
    counted = []
    for shot in gate.photos:
        counted.append(count(shot))
        progress()
    int8, fp32 = np.array(counted, np.float64), np.array([shot.counted for shot in gate.photos], np.float64)
    truth = np.array([shot.true for shot in gate.photos], np.float64) if gate.labelled else fp32
    mae_fp32, mae_int8 = (float(np.abs(counts - truth).mean()) for counts in (fp32, int8))
    bins = tuple(_bin(int8, fp32, truth, at) for at in range(len(BINS)))
    worst = _worst(gate.photos, int8, fp32, truth)
    moved, crowd = (worst["difference"], worst["people"]) if worst else (0.0, 0.0)
    checks = (
        _mae_check(gate, mae_fp32, mae_int8, float(truth.mean())),
        _check("bias", float((int8 - fp32).mean()), float(truth.mean()), gate.limits.bias, FLOOR),
        _bin_check(bins, gate.limits.bin),
        _check("photo", moved, crowd, gate.limits.photo, 0.0),
    )
    counts = tuple(_counts(*row) for row in zip(gate.photos, int8, strict=True))
    people = float(truth.sum())
    about = (variant, engine, gate.labelled, len(counts), people, mae_fp32, mae_int8)
    return Verdict(*about, checks, bins, worst, counts)


def refusal(verdicts: Sequence[Verdict], report: bytes) -> AccuracyGateError:
    """The error of the variants that failed, with the report of all."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    told = "; ".join(f"{verdict.variant}: {told_misses(verdict)}" for verdict in failed)
    details = {verdict.variant: verdict.summary() for verdict in verdicts}
    message = f"the accuracy gate failed: {told}"
    return AccuracyGateError(message, report=report.decode(), variants=details)


def told_misses(verdict: Verdict) -> str:
    """The limits that do not hold, in words; empty where all do."""
    missed = [check for check in verdict.checks if not check.passed]
    return ", ".join(f"{check.name} {check.found:+.2f} % (limit {check.limit:g})" for check in missed)


def _check(name: str, difference: float, people: float, limit: float, floor: float) -> Check:
    """A difference in people a photo, against a limit in per cent of the people there are a photo."""
    percent = 100 * difference / people if people > 0 else 0.0
    return Check(name, percent, limit, difference, abs(difference) <= max(floor, people * limit / 100))


def _mae_check(gate: Gate, fp32: float, int8: float, people: float) -> Check:
    """Of labelled photos a rise of the error; a fall is no fault. Of others the mean difference."""
    if not gate.labelled:
        return _check("mae", int8, people, gate.limits.mae, FLOOR)
    check = _check("mae", int8 - fp32, fp32, gate.limits.mae, FLOOR)
    return check if check.passed or int8 > fp32 else Check("mae", check.found, check.limit, check.people, passed=True)


def _bin(int8: Counts, fp32: Counts, truth: Counts, at: int) -> BinResult:
    inside = np.array([density_bin(people) == at for people in truth])
    fewest, most = BINS[at]
    if not inside.any():
        return BinResult(fewest, most, 0, 0.0, None, None, None)
    people, bias = float(truth[inside].sum()), float((int8 - fp32)[inside].mean())
    percent = 100 * bias * int(inside.sum()) / people if people > 0 else None
    return BinResult(fewest, most, int(inside.sum()), people, float(np.abs(int8 - truth)[inside].mean()), bias, percent)


def _bin_check(bins: Sequence[BinResult], limit: float) -> Check:
    """The worst density: one beyond its limit before one within."""
    checks = [
        _check("bin", part.bias, part.people / part.photos, limit, BIN_FLOOR) for part in bins if part.bias is not None
    ]
    return max(checks, key=lambda check: (not check.passed, abs(check.people) > BIN_FLOOR, abs(check.found)))


def _worst(photos: Sequence[Shot], int8: Counts, fp32: Counts, truth: Counts) -> dict[str, Any] | None:
    crowds = [at for at in range(len(photos)) if truth[at] >= CROWD]
    if not crowds:
        return None
    at = max(crowds, key=lambda at: abs(int8[at] - fp32[at]) / truth[at])
    return {"name": photos[at].name, "people": float(truth[at]), "difference": float(int8[at] - fp32[at])}


def _counts(shot: Shot, int8: float) -> dict[str, Any]:
    return {"name": shot.name, "sha256": shot.sha256, "true": shot.true, "fp32": shot.counted, "int8": float(int8)}


def _round_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round_all(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_round_all(item) for item in value]
    return _rounded(value) if isinstance(value, float) else value


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
