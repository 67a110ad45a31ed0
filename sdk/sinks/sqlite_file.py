"""SQLite: a table of readings and one of zones."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import timezone
from pathlib import Path

from sdk.sinks.base import Sink
from sdk.sinks.errors import SinkError
from sdk.sinks.patient import Patient
from sdk.sinks.reading import Reading
from sdk.sinks.target import Target, settings

TABLES = """
CREATE TABLE IF NOT EXISTS readings (
    id TEXT PRIMARY KEY, camera TEXT NOT NULL, time TEXT NOT NULL, count REAL NOT NULL, smoothed REAL, low REAL,
    high REAL, state TEXT NOT NULL, reasons TEXT NOT NULL, backend TEXT NOT NULL, latency_ms REAL NOT NULL,
    drops INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS readings_by_camera ON readings (camera, time);
CREATE TABLE IF NOT EXISTS zones (
    reading TEXT NOT NULL REFERENCES readings (id), zone TEXT NOT NULL, count REAL NOT NULL,
    PRIMARY KEY (reading, zone)) WITHOUT ROWID;
"""
INSERT = "INSERT OR IGNORE INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
BUSY_S = 1.0  # how long another process may hold the file


@dataclass(frozen=True)
class SqliteSettings:
    """Nothing to set."""


class SqliteFile(Sink):
    """Inserts each reading in a transaction of its own; one with a known id changes nothing. Times are UTC."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._error("open", error) from error
        try:
            self._database.execute("PRAGMA journal_mode=WAL")  # whoever reads does not hold up the camera
            self._database.execute("PRAGMA wal_autocheckpoint=64")  # pages of 4096 bytes
            self._database.executescript(TABLES)
        except sqlite3.Error as error:
            self._database.close()
            raise self._error("open", error) from error

    def send(self, reading: Reading) -> None:
        values = reading.to_json()
        low, high = values["interval"] or (None, None)
        row = (reading.id, reading.camera, utc(reading), values["count"], values["smoothed"], low, high, reading.state,
               "; ".join(reading.reasons), reading.backend, values["latency_ms"], reading.drops)  # fmt: skip
        zones = [(reading.id, name, count) for name, count in values["zones"].items()]
        try:
            with self._database:
                self._database.execute(INSERT, row)
                self._database.executemany("INSERT OR IGNORE INTO zones VALUES (?, ?, ?)", zones)
        except sqlite3.Error as error:
            raise self._error("write", error) from error

    def close(self) -> None:
        self._database.close()

    def _error(self, verb: str, error: sqlite3.Error) -> SinkError:
        hint = "name a database of this sink in a folder you may write, with free space"
        return SinkError(f"cannot {verb} {self._path}: {error}", hint=hint)


def utc(reading: Reading) -> str:
    """The time in UTC, so that text sorts as time does."""
    return reading.time.astimezone(timezone.utc).isoformat(timespec="milliseconds")


def open_sqlite(target: Target) -> Sink:
    """sqlite:///FILE below the current folder, sqlite:////FILE from the root."""
    settings(SqliteSettings, target)
    return Patient(target.name, SqliteFile(Path(target.path[1:])))
