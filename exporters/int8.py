"""From what a user says about INT8 to a calibration table and a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.bias import with_corrections
from exporters.calibration import calibrate
from exporters.calibration_choice import CHOSEN, Count, check_choice, check_disjoint, count_shots, split, told_coverage
from exporters.calibration_photos import Shot
from exporters.calibration_sets import find_shots
from exporters.calibration_table import MAX_TABLE_BYTES, CalibrationTable
from exporters.counting import master_counter
from exporters.gate import Gate, Limits, check_enough
from exporters.margin import Margin
from exporters.quantize import TARGETS
from exporters.tell import Tell
from sdk.errors import CalibrationError, ConfigError
from sdk.evaluation import Failure

if TYPE_CHECKING:
    from exporters.source import Source

NO_CALIBRATION = "give --calib a folder of photos, a labelled set, or a table that skt-export calibrate wrote"
WARNED = 3  # unreadable photos that are named


@dataclass(frozen=True)
class Int8Request:
    """What the user asks for."""

    calib: tuple[str, ...] = ()  # folders and labelled sets, or one table.json
    photos: int = CHOSEN  # to calibrate on, at most
    method: str = "minmax"
    limits: Limits | None = field(default_factory=Limits)  # None: no gate
    gate_photos: tuple[str, ...] = ()  # folders and labelled sets; without any, what --calib leaves
    allow_sparse: bool = False
    corrected: bool = True  # take back what quantisation shifts; else ranges alone


def prepare(source: Source, request: Int8Request, tell: Tell) -> tuple[CalibrationTable, Gate | None]:
    """The table to render from, and the gate to pass."""
    with master_counter(source) as count:
        table, rest = _table(source, request, count, tell)
        if request.limits is None:
            return table, None
        photos = _found(request.gate_photos, tell) if request.gate_photos else rest
        check_disjoint([photo.sha256 for photo in table.photos], photos)
        check_enough(photos)
        photos = _counted(photos, count, tell)
    check_enough(photos)  # of those that can be decoded, too
    return table, Gate(request.limits, tuple(photos))


def make_table(source: Source, request: Int8Request, tell: Tell) -> CalibrationTable:
    """A new table, whatever the source holds."""
    with master_counter(source) as count:
        return _calibrated(source, request, count, tell)[0]


def _table(source: Source, request: Int8Request, count: Count, tell: Tell) -> tuple[CalibrationTable, list[Shot]]:
    """The table, and the photos that are left for the gate."""
    if not request.calib:
        if source.table is None:
            raise ConfigError("INT8 needs a calibration", hint=NO_CALIBRATION)
        tell.say("using the calibration table of the package")
        return source.table, []
    if request.calib[0].endswith(".json"):
        if len(request.calib) > 1:
            raise ConfigError("--calib names a table and more", hint="give one table, or photos")
        return read_table(Path(request.calib[0]), source), []
    return _calibrated(source, request, count, tell)


def read_table(path: Path, source: Source) -> CalibrationTable:
    """A table that was saved, if it is of this model."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        raise CalibrationError(f"cannot read calibration table {path}: {error.strerror}") from error
    table = CalibrationTable.from_json_bytes(data, str(path))
    table.check_master(source.master)
    return table


def _calibrated(source: Source, request: Int8Request, count: Count, tell: Tell) -> tuple[CalibrationTable, list[Shot]]:
    """A new table, and the photos that it left, not yet counted where they are labelled."""
    if not request.calib:
        raise ConfigError("a calibration needs photos", hint=NO_CALIBRATION)
    chosen, rest = split(_with_people(_found(request.calib, tell), count, tell), request.photos)
    chosen = _counted(chosen, count, tell)
    sparse = check_choice(chosen, allow_sparse=request.allow_sparse)
    tell.say(f"calibrating on {len(chosen)} photos: {told_coverage([shot.counted for shot in chosen])}")
    with tell.over(len(chosen)) as advance:
        table = calibrate(
            source.master, chosen, request.method, multiple=source.multiple, sparse=sparse, progress=advance
        )
    return (_corrected(source, request, table, chosen, tell) if request.corrected else table), rest


def _corrected(
    source: Source, request: Int8Request, table: CalibrationTable, chosen: list[Shot], tell: Tell
) -> CalibrationTable:
    """The table with what brings INT8 back to fp32's counts on the photos that were calibrated on."""
    tell.say("measuring how quantisation shifts each layer")
    with tell.over(len(TARGETS) * len(chosen)) as advance:
        table = with_corrections(source.master, table, chosen, multiple=source.multiple, progress=advance)
    return Margin(source, tuple(chosen), request.limits or Limits(), tell).fitted(table)


def _found(words: Sequence[str], tell: Tell) -> list[Shot]:
    """The photos that can be read."""
    shots, failures = find_shots(words)
    _tell_failures(failures, tell)
    return shots


def _with_people(shots: list[Shot], count: Count, tell: Tell) -> list[Shot]:
    """The photos with something to choose them by: head points where all have them, else the master's counts."""
    return shots if all(shot.true is not None for shot in shots) else _counted(shots, count, tell)


def _counted(shots: Sequence[Shot], count: Count, tell: Tell) -> list[Shot]:
    """The photos with their counts by the master; those that cannot be decoded are told and left out."""
    missing = sum(shot.people is None for shot in shots)
    if not missing:
        return list(shots)
    tell.say(f"counting {missing} photos with the fp32 master")
    with tell.over(missing) as advance:
        counted, failures = count_shots(shots, count, advance)
    _tell_failures(failures, tell)
    return counted


def _tell_failures(failures: Sequence[Failure], tell: Tell) -> None:
    for failure in failures[:WARNED]:
        tell.say(f"warning: left out: {failure.message}")
    if len(failures) > WARNED:
        tell.say(f"warning: left out: {len(failures) - WARNED} more that cannot be read")
