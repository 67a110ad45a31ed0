"""The model package: what was written is read, and nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdk.errors import (
    ArtifactError,
    ChecksumMismatch,
    FileMissing,
    FileUnlisted,
    ManifestInvalid,
    ManifestMissing,
    NotAPackage,
    SchemaUnsupported,
    SizeMismatch,
    UnsafePath,
    VariantUnknown,
)
from sdk.golden import golden_to_bytes
from sdk.package import MAX_MANIFEST_BYTES, Package, write_package
from tests.sdk.packages import FILES, GOLDEN, MANIFEST, MODEL, manifest_of, plain_entries, zip_of

NAMES = st.from_regex(r"[a-z0-9_]([a-z0-9._-]{0,4}[a-z0-9])?", fullmatch=True)
fast = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
each_layout = pytest.mark.parametrize("directory", [False, True], ids=["zip", "folder"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package as a folder, to be damaged."""
    write_package(tmp_path / "plaza.skt", MANIFEST, FILES, directory=True).close()
    return tmp_path / "plaza.skt"


@each_layout
def test_a_package_gives_back_what_was_written(tmp_path: Path, directory: bool) -> None:
    with write_package(tmp_path / "plaza.skt", MANIFEST, FILES, directory=directory) as package:
        package.verify()

        assert package.manifest == MANIFEST
        assert package.read("openvino-fp16") == {"model.bin": b"weights", "model.xml": b"<net/>"}
        assert package.model_card == "# Plaza\n"
        assert package.golden().count == GOLDEN.count
        np.testing.assert_array_equal(package.golden().image, GOLDEN.image)
        np.testing.assert_array_equal(package.golden().density, GOLDEN.density)


@fast
@given(
    variants=st.dictionaries(
        NAMES, st.dictionaries(NAMES, st.binary(max_size=64), min_size=1, max_size=3), min_size=1, max_size=3
    )
)
def test_any_variants_survive_write_zip_and_read(
    tmp_path_factory: pytest.TempPathFactory, variants: dict[str, dict[str, bytes]]
) -> None:
    parts = {f"variants/{i}/{name}": data for i, files in variants.items() for name, data in files.items()}
    files = {"MODEL_CARD.md": b"", "golden.npz": FILES["golden.npz"], **parts}
    for directory in (False, True):
        path = tmp_path_factory.mktemp("any") / "any.skt"
        with write_package(path, manifest_of(files), files, directory=directory) as package:
            package.verify()
            assert {i: package.read(i) for i in variants} == variants


def test_a_zip_made_by_other_tools_is_read_too(tmp_path: Path) -> None:
    with Package.open(zip_of(tmp_path / "plaza.skt", [("variants/", b""), *plain_entries()])) as package:
        package.verify()


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    write_package(tmp_path / "one.skt", MANIFEST, FILES).close()
    write_package(tmp_path / "other.skt", MANIFEST, dict(reversed(FILES.items()))).close()

    assert (tmp_path / "one.skt").read_bytes() == (tmp_path / "other.skt").read_bytes()
    assert golden_to_bytes(GOLDEN) == FILES["golden.npz"]


@fast
@given(data=st.data())
def test_a_flipped_byte_in_any_listed_file_is_refused(folder: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    at = data.draw(st.integers(0, len(FILES[name]) - 1))
    flipped = bytearray(FILES[name])
    flipped[at] ^= data.draw(st.integers(1, 255))
    others = [entry for entry in plain_entries() if entry[0] != name]
    damaged = zip_of(folder.parent / "z.skt", [*others, (name, bytes(flipped))])
    (folder / name).write_bytes(flipped)
    for path in (folder, damaged):
        with Package.open(path) as package, pytest.raises(ChecksumMismatch, match=rf"{name} .* has sha256"):
            package.verify()
    (folder / name).write_bytes(FILES[name])


def test_a_byte_flipped_inside_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plaza.skt"
    write_package(path, MANIFEST, FILES).close()
    path.write_bytes(path.read_bytes().replace(FILES[MODEL], b"\xff" + FILES[MODEL][1:]))

    with Package.open(path) as package, pytest.raises(ChecksumMismatch, match=r"model.onnx .* is damaged: Bad CRC"):
        package.read("onnx-fp32")


@fast
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"PK\x03\x04" + tail))
def test_arbitrary_bytes_are_no_package(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "noise.skt").write_bytes(data)

    with pytest.raises(NotAPackage):
        Package.open(tmp_path / "noise.skt")


@settings(fast, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), min_size=1, max_size=3))
def test_a_damaged_zip_gives_an_error_of_ours_or_the_true_content(
    tmp_path: Path, hits: list[tuple[int, bytes]]
) -> None:
    path = zip_of(tmp_path / "plaza.skt", plain_entries())
    whole = bytearray(path.read_bytes())
    for at, noise in hits:
        whole[at % len(whole) : at % len(whole) + len(noise)] = noise
    path.write_bytes(whole)
    with contextlib.suppress(ArtifactError), Package.open(path) as package:
        assert package.read("onnx-fp32") == {"model.onnx": FILES[MODEL]}
        package.verify()


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.99])
def test_a_truncated_zip_is_refused(tmp_path: Path, keep: float) -> None:
    path = zip_of(tmp_path / "plaza.skt", plain_entries())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])

    with pytest.raises(NotAPackage, match="is a zip that is cut short or damaged"):
        Package.open(path)


def test_what_is_not_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x09")
    (tmp_path / "notes.txt").write_text("no")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAPackage, match=r"cannot open model package '.*gone.skt': No such file"):
        Package.open(tmp_path / "gone.skt")
    with pytest.raises(NotAPackage, match=r"is a bare .onnx file, not a model package"):
        Package.open(tmp_path / "model.onnx")
    with pytest.raises(NotAPackage, match=r"notes.txt is not a model package"):
        Package.open(str(tmp_path / "notes.txt"))
    with pytest.raises(NotAPackage, match=r"is neither a file nor a folder"):
        Package.open(tmp_path / "pipe")
    with pytest.raises(NotAPackage, match=r"cannot open model package 'a\\x00b'"):
        Package.open("a\0b")
    with pytest.raises(ManifestMissing, match=r"has no manifest.json, so it is not a model package"):
        Package.open(tmp_path)


def test_a_folder_zipped_with_its_name_has_its_manifest_missing(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "p.skt", [(f"plaza.skt/{name}", data) for name, data in plain_entries()])

    with pytest.raises(ManifestMissing, match=r"manifest.json at its top"):
        Package.open(path)


@each_layout
def test_a_missing_listed_file_is_refused_on_opening(tmp_path: Path, folder: Path, directory: bool) -> None:
    (folder / MODEL).unlink()
    path = zip_of(tmp_path / "z.skt", [entry for entry in plain_entries() if entry[0] != MODEL])

    with pytest.raises(FileMissing, match=rf"{MODEL} is not in package"):
        Package.open(folder if directory else path)


@pytest.mark.parametrize("data", [b"short", bytes(257)])
def test_another_size_is_refused_on_opening(folder: Path, data: bytes) -> None:
    (folder / MODEL).write_bytes(data)

    with pytest.raises(SizeMismatch, match=rf"model.onnx .* has {len(data)} bytes, the manifest lists 256"):
        Package.open(folder)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    entries = [entry for entry in plain_entries() if entry[0] != MODEL]
    with pytest.raises(SizeMismatch, match=r"has 50000000 bytes, the manifest lists 256"):
        Package.open(zip_of(tmp_path / "model.skt", [*entries, (MODEL, bytes(50_000_000))]))
    with pytest.raises(SizeMismatch, match=rf"manifest.json .* has more than {MAX_MANIFEST_BYTES} bytes"):
        Package.open(zip_of(tmp_path / "manifest.skt", [("manifest.json", bytes(50_000_000))]))


@each_layout
def test_an_unlisted_file_is_refused_by_verify(tmp_path: Path, folder: Path, directory: bool) -> None:
    (folder / "reports" / "more.txt").write_bytes(b"")
    path = zip_of(tmp_path / "z.skt", [*plain_entries(), ("reports/more.txt", b"")])

    with Package.open(folder if directory else path) as package, pytest.raises(FileUnlisted, match=r"reports/more.txt"):
        package.verify()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a\\b", "C:\\x", "variants/../../x", "a\0.txt"])
def test_an_unsafe_name_in_a_zip_is_refused(tmp_path: Path, name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name

    with pytest.raises(UnsafePath, match="is not safe in a package"):
        Package.open(zip_of(tmp_path / "z.skt", [*plain_entries(), (info, b"")]))


def test_links_and_twins_in_a_zip_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafePath, match=r"reports/x in zip .* is a link"):
        Package.open(zip_of(tmp_path / "link.skt", [*plain_entries(), (link("reports/x"), b"/etc/passwd")]))
    with pytest.warns(UserWarning, match="Duplicate name"):
        twins = zip_of(tmp_path / "twins.skt", [*plain_entries(), (MODEL, b"other")])
    with pytest.raises(UnsafePath, match=r"model.onnx is in zip .* twice"):
        Package.open(twins)


@pytest.mark.parametrize("name", [MODEL, "variants/onnx-fp32", "manifest.json"])
def test_a_link_in_a_folder_is_refused(folder: Path, name: str) -> None:
    (folder / name).rename(folder.parent / "elsewhere")
    (folder / name).symlink_to(folder.parent / "elsewhere")

    with pytest.raises(UnsafePath, match="is a link or a special file"):
        Package.open(folder)


def test_a_foreign_or_broken_manifest_is_refused_with_the_package_named(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(MANIFEST.to_json_bytes().replace(b"skt/1", b"skt/9"))
    with pytest.raises(SchemaUnsupported, match=r"package .*plaza.skt: manifest.json has schema 'skt/9'"):
        Package.open(folder)
    (folder / "manifest.json").write_bytes(b"\xff")
    with pytest.raises(ManifestInvalid, match=r"package .*plaza.skt: manifest.json is not JSON"):
        Package.open(folder)
    (folder / "manifest.json").write_bytes(dataclasses.replace(MANIFEST, variants=()).to_json_bytes())
    with pytest.raises(ManifestInvalid, match=r"package plaza has no variants, expected at least one"):
        Package.open(folder)


def test_an_unknown_variant_and_a_card_that_is_no_text_are_refused(tmp_path: Path) -> None:
    files = {**FILES, "MODEL_CARD.md": b"\xff\xfe"}
    with write_package(tmp_path / "p.skt", manifest_of(files), files) as package:
        with pytest.raises(VariantUnknown, match=r"no variant 'int8' \(it holds: onnx-fp32, openvino-fp16\)"):
            package.read("int8")
        with pytest.raises(ArtifactError, match=r"MODEL_CARD.md in package .* is not UTF-8 text"):
            _ = package.model_card


def test_an_open_zip_goes_on_when_the_file_is_replaced_and_ends_with_close(tmp_path: Path) -> None:
    package = write_package(tmp_path / "p.skt", MANIFEST, FILES)
    (tmp_path / "new").write_bytes(b"other")
    (tmp_path / "new").replace(tmp_path / "p.skt")

    assert package.read("onnx-fp32") == {"model.onnx": FILES[MODEL]}
    package.close()
    with pytest.raises(ArtifactError, match=r"p.skt is closed"):
        package.read("onnx-fp32")


def test_what_a_zip_may_not_hold_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lzma.skt", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("manifest.json", b"{}")
    with pytest.raises(NotAPackage, match=r"manifest.json in zip .* is encrypted or packed by a method other than"):
        Package.open(tmp_path / "lzma.skt")
    many: list[tuple[str | zipfile.ZipInfo, bytes]] = [(f"f{i}", b"") for i in range(4097)]
    with pytest.raises(NotAPackage, match=r"has 4097 entries, a package has 4096 at most"):
        Package.open(zip_of(tmp_path / "many.skt", many))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="not run: root reads every file")
def test_a_package_that_may_not_be_read_is_refused(tmp_path: Path, folder: Path) -> None:
    closed = zip_of(tmp_path / "z.skt", plain_entries())
    closed.chmod(0)
    (folder / MODEL).chmod(0)
    with pytest.raises(NotAPackage, match=r"cannot open model package '.*z.skt': Permission denied"):
        Package.open(closed)
    with Package.open(folder) as package, pytest.raises(FileMissing, match=rf"cannot read {MODEL} in .*Permission"):
        package.read("onnx-fp32")
