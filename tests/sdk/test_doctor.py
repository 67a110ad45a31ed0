"""What the doctor finds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runtimes import Request
from sdk.cache import cache_folder
from sdk.doctor import diagnose
from sdk.errors import ArtifactError
from sdk.manifest import FileEntry
from sdk.package import Package, write_package
from tests.terminal import shell
from tests.tiny_package import ENGINES, write_tiny
from tests.tolerances import COUNT_RELATIVE

SHADOW = "import sys; from sdk.doctor import shadowing; print(*shadowing(), sep='\\n')"


def installed(folder: Path, name: str, top_level: str) -> None:
    (folder / f"{name}-1.0.dist-info").mkdir()
    (folder / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / f"{name}-1.0.dist-info" / "top_level.txt").write_text(top_level)


def warnings_with(folder: Path) -> str:
    import sys

    root = Path(__file__).parents[2]
    return shell([sys.executable, "-c", SHADOW], PYTHONPATH=f"{root}:{folder}").stdout


def test_the_golden_photo_is_replayed_on_every_engine(tiny: Path) -> None:
    diagnosis = diagnose(tiny, threads=1)

    assert diagnosis.healthy
    assert {replay.engine for replay in diagnosis.replays} == set(ENGINES)
    for replay in diagnosis.replays:
        assert replay.counted == pytest.approx(replay.expected, rel=COUNT_RELATIVE)


def test_a_small_error_in_fp32_is_an_error(tmp_path: Path) -> None:
    (right,) = diagnose(write_tiny(tmp_path / "right.skt", formats=("onnx",))).replays

    wrong = diagnose(write_tiny(tmp_path / "wrong.skt", formats=("onnx",), golden_count=right.expected * 1.01))

    assert (right.ok, wrong.healthy) == (True, False)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("int8") / "int8.skt", int8="passed")


def test_int8_is_replayed_and_what_the_engine_computes_is_told(int8: Path) -> None:
    diagnosis = diagnose(int8, Request(precision="int8"), threads=1)

    assert diagnosis.healthy
    assert {(replay.engine, replay.int8) for replay in diagnosis.replays} == {(engine, (1, 1)) for engine in ENGINES}
    assert {(variant.id, variant.gate) for variant in diagnosis.variants} == {
        ("onnx-fp32", "none"),
        ("onnx-int8", "passed"),
        ("openvino-fp32", "none"),
        ("openvino-int8", "passed"),
    }


def test_int8_is_held_against_what_it_counted_when_it_was_exported(int8: Path, tmp_path: Path) -> None:
    with Package.open(int8) as opened:
        manifest, files = opened.manifest, opened.read_all()
        golden = opened.golden()
    found = {replay.variant: replay.counted for replay in diagnose(int8, Request(precision="int8"), threads=1).replays}
    for factor, ok in ((1.0, True), (1.03, False)):
        recorded = tuple(
            replace(one, parity={"golden_count": found[one.id] * factor} if one.precision == "int8" else None)
            for one in manifest.variants
        )
        path = tmp_path / f"{factor}.skt"
        write_package(path, replace(manifest, variants=recorded), files).close()
        replays = diagnose(path, Request(precision="int8"), threads=1).replays

        assert [replay.ok for replay in replays] == [ok, ok]
        assert all(replay.expected != golden.count for replay in replays)


def test_what_int8_was_calibrated_on_is_told(int8: Path, tmp_path: Path) -> None:
    table = {"method": "minmax", "photos": [{"people": 3.0}, {"people": 712.5}]}
    told = diagnose(with_table(int8, tmp_path / "told.skt", json.dumps(table).encode())).calibration

    assert told == {"method": "minmax", "photos": 2, "densest": 712.5}
    assert diagnose(int8).calibration is None
    with pytest.raises(ArtifactError, match=r"calibration/table.json of package .*bad.skt cannot be read: 'photos'"):
        diagnose(with_table(int8, tmp_path / "bad.skt", b"{}"))


def with_table(package: Path, path: Path, table: bytes) -> Path:
    with Package.open(package) as opened:
        entry = FileEntry.of("calibration/table.json", table)
        manifest = replace(opened.manifest, reports=(entry,))
        write_package(path, manifest, {**opened.read_all(), entry.path: table}).close()
    return path


def test_a_request_limits_what_is_tried(tiny: Path) -> None:
    diagnosis = diagnose(tiny, Request(backend="onnxruntime"))

    assert [replay.engine for replay in diagnosis.replays] == ["onnxruntime"]


def test_another_distribution_that_brings_our_names_is_named(tmp_path: Path) -> None:
    installed(tmp_path, "other-sdk", "sdk\nfoo\n")
    installed(tmp_path, "skt_edge", "sdk\nruntimes\n")

    said = warnings_with(tmp_path)

    assert "package 'sdk' is also installed by other-sdk: uninstall one of them" in said
    assert "runtimes" not in said


def test_a_broken_installation_of_another_package_does_no_harm(tmp_path: Path) -> None:
    installed(tmp_path, "nameless", "sdk\n")
    (tmp_path / "nameless-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n")

    assert "Traceback" not in warnings_with(tmp_path)


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKT_CACHE_DIR", str(tmp_path / "a" / "b"))
    assert cache_folder() == tmp_path / "a" / "b"

    monkeypatch.delenv("SKT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "skt-edge"

    monkeypatch.setenv("SKT_CACHE_DIR", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mine"


def test_without_a_folder_that_can_be_written_there_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SKT_CACHE_DIR", str(tmp_path / "file" / "below"))

    assert cache_folder() is None
