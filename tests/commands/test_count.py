"""`skt-count` on a package that really runs."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from sdk import CrowdCounter
from sdk.commands.count import main
from tests import terminal
from tests.sdk.photo_files import encoded
from tests.tiny_package import noise_photo, write_tiny

PHOTOS = {"a/cam.png": (100, 140), "b/cam.png": (64, 80), "tiny.png": (1, 2)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with three photos, one of them tiny."""
    for name, size in PHOTOS.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(encoded(noise_photo(*size)))
    return tmp_path / "photos"


@pytest.fixture
def broken(photos: Path) -> Path:
    """The same folder with two files more that are no photos."""
    (photos / "cut.png").write_bytes(encoded(noise_photo(50, 50))[:-100])
    (photos / "text.jpg").write_text("hello")
    return photos


def run(package: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["-m", str(package), *map(str, arguments)])


def records(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_table_has_a_line_for_each_photo(tiny: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)

    result = run(tiny, ".")
    header, *rows = result.stdout.splitlines()

    assert result.exit_code == 0
    assert [row.split()[0] for row in rows] == list(PHOTOS)
    assert {row.index(" ms") for row in rows} == {header.index("time") + 1}
    assert all("cpu fp32" in row for row in rows)


def test_a_long_name_loses_its_beginning_and_the_columns_stay(tiny: Path, photos: Path) -> None:
    (photos / f"{'x' * 80}.png").write_bytes(encoded(noise_photo(64, 64)))

    header, *rows = run(tiny, photos).stdout.splitlines()

    assert any(row.startswith(f"…{'x' * 55}.png ") for row in rows)
    assert {row.index("openvino") for row in rows} == {header.index("backend")}


def test_json_has_a_record_for_each_photo(tiny: Path, photos: Path) -> None:
    found = records(run(tiny, photos, "--json"))

    with CrowdCounter(tiny) as counter:
        expected = [round(counter.count(photos / name).count, 3) for name in PHOTOS]
    assert [record["count"] for record in found] == expected
    assert [(record["height"], record["width"]) for record in found] == list(PHOTOS.values())


def test_csv_can_be_read_back_whatever_a_photo_is_called(tiny: Path, photos: Path) -> None:
    odd = photos / 'a "photo", of\ntwo lines.png'
    (photos / "tiny.png").rename(odd)

    rows = list(csv.DictReader(io.StringIO(run(tiny, photos, "--csv").stdout)))

    assert str(odd) in [row["photo"] for row in rows]
    assert all(float(row["count"]) > 0 and row["error"] == "" for row in rows)


def test_overlays_and_densities_are_written_apart(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out, maps = tmp_path / "new" / "overlays", tmp_path / "maps"

    result = run(tiny, photos, "--overlay", out, "--density", maps, "--json")

    for record, (name, size) in zip(records(result), PHOTOS.items(), strict=True):
        place = name.removesuffix(".png")
        assert cv2.imread(str(out / f"{place}.jpg")).shape[:2] == size
        assert np.load(maps / f"{place}.npy").sum() == pytest.approx(record["count"], abs=1e-3)


def test_a_bad_photo_is_reported_and_the_others_are_counted(tiny: Path, broken: Path) -> None:
    result = run(tiny, broken, broken / "none.jpg")

    assert result.exit_code == 3
    assert len(result.stdout.splitlines()) == 1 + len(PHOTOS)
    for said in (
        "cut.png is cut off",
        "text.jpg is not a photo",
        "no such photo",
        "3 of 6 photos could not be counted",
    ):
        assert result.stderr.count(said) == 1


def test_bad_photos_have_their_records_too(tiny: Path, broken: Path) -> None:
    as_json, as_csv = run(tiny, broken, "--json"), run(tiny, broken, "--csv")

    assert [record["error"]["message"].split(" ", 1)[1] for record in records(as_json) if "error" in record] == [  # type: ignore[index]
        f"is cut off after {len(encoded(noise_photo(50, 50))) - 100:,} bytes",
        "is not a photo",
    ]
    assert sum(row["error"] != "" for row in csv.DictReader(io.StringIO(as_csv.stdout))) == 2


def test_each_warning_is_said_once(tiny: Path, photos: Path) -> None:
    shutil.copy(photos / "tiny.png", photos / "tiny2.png")

    result = run(tiny, photos)

    assert result.stderr == "warning: the photo is 2 x 1 pixels; below 64 counts mean little\n"


def test_an_engine_that_fails_to_load_is_one_warning(photos: Path, tmp_path: Path) -> None:
    package = write_tiny(tmp_path / "half.skt", broken="openvino")

    done = terminal.run("count", photos / "a", photos / "b", "-m", package)

    assert (done.returncode, done.stdout.count("onnxruntime cpu fp32")) == (0, 2)
    assert done.stderr.startswith("warning: openvino-fp32 on openvino cpu did not load: ")
    assert done.stderr.count("\n") == 1


def test_an_engine_that_was_asked_for_and_fails_to_load_is_an_error(photos: Path, tmp_path: Path) -> None:
    result = run(write_tiny(tmp_path / "half.skt", broken="openvino"), photos, "--backend", "openvino")

    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.startswith("error: openvino cannot load variant openvino-fp32")


def test_a_second_run_does_not_count_its_own_pictures(tiny: Path, photos: Path) -> None:
    first = records(run(tiny, photos, "--overlay", photos / "overlays", "--json"))
    second = records(run(tiny, photos, "--overlay", photos / "overlays", "--json"))

    assert [record["photo"] for record in first] == [record["photo"] for record in second]


@pytest.mark.parametrize("folder", [".", "../photos", "link"])
def test_a_picture_never_replaces_a_photo(tiny: Path, photos: Path, folder: str) -> None:
    (photos / "link").symlink_to(photos)
    (photos / "tiny.jpg").write_bytes(encoded(noise_photo(80, 80), ".jpg"))
    (photos / "tiny.png").unlink()
    before = (photos / "tiny.jpg").read_bytes()

    result = run(tiny, photos, "--overlay", photos / folder)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "would replace the photo" in result.stderr
    assert (photos / "tiny.jpg").read_bytes() == before


@pytest.mark.parametrize("option", ["--overlay", "--density"])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_counted(
    tiny: Path, photos: Path, option: str
) -> None:
    result = run(tiny, photos, option, photos / "tiny.png")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot make folder" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_output_that_cannot_be_written_ends_with_one_line(tiny: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "tiny.npy").mkdir(parents=True)
    (tmp_path / "out" / "a").write_text("a file where a folder should be")

    result = run(tiny, photos, "--density", tmp_path / "out")

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: cannot write {tmp_path / 'out' / 'a' / 'cam.npy'}: ")


def test_a_picture_too_long_for_jpeg_is_shrunk(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "long.png").write_bytes(encoded(np.zeros((8, 70_000, 3), np.uint8)))

    assert run(tiny, tmp_path / "long.png", "--overlay", tmp_path).exit_code == 0
    assert cv2.imread(str(tmp_path / "long.jpg")).shape[1] == 65_500


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--device", "cuda:0"], 5, "nothing here can run device cuda:0"),
        (["--backend", "tensorrt"], 5, "backend tensorrt"),
        (["--precision", "int8"], 5, "ask for precision fp32 or auto"),
        (["--backend", "tensorflow"], 2, "unknown backend 'tensorflow'; known: auto, onnxruntime"),
        (["--device", "tpu"], 2, "unknown device 'tpu'"),
        (["--threads", "0"], 2, "0 is not in the range x>=1"),
        (["--max-side", "0"], 2, "0 is not in the range x>=1"),
        (["--json", "--csv"], 2, "--json and --csv were both given"),
        (["-m", "none.skt"], 4, "cannot open model package 'none.skt'"),
        ([""], 2, "the name of a photo is empty"),
        (["/none/*.jpg"], 3, "matches no photo"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_exit_code(
    tiny: Path, photos: Path, arguments: list[str], code: int, said: str
) -> None:
    result = run(tiny, photos, *arguments)

    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_under_json_an_error_is_a_record_too(photos: Path) -> None:
    result = run(photos / "tiny.png", photos, "--json")

    assert result.exit_code == 4
    assert records(result)[0]["error"]["kind"] == "NotAPackage"  # type: ignore[index]


def test_a_folder_without_photos_is_an_input_error(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = run(tiny, tmp_path / "empty")

    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: folder {tmp_path / 'empty'} holds no photos")


def test_a_name_that_is_no_text_is_shown_all_the_same(tiny: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \x1b[31m.png")
    (tmp_path / name).write_bytes(encoded(noise_photo(64, 64)))

    table, as_json = run(tiny, tmp_path), run(tiny, tmp_path, "--json")

    assert r"caf\udce9 \x1b[31m.png" in table.stdout
    assert records(as_json)[0]["photo"] == str(tmp_path / name)
