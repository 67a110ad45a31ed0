"""Writing a model package: whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdk.errors import (
    ChecksumMismatch,
    ExportError,
    FileMissing,
    FileUnlisted,
    GoldenInvalid,
    ManifestInvalid,
    SizeMismatch,
)
from sdk.files import replacing_file, replacing_folder, write_whole
from sdk.golden import MAX_GOLDEN_BYTES, golden_from_bytes, golden_to_bytes
from sdk.package import Package, write_package
from tests.sdk.packages import FILES, GOLDEN, MANIFEST, MODEL, manifest_of

each_layout = pytest.mark.parametrize("directory", [False, True], ids=["zip", "folder"])
NEW_FILES = {**FILES, MODEL: b"new weights"}


class PowerCut(Mapping[str, bytes]):
    """Files of which the last one never comes."""

    def __getitem__(self, path: str) -> bytes:
        if path == max(NEW_FILES):
            raise KeyboardInterrupt
        return NEW_FILES[path]

    def __iter__(self) -> Iterator[str]:
        return iter(NEW_FILES)

    def __len__(self) -> int:
        return len(NEW_FILES)


@each_layout
def test_an_interrupted_write_leaves_the_old_package_and_nothing_else(tmp_path: Path, directory: bool) -> None:
    target = tmp_path / "plaza.skt"
    write_package(target, MANIFEST, FILES, directory=directory).close()

    with pytest.raises(KeyboardInterrupt):
        write_package(target, manifest_of(NEW_FILES), PowerCut(), directory=directory, overwrite=True)

    assert list(tmp_path.iterdir()) == [target]
    with Package.open(target) as package:
        package.verify()
        assert package.manifest == MANIFEST


@pytest.mark.parametrize("before", [False, True], ids=["zip", "folder"])
@each_layout
def test_a_package_replaces_another_in_any_layout(tmp_path: Path, before: bool, directory: bool) -> None:
    target = tmp_path / "plaza.skt"
    write_package(target, MANIFEST, FILES, directory=before).close()

    with write_package(target, manifest_of(NEW_FILES), NEW_FILES, directory=directory, overwrite=True) as package:
        assert package.read("onnx-fp32") == {"model.onnx": b"new weights"}
    assert list(tmp_path.iterdir()) == [target]
    assert target.is_dir() is directory


def test_what_stands_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    write_whole(tmp_path / "plaza.skt", b"mine")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"")

    with pytest.raises(ExportError, match=r"plaza.skt already exists \(pass --force"):
        write_package(tmp_path / "plaza.skt", MANIFEST, FILES)
    with pytest.raises(ExportError, match=r"photos is a folder that is not a model package; it is not replaced"):
        write_package(tmp_path / "photos", MANIFEST, FILES, directory=True, overwrite=True)
    assert (tmp_path / "plaza.skt").read_bytes() == b"mine"


@each_layout
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, directory: bool) -> None:
    with pytest.raises(ExportError, match=r"cannot write package .*gone/plaza.skt: No such file or directory"):
        write_package(tmp_path / "gone" / "plaza.skt", MANIFEST, FILES, directory=directory)


def test_files_that_are_not_as_the_manifest_lists_them_are_not_written(tmp_path: Path) -> None:
    target = tmp_path / "plaza.skt"
    with pytest.raises(FileMissing, match=rf"{MODEL} is in the manifest of plaza, but its bytes were not given"):
        write_package(target, MANIFEST, {path: data for path, data in FILES.items() if path != MODEL})
    with pytest.raises(FileUnlisted, match=r"more.txt was given, but is not in the manifest of plaza"):
        write_package(target, MANIFEST, {**FILES, "more.txt": b""})
    with pytest.raises(SizeMismatch, match=r"has 11 bytes, the manifest lists 256"):
        write_package(target, MANIFEST, NEW_FILES)
    with pytest.raises(ChecksumMismatch, match=r"model.onnx in package .* has sha256"):
        write_package(target, MANIFEST, {**FILES, MODEL: bytes(256)})
    assert not list(tmp_path.iterdir())


def test_a_manifest_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    def write(**changes: Any) -> None:
        write_package(tmp_path / "plaza.skt", dataclasses.replace(MANIFEST, **changes), FILES)

    files = {path: data for path, data in FILES.items() if not path.startswith("variants/")}
    with pytest.raises(ManifestInvalid, match="plaza has no variants"):
        write_package(tmp_path / "plaza.skt", manifest_of(files), files)
    with pytest.raises(ManifestInvalid, match=r"parameters is 1.5, expected int"):
        write(parameters=1.5)
    with pytest.raises(SizeMismatch, match=r"manifest.json of plaza has more than 1048576 bytes"):
        write(provenance={"log": "x" * 2**20})
    assert not list(tmp_path.iterdir())


def write_half(stream: BinaryIO) -> None:
    stream.write(b"half")
    raise ZeroDivisionError


def test_a_file_or_folder_that_fails_on_the_way_is_not_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "notes.txt", b"old")
    with pytest.raises(ZeroDivisionError), replacing_file(tmp_path / "notes.txt") as stream:
        write_half(stream)
    with pytest.raises(FileNotFoundError), replacing_folder(tmp_path / "folder") as folder:
        (folder / "no" / "part").write_bytes(b"half")

    assert (tmp_path / "notes.txt").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "notes.txt"]


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **({"image": GOLDEN.image, "density": GOLDEN.density, "count": np.float64(4)} | arrays))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read"),
        (b"\x93NUMPY", "cannot be read"),
        (npz(count=np.array([{}], object)), "allow_pickle=False"),
        (npz(count=np.zeros(2)), r"golden count is \(2,\) float64, expected \(\) float"),
        (npz(image=np.zeros((16, 32), np.uint8)), r"golden image is \(16, 32\) uint8, expected \(h, w, 3\) uint8"),
        (npz(image=np.zeros((16, 32, 4), np.uint8)), r"golden image is \(16, 32, 4\) uint8"),
        (npz(density=np.zeros((2, 4))), r"golden density is \(2, 4\) float64, expected \(h, w\) float32"),
        (npz(density=np.full((2, 4), np.nan, np.float32)), "golden density or count is not finite"),
    ],
)
def test_a_golden_pair_of_another_kind_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(GoldenInvalid, match=message):
        golden_from_bytes(data)


def repacked(name: str, data: bytes) -> bytes:
    """The golden pair with one member's bytes set."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(golden_to_bytes(GOLDEN))) as old, zipfile.ZipFile(stream, "w", 8) as new:
        for member in old.namelist():
            new.writestr(member, data if member == name else old.read(member))
    return stream.getvalue()


def test_a_golden_pair_that_unpacks_to_too_much_or_to_no_arrays_is_refused() -> None:
    with pytest.raises(GoldenInvalid, match=r"golden.npz unpacks to \d+ bytes, the limit is 268435456"):
        golden_from_bytes(repacked("image.npy", bytes(MAX_GOLDEN_BYTES)))
    with pytest.raises(GoldenInvalid, match="holds something else than arrays"):
        golden_from_bytes(repacked("image.npy", b"text"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 127), st.sampled_from(b"'\"(){}[]9,:\\\n#O \0|")), min_size=1, max_size=4))
def test_a_damaged_array_header_is_refused_or_harmless(hits: list[tuple[int, int]]) -> None:
    with zipfile.ZipFile(io.BytesIO(golden_to_bytes(GOLDEN))) as archive:
        member = bytearray(archive.read("density.npy"))
    for at, letter in hits:
        member[at] = letter
    with contextlib.suppress(GoldenInvalid):
        assert golden_from_bytes(repacked("density.npy", bytes(member))).count == GOLDEN.count


def test_a_broken_golden_pair_is_not_written(tmp_path: Path) -> None:
    for arrays, message in (
        ({"count": np.float64("nan")}, "not finite"),
        ({"image": np.zeros((16, 24, 3), np.uint8)}, "golden image has 24 x 16 pixels, expected multiples of 16"),
        ({"density": np.zeros((2, 3), np.float32)}, r"golden density has shape \(2, 3\), expected \(2, 4\)"),
    ):
        files = {**FILES, "golden.npz": npz(**arrays)}
        with pytest.raises(GoldenInvalid, match=message):
            write_package(tmp_path / "plaza.skt", manifest_of(files), files)
    assert not list(tmp_path.iterdir())
