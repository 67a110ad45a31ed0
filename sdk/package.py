"""The model package NAME.skt: a folder, or a zip of it, that is checked before any engine sees a byte."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import final

from sdk.archive import Archive, open_archive
from sdk.errors import (
    ArtifactError,
    ChecksumMismatch,
    ExportError,
    FileMissing,
    FileUnlisted,
    GoldenInvalid,
    ManifestInvalid,
    ManifestMissing,
    SizeMismatch,
)
from sdk.files import replacing_file, replacing_folder
from sdk.golden import Golden, golden_from_bytes
from sdk.manifest import MANIFEST_NAME, FileEntry, Manifest
from sdk.shipped import shipped

MAX_MANIFEST_BYTES = 2**20


@final
class Package:
    """An open model package. Opening checks the manifest, the paths and the sizes; reading a file checks its sha256."""

    def __init__(self, path: Path, archive: Archive) -> None:
        self.path = path
        self._archive = archive
        self.manifest = _read_manifest(path, archive)
        for entry in self.manifest.files:
            self._check_size(entry, archive.size(entry.path))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Package:
        """The package at `path`, a folder or a zip of it; or the shipped one of that name, "default" or "quick"."""
        found = shipped(path)
        archive = open_archive(found)
        try:
            return cls(found, archive)
        except BaseException:
            archive.close()
            raise

    def read(self, variant_id: str) -> dict[str, bytes]:
        """A variant's files by name, {"model.onnx": b"..."}, sha256 checked."""
        return {entry.basename: self._read(entry) for entry in self.manifest.variant(variant_id).files}

    def read_report(self, path: str) -> bytes | None:
        """A report's bytes, sha256 checked; None where the package holds no such report."""
        found = [entry for entry in self.manifest.reports if entry.path == path]
        return self._read(found[0]) if found else None

    def read_all(self) -> dict[str, bytes]:
        """Every file that the manifest lists, by path, sha256 checked."""
        return {entry.path: self._read(entry) for entry in self.manifest.files}

    def golden(self) -> Golden:
        """One photo and the master's answer to it."""
        return _golden(self.manifest, self._read(self.manifest.golden))

    @property
    def model_card(self) -> str:
        """The text of the model card, Markdown."""
        entry = self.manifest.model_card
        try:
            return self._read(entry).decode()
        except UnicodeDecodeError as error:
            raise ArtifactError(f"{entry.path} in package {self.path} is not UTF-8 text: {error}") from error

    def verify(self) -> None:
        """Check every file's sha256, that no other file is there, and that the golden pair can be read."""
        listed = {MANIFEST_NAME, *(entry.path for entry in self.manifest.files)}
        for name in self._archive.names():
            if name not in listed:
                raise FileUnlisted(f"{name} in package {self.path} is not in its manifest", hint="remove the file")
        for entry in self.manifest.files:
            self._read(entry)
        self.golden()

    def close(self) -> None:
        """Let go of the file; manifest and what was read stay valid."""
        self._archive.close()

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, entry: FileEntry) -> bytes:
        data = self._archive.read(entry.path, entry.size + 1)
        _check_content(self.path, entry, data)
        return data

    def _check_size(self, entry: FileEntry, size: int) -> None:
        _check_size(self.path, entry, size)


def write_package(
    path: str | os.PathLike[str],
    manifest: Manifest,
    files: Mapping[str, bytes],
    *,
    directory: bool = False,
    overwrite: bool = False,
) -> Package:
    """Write a zip (or a folder) that appears whole or not at all, and open it.

    `files` maps each path of `manifest.files` to its bytes, which must be those that the manifest lists.
    The same content gives the same zip, byte for byte.
    """
    target = Path(path)
    _check_manifest(manifest)
    _check_listing(manifest, files)
    _check_target(target, overwrite)
    write = _write_folder if directory else _write_zip
    try:
        write(target, _contents(target, manifest, files))
    except OSError as error:
        raise ExportError(f"cannot write package {target}: {error.strerror or error}") from error
    return Package.open(target)


_Contents = dict[str, Callable[[], bytes]]  # path -> its bytes, fetched when its turn comes


def _contents(target: Path, manifest: Manifest, files: Mapping[str, bytes]) -> _Contents:
    def checked(entry: FileEntry) -> bytes:
        data = files[entry.path]
        _check_content(target, entry, data)
        if entry == manifest.golden:
            _golden(manifest, data)
        return data

    listed = sorted(manifest.files, key=lambda entry: entry.path)
    return {MANIFEST_NAME: manifest.to_json_bytes} | {entry.path: lambda e=entry: checked(e) for entry in listed}


def _write_zip(target: Path, contents: _Contents) -> None:
    """Stored, not deflated: weights hardly shrink, and deflated bytes depend on the version of zlib."""
    with replacing_file(target) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, fetch in contents.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o100644 << 16  # a plain Unix file, wherever it is written
            archive.writestr(info, fetch())


def _write_folder(target: Path, contents: _Contents) -> None:
    with replacing_folder(target) as folder:
        for name, fetch in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(fetch())


def _check_manifest(manifest: Manifest) -> None:
    """What is written can be read: also a value of another type than declared is found here."""
    data = manifest.to_json_bytes()
    _check_manifest_size(manifest.name, data)
    Manifest.from_json_bytes(data)
    _check_variants(manifest)


def _check_listing(manifest: Manifest, files: Mapping[str, bytes]) -> None:
    listed = {entry.path for entry in manifest.files}
    for name in sorted(listed - set(files)):
        raise FileMissing(f"{name} is in the manifest of {manifest.name}, but its bytes were not given")
    for name in sorted(set(files) - listed):
        raise FileUnlisted(f"{name} was given, but is not in the manifest of {manifest.name}")


def _check_target(target: Path, overwrite: bool) -> None:
    if not (target.exists() or target.is_symlink()):
        return
    if not overwrite:
        raise ExportError(f"{target} already exists", hint="pass --force (overwrite=True) to replace it")
    if target.is_dir() and not (target / MANIFEST_NAME).is_file():
        raise ExportError(f"{target} is a folder that is not a model package; it is not replaced")


def _read_manifest(path: Path, archive: Archive) -> Manifest:
    try:
        data = archive.read(MANIFEST_NAME, MAX_MANIFEST_BYTES + 1)
    except FileMissing as error:
        hint = "a package is a folder or zip with manifest.json at its top, made by skt-export"
        raise ManifestMissing(f"{path} has no {MANIFEST_NAME}, so it is not a model package", hint=hint) from error
    _check_manifest_size(str(path), data)
    try:
        manifest = Manifest.from_json_bytes(data)
    except ArtifactError as error:
        raise type(error)(f"package {path}: {error.message}", hint=error.hint, **error.details) from error
    _check_variants(manifest)
    return manifest


def _check_manifest_size(package: str, data: bytes) -> None:
    if len(data) > MAX_MANIFEST_BYTES:
        raise SizeMismatch(f"{MANIFEST_NAME} of {package} has more than {MAX_MANIFEST_BYTES} bytes, which is the limit")


def _check_variants(manifest: Manifest) -> None:
    if not manifest.variants:
        raise ManifestInvalid(f"package {manifest.name} has no variants, expected at least one")


def _golden(manifest: Manifest, data: bytes) -> Golden:
    golden = golden_from_bytes(data)
    (height, width), stride = golden.image.shape[:2], manifest.output.stride
    if height % manifest.input.multiple or width % manifest.input.multiple:
        message = f"golden image has {width} x {height} pixels, expected multiples of {manifest.input.multiple}"
        raise GoldenInvalid(message)
    expected = (height // stride, width // stride)
    if golden.density.shape != expected:
        raise GoldenInvalid(f"golden density has shape {golden.density.shape}, expected {expected}")
    return golden


def _check_size(package: Path, entry: FileEntry, size: int) -> None:
    if size != entry.size:
        raise SizeMismatch(f"{entry.path} in package {package} has {size} bytes, the manifest lists {entry.size}")


def _check_content(package: Path, entry: FileEntry, data: bytes) -> None:
    _check_size(package, entry, len(data))
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        message = f"{entry.path} in package {package} has sha256 {digest}, the manifest lists {entry.sha256}"
        raise ChecksumMismatch(message, hint="copy or download the package again")
