"""Where a package's bytes lie: a folder, or a zip of it. Names are checked, and no more is read than was asked for."""

from __future__ import annotations

import abc
import os
import stat
import zipfile
import zlib
from pathlib import Path

from sdk.errors import ArtifactError, ChecksumMismatch, FileMissing, NotAPackage, UnsafePath
from sdk.manifest import check_path

MAX_ENTRIES = 4096  # files and folders in a zip

_BAD_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, RuntimeError, EOFError, OSError)


class Archive(abc.ABC):
    """Files by their path from the package's root."""

    @abc.abstractmethod
    def names(self) -> list[str]:
        """Every file, sorted."""

    @abc.abstractmethod
    def size(self, name: str) -> int:
        """Bytes of a file, known without reading it."""

    @abc.abstractmethod
    def read(self, name: str, limit: int) -> bytes:
        """A file's first `limit` bytes at most."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of what was opened."""


def open_archive(path: Path) -> Archive:
    """The folder or zip at `path`; refuses anything else."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotAPackage(f"cannot open model package {str(path)!r}: {reason}") from error
    if stat.S_ISDIR(mode):
        return FolderArchive(path)
    if stat.S_ISREG(mode):
        return ZipArchive(path)
    raise NotAPackage(f"{path} is neither a file nor a folder, expected a model package NAME.skt")


class FolderArchive(Archive):
    """A package as a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """Every file, sorted; links are refused, not followed."""
        found = [path for path in self._path.rglob("*") if path.is_symlink() or not path.is_dir()]
        names = sorted(path.relative_to(self._path).as_posix() for path in found)
        for name in names:
            check_path(name)
            self._stat(name)
        return names

    def size(self, name: str) -> int:
        """Bytes of a plain file."""
        return self._stat(name).st_size

    def read(self, name: str, limit: int) -> bytes:
        """A plain file's first `limit` bytes at most."""
        self._stat(name)
        try:
            with (self._path / name).open("rb") as stream:
                return stream.read(limit)
        except OSError as error:
            raise FileMissing(f"cannot read {name} in package {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is held open."""

    def _stat(self, name: str) -> os.stat_result:
        """Of a plain file, reached by plain folders."""
        parts = name.split("/")
        folders = [self._path.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
        try:
            linked = any(folder.is_symlink() for folder in folders)
            found = (self._path / name).lstat()
        except OSError as error:
            raise FileMissing(f"{name} is not in package {self._path}") from error
        if linked or not stat.S_ISREG(found.st_mode):
            raise UnsafePath(f"{name} in package {self._path} is a link or a special file, expected a plain file")
        return found


class ZipArchive(Archive):
    """A package as a zip of that folder. It stays open, so that all comes from one file even when that is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _BAD_ZIP as error:
            raise _not_a_zip(path, error) from error
        try:
            self._entries = self._checked_entries()
        except BaseException:
            self._zip.close()
            raise

    def names(self) -> list[str]:
        """Every file, sorted; unsafe names, links and twins were refused on opening."""
        return sorted(self._entries)

    def size(self, name: str) -> int:
        """Bytes after unpacking, as the zip states them; no more are ever unpacked."""
        return self._entry(name).file_size

    def read(self, name: str, limit: int) -> bytes:
        """A file's first `limit` bytes at most."""
        if self._zip.fp is None:
            raise ArtifactError(f"cannot read {name}: package {self._path} is closed")
        try:
            with self._zip.open(self._entry(name)) as stream:
                return stream.read(limit)
        except _BAD_ZIP as error:
            raise ChecksumMismatch(f"{name} in package {self._path} is damaged: {error}") from error

    def close(self) -> None:
        """Let go of the zip."""
        self._zip.close()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        if name not in self._entries:
            raise FileMissing(f"{name} is not in package {self._path}")
        return self._entries[name]

    def _checked_entries(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise NotAPackage(f"zip {self._path} has {len(infos)} entries, a package has {MAX_ENTRIES} at most")
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            self._check(info, entries)
            if not info.is_dir():
                entries[info.filename] = info
        return entries

    def _check(self, info: zipfile.ZipInfo, entries: dict[str, zipfile.ZipInfo]) -> None:
        name = info.orig_filename  # as it stands in the zip: `filename` is already cut at NUL and has '\\' turned
        check_path(name.removesuffix("/"))
        if name in entries:
            raise UnsafePath(f"{name} is in zip {self._path} twice, expected each name once")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnsafePath(f"{name} in zip {self._path} is a link, expected a plain file")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotAPackage(f"{name} in zip {self._path} is encrypted or packed by a method other than deflate")


def _not_a_zip(path: Path, error: Exception) -> NotAPackage:
    if isinstance(error, PermissionError):
        return NotAPackage(f"cannot open model package {str(path)!r}: {error.strerror}")
    with path.open("rb") as stream:
        starts_like_a_zip = stream.read(4) == b"PK\x03\x04"
    if starts_like_a_zip:
        return NotAPackage(f"{path} is a zip that is cut short or damaged", hint="copy or download the package again")
    hint = "a package is a folder or zip NAME.skt, made by skt-export"
    if path.suffix in (".onnx", ".xml", ".bin", ".plan", ".engine", ".pt", ".pth", ".safetensors"):
        return NotAPackage(f"{path} is a bare {path.suffix} file, not a model package", hint=hint)
    return NotAPackage(f"{path} is not a model package", hint=hint)
