"""JSON lines: one reading a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sdk.sinks.base import Sink
from sdk.sinks.errors import SinkError
from sdk.sinks.line_file import LineFile
from sdk.sinks.patient import Patient
from sdk.sinks.reading import Reading
from sdk.sinks.target import Target, settings


@dataclass(frozen=True)
class JsonLinesSettings:
    """Nothing to set."""


class JsonLines(Sink):
    """Appends each reading to a file as JSON; whoever reads sees whole lines."""

    def __init__(self, path: Path) -> None:
        self._file = LineFile(path)
        first = self._file.first_line()
        if first and not first.startswith("{"):
            self._file.close()
            raise SinkError(f"{path} holds something other than JSON lines", hint="name another file")

    def send(self, reading: Reading) -> None:
        self._file.append(f"{reading.to_line()}\n")

    def close(self) -> None:
        self._file.close()


def open_json_lines(target: Target) -> Sink:
    """FILE.jsonl."""
    settings(JsonLinesSettings, target)
    return Patient(target.name, JsonLines(Path(target.path)))
