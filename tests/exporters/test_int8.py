"""skt-export with INT8, as people type it: calibrated, gated, refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from exporters.calibration_table import TABLE_NAME, CalibrationTable
from exporters.commands import choose_variants, main
from exporters.verify import verify
from sdk.errors import ArtifactError
from sdk.manifest import FileEntry
from sdk.package import Package, write_package
from sdk.scenes import draw_scene

LOOSE = "mae=1000,bias=50,bin=500,photo=100"  # for a student that drawn photos of 256 pixels mean little to
TIGHT = "mae=0,bias=0,bin=0,photo=0"


def skt_export(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def write_set(folder: Path, crowds: list[int], seed: int) -> Path:
    """A labelled set of drawn scenes; its CSV."""
    folder.mkdir()
    with (folder / "set.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["photo", "x", "y"])
        for at, people in enumerate(crowds):
            scene = draw_scene(seed + at, width=160, height=96, people=people)
            cv2.imwrite(str(folder / f"{at}.png"), scene.photo)
            rows.writerows([f"{at}.png", f"{x:.1f}", f"{y:.1f}"] for x, y in scene.points)
            if not len(scene.points):
                rows.writerow([f"{at}.png", "", ""])
    return folder / "set.csv"


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled set of 60 photos of 0 to 120 people."""
    return write_set(tmp_path_factory.mktemp("sets") / "crowds", [2 * at for at in range(60)], seed=500)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one, of 10 photos."""
    return write_set(tmp_path_factory.mktemp("sets") / "held-out", [12 * at for at in range(10)], seed=900)


@pytest.fixture(scope="module")
def quantised(crowds: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The shipped model in float and INT8, gated on what calibration left."""
    path = tmp_path_factory.mktemp("int8") / "q.skt"
    words = ("--calib", f"points:{crowds}", "--gate", LOOSE, "--name", "q", "-o", path, "--json")
    return path, skt_export("--precision", "fp32", "--precision", "int8", *words)


def test_int8_variants_are_calibrated_gated_and_packaged(quantised: tuple[Path, Result]) -> None:
    path, result = quantised

    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)["variants"]
    assert {told[name]["gate"]["status"] for name in ("onnx-int8", "openvino-int8")} == {"passed"}
    assert told["openvino-int8"]["int8_convolutions"] == {"running": 25, "stored": 25}
    assert told["onnx-int8"]["int8_convolutions"] == {
        "running": 24,
        "stored": 25,
    }  # it rounds outputs, or runs in float
    with Package.open(path) as package:
        assert {entry.path for entry in package.manifest.reports} == {
            "calibration/table.json",
            "calibration/trust.json",  # the shipped package's
            "reports/conversion.json",
            "reports/gate.json",
            "reports/parity.json",
        }
        assert package.manifest.variant("openvino-int8").gate["photos"] >= 20
        assert package.manifest.variant("openvino-int8").gate["calibration"]["sparse"] is False
        assert package.manifest.variant("onnx-fp32").gate is None


def test_the_package_is_whole_and_tells_its_calibration(quantised: tuple[Path, Result]) -> None:
    path, _ = quantised

    assert skt_export("verify", path).exit_code == 0
    shown = skt_export("inspect", path).stdout
    assert "accuracy gate: passed on" in shown
    assert "calibrated by minmax on" in shown
    assert "onnx-int8" in skt_export("parity", path).stdout
    assert json.loads(skt_export("parity", path, "--json").stdout)["variants"]["openvino-int8"]["passed"] is True


def test_gate_and_calibration_photos_share_none(quantised: tuple[Path, Result]) -> None:
    path, _ = quantised
    with Package.open(path) as package:
        table = json.loads(package.read_report("calibration/table.json"))
        gate = json.loads(package.read_report("reports/gate.json"))

    calibrated = {photo["sha256"] for photo in table["photos"]}
    judged = {photo["sha256"] for photo in gate["variants"]["onnx-int8"]["counts"]}
    assert len(calibrated) >= 32
    assert not calibrated & judged


def test_a_package_with_a_table_needs_no_new_calibration(
    quantised: tuple[Path, Result], held_out: Path, tmp_path: Path
) -> None:
    path, _ = quantised
    words = ("--format", "onnx", "--precision", "int8", "--gate", LOOSE, "--gate-photos", f"points:{held_out}")

    result = skt_export("-m", path, *words, "-o", tmp_path / "x.skt")

    assert result.exit_code == 0, result.stderr
    assert "using the calibration table of the package" in result.stderr
    with Package.open(path) as first, Package.open(tmp_path / "x.skt") as second:
        assert first.read("onnx-int8") == second.read("onnx-int8")


def test_a_failed_gate_leaves_only_its_report(quantised: tuple[Path, Result], held_out: Path, tmp_path: Path) -> None:
    words = ("--format", "onnx", "--precision", "int8", "--gate", TIGHT, "--gate-photos", f"points:{held_out}")

    result = skt_export("-m", quantised[0], *words, "-o", tmp_path / "x.skt")

    assert result.exit_code == 7
    assert "the accuracy gate failed: onnx-int8: " in result.stderr
    assert f"{tmp_path / 'x.gate.json'} tells every photo" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.gate.json"]
    assert json.loads((tmp_path / "x.gate.json").read_text())["variants"]["onnx-int8"]["status"] == "failed"


def test_a_failed_gate_keeps_the_package_that_is_there(
    quantised: tuple[Path, Result], held_out: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.skt").write_bytes(quantised[0].read_bytes())
    words = ("--format", "onnx", "--precision", "int8", "--gate", TIGHT, "--gate-photos", f"points:{held_out}")

    assert skt_export("-m", quantised[0], *words, "-o", tmp_path / "x.skt", "--force").exit_code == 7
    assert (tmp_path / "x.skt").read_bytes() == quantised[0].read_bytes()


def test_without_a_gate_the_variant_is_marked(quantised: tuple[Path, Result], tmp_path: Path) -> None:
    words = ("--format", "onnx", "--precision", "int8", "--gate", "off", "-o", tmp_path / "x.skt")

    result = skt_export("-m", quantised[0], *words)

    assert result.exit_code == 0, result.stderr
    assert "ungated" in result.stdout
    assert "accuracy gate: ungated" in skt_export("inspect", tmp_path / "x.skt").stdout


def test_a_saved_table_serves_an_export(crowds: Path, held_out: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    words = ("--calib-photos", "32", "--gate", LOOSE)
    made = skt_export("calibrate", "--calib", f"points:{crowds}", *words, "-o", table, "--json")
    again = skt_export("calibrate", "--calib", f"points:{crowds}", "-o", table)
    gate = ("--gate", LOOSE, "--gate-photos", f"points:{held_out}")
    result = skt_export("--format", "onnx", "--precision", "int8", "--calib", table, *gate, "-o", tmp_path / "x.skt")

    assert json.loads(made.stdout)["photos"] == 32
    assert again.exit_code == 6
    assert "table.json already exists (pass --force" in again.stderr
    assert result.exit_code == 0, result.stderr
    read = CalibrationTable.from_json_bytes(table.read_bytes())
    assert len(read.photos) == 32
    assert set(read.corrections) == set(read.scales) == {"cpu", "tensorrt"}


def test_gate_photos_that_were_calibrated_on_are_refused(quantised: tuple[Path, Result], crowds: Path) -> None:
    words = ("--format", "onnx", "--precision", "int8", "--gate-photos", f"points:{crowds}", "-o", "never.skt")

    result = skt_export("-m", quantised[0], *words)

    assert result.exit_code == 7
    assert "gate photos were calibrated on too" in result.stderr


def test_unreadable_photos_among_good_ones_are_told_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write_set(folder, [at % 30 for at in range(57)], seed=700).unlink()
    (folder / "bad.png").write_bytes(b"no photo")

    words = ("--allow-sparse", "--no-bias-correction", "-o", tmp_path / "t.json")
    result = skt_export("calibrate", "--calib", folder, *words)

    assert result.exit_code == 0, result.stderr
    assert "warning: left out: " in result.stderr
    table = CalibrationTable.from_json_bytes((tmp_path / "t.json").read_bytes())
    assert table.sparse
    assert (table.corrections, table.scales) == ({}, {})


@pytest.mark.parametrize(
    ("words", "exit_code", "told"),
    [
        (("-m", "{floats}", "--precision", "int8"), 2, "INT8 needs a calibration (give --calib a folder"),
        (("calibrate",), 2, "a calibration needs photos (give --calib a folder"),
        (("calibrate", "--calib", "{tmp}/empty"), 7, "there is no photo to calibrate on"),
        (("calibrate", "--calib", "{tmp}/none"), 3, "is no folder of photos"),
        (("calibrate", "--calib", "points:{few}"), 7, "photos to calibrate on, expected 32 or more"),
        (("calibrate", "--calib", "points:{few}", "-o", "x.txt"), 6, "x.txt does not end with .json"),
        (("--precision", "int8", "--calib", "{tmp}/t.json"), 7, "cannot read calibration table"),
        (("--precision", "int8", "--calib", "{tmp}/bad.json"), 7, "is not JSON with unique keys"),
        (("--precision", "int8", "--calib", "{tmp}/bad.json", "--calib", "x"), 2, "names a table and more"),
        (("--precision", "int8", "--gate", "speed=1", "--calib", "x"), 2, "names no limit"),
        (("--precision", "fp32", "--calib", "x"), 2, "--calib is for INT8, and no INT8 variant is asked for"),
    ],
)
def test_what_cannot_be_calibrated_is_told_in_one_line(
    held_out: Path, package: Path, tmp_path: Path, words: tuple[str, ...], exit_code: int, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.json").write_text("{")
    names = {"tmp": str(tmp_path), "few": str(held_out), "floats": str(package)}

    result = skt_export(*(word.format(**names) for word in words))

    assert result.exit_code == exit_code, result.stderr
    assert told in " ".join(result.stderr.split())


def test_a_gate_without_enough_photos_is_refused(quantised: tuple[Path, Result], tmp_path: Path) -> None:
    result = skt_export("-m", quantised[0], "--format", "onnx", "--precision", "int8", "-o", tmp_path / "x.skt")

    assert result.exit_code == 7
    assert "the accuracy gate has 0 photos, expected 8 or more (give --gate-photos" in result.stderr


def test_a_table_of_another_model_is_refused(
    student_checkpoint: Path, quantised: tuple[Path, Result], tmp_path: Path
) -> None:
    with Package.open(quantised[0]) as package:
        (tmp_path / "t.json").write_bytes(package.read_report("calibration/table.json"))

    result = skt_export(
        "-m", student_checkpoint, "--precision", "int8", "--calib", tmp_path / "t.json", "--gate", "off"
    )

    assert result.exit_code == 7
    assert "the calibration table is of model" in result.stderr


def test_photos_mean_that_int8_is_wanted() -> None:
    assert choose_variants((), (), calibrated=True) == ("onnx-fp32", "onnx-int8", "openvino-fp16", "openvino-int8")
    assert choose_variants(("openvino",), (), calibrated=True) == ("openvino-fp32", "openvino-fp16", "openvino-int8")
    assert "tensorrt-int8" in choose_variants(("all",), (), calibrated=True)
    assert not any(variant.endswith("int8") for variant in choose_variants(("all",), ()))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (b"a" * 12, "is of model .*, its calibration/table.json of aaaaaaaaaaaa"),
        (b"x" * 12, "calibration/table.json: master is 'xxxxxxxxxxxx.*expected 64 hexadecimal digits"),
    ],
)
def test_a_table_of_another_model_in_a_package_is_found(
    quantised: tuple[Path, Result], tmp_path: Path, other: bytes, told: str
) -> None:
    with Package.open(quantised[0]) as package:
        manifest = package.manifest
        files = {entry.path: package._read(entry) for entry in manifest.files}
    files[TABLE_NAME] = files[TABLE_NAME].replace(manifest.version.encode(), other)
    reports = tuple(FileEntry.of(entry.path, files[entry.path]) for entry in manifest.reports)
    write_package(tmp_path / "x.skt", replace(manifest, reports=reports), files).close()

    with Package.open(tmp_path / "x.skt") as opened, pytest.raises(ArtifactError, match=told):
        verify(opened)
