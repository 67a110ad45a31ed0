"""CSV: a file a day, a row for the frame and one for each zone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from sdk.errors import ConfigError
from sdk.sinks.base import Sink
from sdk.sinks.errors import SinkError
from sdk.sinks.folder import check_folder_of
from sdk.sinks.line_file import LineFile
from sdk.sinks.patient import Patient
from sdk.sinks.reading import Reading
from sdk.sinks.target import Target, settings

COLUMNS = ("id", "time", "camera", "zone", "count", "smoothed", "low", "high", "state", "reasons", "backend",
           "latency_ms", "drops")  # fmt: skip
HEADER = ",".join(COLUMNS)


@dataclass(frozen=True)
class CsvSettings:
    """How the days are cut."""

    timezone: str = "UTC"  # as in Europe/Berlin; days begin at its midnight, times are written in it


class DailyCsv(Sink):
    """NAME.csv becomes NAME-2026-01-31.csv: the day of each reading, and its times, in `zone`."""

    def __init__(self, path: Path, zone: tzinfo) -> None:
        check_folder_of(path)
        self._path = path
        self._zone = zone
        self._day: date | None = None
        self._file: LineFile | None = None
        today = datetime.now(zone).date()
        if self._named(today).exists():  # what is wrong with it is known before the first reading
            self._file, self._day = self.open_day(today), today

    def send(self, reading: Reading) -> None:
        day = reading.time.astimezone(self._zone).date()
        if self._file is None or day != self._day:
            self.close()
            self._file, self._day = self.open_day(day), day
        self._file.append(csv_text(rows(reading, self._zone)))

    def open_day(self, day: date) -> LineFile:
        """The file of one day, with its header."""
        file = LineFile(self._named(day))
        try:
            _check_header(file)
        except SinkError:
            file.close()
            raise
        return file

    def _named(self, day: date) -> Path:
        return self._path.with_name(f"{self._path.stem}-{day.isoformat()}{self._path.suffix}")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _check_header(file: LineFile) -> None:
    """Write the header, or refuse a file with another one."""
    first = file.first_line()
    if not first:
        file.append(f"{HEADER}\n")
    elif first != HEADER:
        raise SinkError(f"{file.path} has other columns than {HEADER}", hint="move it away or name another file")


def rows(reading: Reading, zone: tzinfo) -> Iterator[list[object]]:
    """The frame's row, whose zone is empty, and one for each zone."""
    low, high = reading.interval or (None, None)
    values = reading.to_json()
    time = reading.time.astimezone(zone).isoformat(timespec="milliseconds")
    start = [reading.id, time, reading.camera]
    reasons = " ".join("; ".join(reading.reasons).split())
    end = [reading.state, reasons, reading.backend, values["latency_ms"], reading.drops]
    yield [*start, "", values["count"], values["smoothed"], low, high, *end]
    for name, count in values["zones"].items():
        yield [*start, name, count, None, None, None, *end]


def csv_text(lines: Iterator[list[object]]) -> str:
    """The rows as CSV, quoted where they need it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()


def open_csv(target: Target) -> Sink:
    """FILE.csv, with ?timezone=Europe/Berlin."""
    chosen = settings(CsvSettings, target)
    try:
        zone = ZoneInfo(chosen.timezone)
    except (ValueError, OSError, LookupError) as error:
        hint = "write it like Europe/Berlin; a bare system lacks the package tzdata"
        raise ConfigError(f"time zone {chosen.timezone!r} is unknown", hint=hint) from error
    sink = DailyCsv(Path(target.path), zone)
    return Patient(target.name, sink)
