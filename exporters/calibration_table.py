"""calibration/table.json: between which values each tensor of a master lies, and the photos that showed it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import onnx

from exporters.onnx import with_manifest
from sdk.config import parse, to_plain
from sdk.errors import CalibrationError, ConfigError
from sdk.metrics import BINS

SCHEMA = "skt-calibration/1"
TABLE_NAME = "calibration/table.json"
METHODS = ("minmax", "moving-minmax", "percentile-99.99", "percentile-99.999", "entropy")
MAX_TABLE_BYTES = 16 * 2**20
LATER = ("scales", "floats")  # keys that older tables lack
AGAIN = "calibrate again with skt-export calibrate"

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class CalibrationPhoto:
    """A photo that was calibrated on."""

    name: str
    sha256: str  # of the file's bytes
    people: float  # by the fp32 master

    def __post_init__(self) -> None:
        _require(bool(self.name), "name of a photo", self.name, "some text")
        _require(bool(_SHA256.fullmatch(self.sha256)), f"sha256 of {self.name}", self.sha256, "64 hexadecimal digits")
        known = math.isfinite(self.people) and self.people >= 0
        _require(known, f"people of {self.name}", self.people, "a finite number, 0 or more")


@dataclass(frozen=True)
class Covered:
    """The calibration photos of one density."""

    fewest: int  # people of a photo in this bin, both ends included
    most: int | None  # None: no limit
    photos: int


@dataclass(frozen=True)
class CalibrationTable:
    """The ranges from which every INT8 variant of one master is rendered."""

    version: str  # of the model
    master: str  # sha256 of the master ONNX without a manifest in it
    method: str  # one of METHODS
    ranges: dict[str, tuple[float, float]]  # tensor of the master: least and greatest value
    photos: tuple[CalibrationPhoto, ...]
    sparse: bool = False  # dense photos were missing, and the user took that on
    corrections: dict[str, dict[str, tuple[float, ...]]] = field(default_factory=dict)  # target: bias: added to it
    scales: dict[str, float] = field(default_factory=dict)  # target: factor of the last convolution, which is in float
    floats: dict[str, tuple[str, ...]] = field(default_factory=dict)  # target: further convolutions that stay in float
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        _require(self.schema == SCHEMA, "schema", self.schema, repr(SCHEMA))
        _require(bool(self.version), "version", self.version, "some text")
        _require(bool(_SHA256.fullmatch(self.master)), "master", self.master, "64 hexadecimal digits")
        _require(self.method in METHODS, "method", self.method, "one of " + ", ".join(METHODS))
        _require(bool(self.ranges), "ranges", self.ranges, "at least one tensor")
        for name, ends in self.ranges.items():
            ok = len(ends) == 2 and all(map(math.isfinite, ends)) and ends[0] <= ends[1]
            _require(ok, f"range of {name}", ends, "two finite numbers, the lower one first")
        for target, biases in self.corrections.items():
            for name, shifts in biases.items():
                _require(
                    all(map(math.isfinite, shifts)), f"correction of {name} for {target}", shifts, "finite numbers"
                )
        for target, scale in self.scales.items():
            ok = math.isfinite(scale) and scale > 0
            _require(ok, f"scale of the last convolution for {target}", scale, "a finite number above 0")
        hashes = [photo.sha256 for photo in self.photos]
        _require(len(set(hashes)) == len(hashes), "photos", f"{len(hashes)} photos", "each photo once")

    @property
    def coverage(self) -> tuple[Covered, ...]:
        """How many photos there are of each density."""
        return coverage([photo.people for photo in self.photos])

    @property
    def sha256(self) -> str:
        """Of the canonical JSON."""
        return hashlib.sha256(self.to_json_bytes()).hexdigest()

    def check_master(self, master: onnx.ModelProto) -> None:
        """Refuse another model than the one that was calibrated."""
        found = master_sha256(master)
        if found != self.master:
            message = f"the calibration table is of model {self.version}, this model is {found[:12]}"
            raise CalibrationError(message, hint=AGAIN, table=self.master, master=found)

    def to_json_bytes(self) -> bytes:
        """Canonical JSON: keys sorted, UTF-8, a newline at the end; coverage is told beside the photos.

        What the first releases did not know is left out where it is empty.
        """
        known = {key: value for key, value in to_plain(self).items() if value or key not in LATER}
        plain = known | {"coverage": to_plain(self.coverage)}
        return (json.dumps(plain, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json_bytes(cls, data: bytes, where: str = "the calibration table") -> CalibrationTable:
        """The table in these bytes; refuses an unknown or missing key, another schema or value, and wrong coverage."""
        plain = _load(data, where)
        told = plain.pop("coverage", None)
        try:
            table = parse(cls, plain)
        except ConfigError as error:
            raise CalibrationError(f"{where}: {error.message}", hint=error.hint or AGAIN) from error
        except CalibrationError as error:
            raise CalibrationError(f"{where}: {error.message}", hint=AGAIN) from error
        missing = sorted(set(to_plain(table)) - set(plain) - set(LATER))
        if missing:
            raise CalibrationError(f"{where}: key {missing[0]} is missing", hint=AGAIN)
        if told != to_plain(table.coverage):
            raise CalibrationError(f"{where}: coverage is not that of its photos", hint=AGAIN)
        return table


def coverage(people: list[float]) -> tuple[Covered, ...]:
    """How many of these counts fall in each bin of sdk.metrics."""
    bins = [density_bin(count) for count in people]
    return tuple(Covered(fewest, most, bins.count(at)) for at, (fewest, most) in enumerate(BINS))


def density_bin(people: float) -> int:
    """Which of sdk.metrics.BINS a count belongs to, rounded to whole people."""
    whole = round(people)
    return next(at for at, (_, most) in enumerate(BINS) if most is None or whole <= most)


def master_sha256(master: onnx.ModelProto) -> str:
    """Of the master's bytes without a manifest; its first twelve digits are the model's version."""
    return hashlib.sha256(with_manifest(master, b"")).hexdigest()


def _load(data: bytes, where: str) -> dict[str, Any]:
    if len(data) > MAX_TABLE_BYTES:
        raise CalibrationError(f"{where} has {len(data)} bytes, the limit is {MAX_TABLE_BYTES}", hint=AGAIN)
    try:
        plain = json.loads(data.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        told = " ".join(str(error).split())[:200]
        raise CalibrationError(f"{where} is not JSON with unique keys: {told}", hint=AGAIN) from error
    if not isinstance(plain, dict):
        raise CalibrationError(f"{where} holds {type(plain).__name__}, expected an object", hint=AGAIN)
    return plain


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is given twice among " + ", ".join(sorted(key for key, _ in pairs)))
    return result


def _require(ok: bool, key: str, value: object, expected: str) -> None:
    if not ok:
        raise CalibrationError(f"{key} is {str(value)[:120]!r}, expected {expected}")
