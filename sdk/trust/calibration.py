"""calibration/trust.json of a package: what its counts are held against, and how that was measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdk.config import parse, to_plain
from sdk.errors import ArtifactError, CalibrationError, ConfigError
from sdk.trust.interval import Coverage, Intervals
from sdk.trust.likeness import Likeness

if TYPE_CHECKING:
    from sdk.package import Package

TRUST_NAME = "calibration/trust.json"
SCHEMA = "skt-trust/1"
AGAIN = "write it again with skt-export trust"


@dataclass(frozen=True)
class Measured:
    """What was measured on the calibration photos themselves, by splitting them many times."""

    photos: int
    sets: tuple[str, ...]  # as a user named them
    backend: str  # what counted
    splits: int
    coverage: Coverage  # of the intervals, on held-out photos
    false_alarms: float  # share of held-out photos that are told to be unlike the training data


@dataclass(frozen=True)
class TrustCalibration:
    """What the counts of one model are held against."""

    version: str  # of the model
    intervals: Intervals
    likeness: Likeness
    measured: Measured
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise CalibrationError(f"schema is {self.schema!r}, this SDK reads {SCHEMA!r}", hint=AGAIN)

    def to_json_bytes(self) -> bytes:
        """Canonical JSON: keys sorted, a newline at the end."""
        return (json.dumps(to_plain(self), sort_keys=True, indent=1, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json_bytes(cls, data: bytes) -> TrustCalibration:
        """The calibration in these bytes; raises CalibrationError for an unknown or missing key, or a wrong value."""
        try:
            plain: Any = json.loads(data)
            return parse(cls, plain if isinstance(plain, dict) else {})
        except (ValueError, RecursionError) as error:
            raise CalibrationError(f"it is no JSON: {' '.join(str(error).split())[:200]}", hint=AGAIN) from error
        except ConfigError as error:
            raise CalibrationError(error.message, hint=error.hint or AGAIN) from error


def read_trust(package: Package) -> TrustCalibration | None:
    """The calibration in a package, None where it holds none; raises ArtifactError for one that cannot be used."""
    data = package.read_report(TRUST_NAME)
    if data is None:
        return None
    try:
        found = TrustCalibration.from_json_bytes(data)
    except CalibrationError as error:
        raise ArtifactError(f"{TRUST_NAME} of package {package.path}: {error.message}", hint=AGAIN) from error
    if found.version != package.manifest.version:
        message = f"{TRUST_NAME} of package {package.path} is of model {found.version}"
        raise ArtifactError(f"{message}, the package of {package.manifest.version}", hint=AGAIN)
    return found
