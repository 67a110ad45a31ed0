"""Files and folders that appear whole or not at all: written under a name beside the target, then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`; whoever reads sees the old file or the new one, never a part."""
    with replacing_file(path) as stream:
        stream.write(data)


@contextmanager
def replacing_file(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of `path` at the end; an error on the way leaves `path` as it was."""
    beside = _beside(path)
    try:
        with beside.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _take_the_place(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `path` at the end; an error on the way leaves `path` as it was."""
    beside = _beside(path)
    beside.mkdir()
    try:
        yield beside
        _sync_tree(beside)
        _take_the_place(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _take_the_place(new: Path, path: Path) -> None:
    """Rename; a folder cannot be renamed over, so what stands there steps aside first and comes back on failure."""
    if not (path.is_dir() or (new.is_dir() and path.exists())):
        new.replace(path)
    else:
        old = _beside(path)
        path.rename(old)
        try:
            new.rename(path)
        except BaseException:
            old.rename(path)
            raise
        _remove(old)
    _sync_folder(path.parent)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _sync_tree(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            with Path(place, name).open("rb+") as stream:
                os.fsync(stream.fileno())
        _sync_folder(Path(place))


def _sync_folder(folder: Path) -> None:
    """Make a rename last; only POSIX lets a folder be opened, and some network file systems refuse."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        with suppress(OSError):
            os.fsync(descriptor)
        os.close(descriptor)
