"""A text file that grows by whole lines."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

from sdk.sinks.errors import SinkError

TAIL = 1 << 20  # bytes; no line of ours is longer


class LineFile:
    """Appends whole lines: what a full disk or a kill cut off in the middle of one is taken away again.

    One process writes at a time. A file that was renamed, as by logrotate, is begun anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = self._open()

    def append(self, text: str) -> None:
        """Add lines, each with its end; all of them or none."""
        if self._moved():
            self.close()
            self._file = self._open()
        end = os.fstat(self._file).st_size
        try:
            _write_all(self._file, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, end)
            raise SinkError(f"cannot write {self.path}: {error.strerror}", hint="free space") from error

    def first_line(self) -> str:
        """The first line without its end; empty for an empty file."""
        return os.pread(self._file, TAIL, 0).split(b"\n", 1)[0].decode("utf-8", "replace")

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> int:
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
        except OSError as error:
            raise SinkError(f"cannot open {self.path}: {error.strerror}", hint="name a file you may write") from error
        try:
            self._claim(file)
            _cut_torn_line(file, self.path)
        except BaseException:
            os.close(file)
            raise
        return file

    def _claim(self, file: int) -> None:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise SinkError(f"{self.path} is no plain file", hint="name a file that can be appended to")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SinkError(f"{self.path} is written by another process", hint="name another file") from error

    def _moved(self) -> bool:
        if self._file < 0:
            return True
        try:
            there = self.path.stat()
        except OSError:
            return True
        return not os.path.samestat(there, os.fstat(self._file))


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _cut_torn_line(file: int, path: Path) -> None:
    """Take away the last line where it has no end, as after a kill or a power cut in the middle of writing."""
    size = os.fstat(file).st_size
    tail = os.pread(file, TAIL, max(0, size - TAIL))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn == TAIL:
        raise SinkError(f"{path} has no line end in its last {TAIL} bytes", hint="name a file that this sink wrote")
    if torn:
        os.ftruncate(file, size - torn)
