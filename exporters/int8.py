"""From what a user says about INT8 to a calibration table and a gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from exporters.bias import with_corrections
from exporters.calibration import TILE, calibrate
from exporters.calibration_choice import CHOSEN, check_choice, check_disjoint, count_shots, split, told_coverage
from exporters.calibration_photos import Shot
from exporters.calibration_sets import find_shots
from exporters.calibration_table import MAX_TABLE_BYTES, CalibrationTable
from exporters.gate import Gate, Limits, check_enough
from exporters.parity import opened
from exporters.render import render
from runtimes import Backend, Variant
from sdk.errors import CalibrationError, ConfigError
from sdk.whole import Pieces, whole_density

if TYPE_CHECKING:
    from exporters.source import Source

NO_CALIBRATION = "give --calib a folder of photos, a labelled set, or a table that skt-export calibrate wrote"
WARNED = 3  # unreadable photos that are named


class Progress(Protocol):
    """A bar; see `sdk.commands.common.Progress`."""

    def advance(self) -> None:
        """One more is done."""

    def clear(self) -> None:
        """Take the bar away."""


@dataclass(frozen=True)
class Tell:
    """How to say what is being done."""

    say: Callable[[str], None]
    bar: Callable[[int, str], Progress]


@dataclass(frozen=True)
class Int8Request:
    """What the user asks for."""

    calib: tuple[str, ...] = ()  # folders and labelled sets, or one table.json
    photos: int = CHOSEN  # to calibrate on, at most
    method: str = "minmax"
    limits: Limits | None = field(default_factory=Limits)  # None: no gate
    gate_photos: tuple[str, ...] = ()  # folders and labelled sets; without any, what --calib leaves
    allow_sparse: bool = False
    bias_correction: bool = False


def prepare(source: Source, request: Int8Request, tell: Tell) -> tuple[CalibrationTable, Gate | None]:
    """The table to render from, and the gate to pass."""
    with master_counter(source) as count:
        table, rest = _table(source, request, count, tell)
        if request.limits is None:
            return table, None
        photos = _gate_photos(request, rest, count, tell)
    check_disjoint([photo.sha256 for photo in table.photos], photos)
    check_enough(photos)
    return table, Gate(request.limits, tuple(photos))


def make_table(source: Source, request: Int8Request, tell: Tell) -> CalibrationTable:
    """A new table, whatever the source holds."""
    with master_counter(source) as count:
        return _calibrated(source, request, count, tell)[0]


@contextmanager
def master_counter(source: Source) -> Iterator[Callable[[Shot], float]]:
    """People in a photo by the fp32 master, in OpenVINO where it is installed: it is the quicker engine."""
    variant_id = "openvino-fp32" if _has_openvino() else "onnx-fp32"
    files = render(source.master, variant_id, b"{}", None)
    format_ = variant_id.partition("-")[0]
    variant = Variant(variant_id, format_, "fp32", stride=source.stride, multiple=source.multiple)
    with opened(variant, files) as backend:
        yield counter_of(backend, source)


def counter_of(backend: Backend, source: Source) -> Callable[[Shot], float]:
    """People in a photo by a loaded variant, whole or in tiles, as `CrowdCounter` counts it."""
    pieces = Pieces(TILE, source.halo, source.multiple, source.stride)

    def count(shot: Shot) -> float:
        return float(whole_density(backend.run, shot.load(), pieces)[0].sum(dtype="float64"))

    return count


def _table(
    source: Source, request: Int8Request, count: Callable[[Shot], float], tell: Tell
) -> tuple[CalibrationTable, list[Shot]]:
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


def _calibrated(
    source: Source, request: Int8Request, count: Callable[[Shot], float], tell: Tell
) -> tuple[CalibrationTable, list[Shot]]:
    if not request.calib:
        raise ConfigError("a calibration needs photos", hint=NO_CALIBRATION)
    shots = _counted(request.calib, count, tell)
    chosen, rest = split(shots, request.photos)
    sparse = check_choice(chosen, allow_sparse=request.allow_sparse)
    tell.say(f"calibrating on {len(chosen)} photos: {told_coverage([shot.people for shot in chosen])}")
    bar = tell.bar(len(chosen), "photos")
    table = calibrate(
        source.master, chosen, request.method, multiple=source.multiple, sparse=sparse, progress=bar.advance
    )
    bar.clear()
    if request.bias_correction:
        tell.say("measuring how quantisation shifts each layer")
        bar = tell.bar(2 * len(chosen), "photos")
        table = with_corrections(source.master, table, chosen, multiple=source.multiple, progress=bar.advance)
        bar.clear()
    return table, rest


def _gate_photos(request: Int8Request, rest: list[Shot], count: Callable[[Shot], float], tell: Tell) -> list[Shot]:
    if request.gate_photos:
        return _counted(request.gate_photos, count, tell)
    return rest


def _counted(words: Sequence[str], count: Callable[[Shot], float], tell: Tell) -> list[Shot]:
    """The photos with their counts by the master; those that cannot be read are told and left out."""
    shots, failures = find_shots(words)
    tell.say(f"counting {len(shots)} photos with the fp32 master")
    bar = tell.bar(len(shots), "photos")
    counted, undecoded = count_shots(shots, count, bar.advance)
    bar.clear()
    failures = [*failures, *undecoded]
    for failure in failures[:WARNED]:
        tell.say(f"warning: left out: {failure.message}")
    if len(failures) > WARNED:
        tell.say(f"warning: left out: {len(failures) - WARNED} more that cannot be read")
    return counted


def _has_openvino() -> bool:
    from importlib.util import find_spec

    return find_spec("openvino") is not None
