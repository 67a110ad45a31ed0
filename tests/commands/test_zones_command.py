"""`skt-zones`, and zones in `skt-count` and `skt-eval`."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from sdk.commands import count, zones
from sdk.commands import eval as evaluation
from sdk.ground import Ground
from sdk.zones import Zone, Zones
from tests import terminal
from tests.sdk import labels
from tests.sdk.photo_files import encoded
from tests.tiny_package import noise_photo

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
SKY = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.25), (0.0, 0.25))
FLAT = Ground(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), ((0, 0), (20, 0), (20, 10), (0, 10)))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "gate.png").write_bytes(encoded(noise_photo(96, 120)))
    return tmp_path / "gate.png"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Zones((Zone("left", LEFT, ground=FLAT), Zone("right", RIGHT), Zone("sky", SKY, "exclude"))).write(
        tmp_path / "zones.yaml"
    )
    return tmp_path / "zones.yaml"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(zones.main, [str(argument) for argument in arguments])


def test_check_lists_the_zones(file: Path) -> None:
    result = run("check", file)

    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["left", "count", "4", "50.0", "%", "75.0", "m2"],
        ["right", "count", "4", "50.0", "%"],
        ["sky", "exclude", "4", "25.0", "%"],
    ]


def test_check_lists_them_as_json_too(file: Path) -> None:
    left = json.loads(run("check", file, "--json").stdout)["zones"][0]

    assert left == {"name": "left", "kind": "count", "points": 4, "share_of_frame": 0.5, "square_metres": 75.0}


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_wrong_file_is_one_line_and_exit_code_2(file: Path, extra: list[str]) -> None:
    file.write_text(file.read_text().replace("right", "left"))

    result = run("check", file, *extra)

    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "2 zones are called 'left'" in result.stderr


@pytest.mark.parametrize("suffix", ["jpg", "PNG"])
def test_show_draws_the_zones_over_a_photo(file: Path, photo: Path, suffix: str) -> None:
    picture = photo.parent / f"out.{suffix}"

    assert run("show", file, "--photo", photo, "-o", picture).exit_code == 0
    assert cv2.imread(str(picture)).shape == (96, 120, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "z.yaml", "--photo", "gate.png", "-o", "out.gif"], 2, "picture out.gif ends with '.gif'"),
        (["show", "z.yaml", "--photo", "gate.png", "-o", "none/out.png"], 2, "cannot write none/out.png"),
        (["show", "z.yaml", "--photo", "none.png", "-o", "out.png"], 3, "no such photo"),
        (["edit", "none.png", "-o", "z.yaml"], 3, "no such photo"),
        (["edit", "gate.png", "-o", "z.txt"], 2, "zones file z.txt ends with '.txt'"),
        (["edit", "gate.png", "-o", "none/z.yaml"], 2, "no folder none for the zones z.yaml"),
        (["edit", "gate.png", "-o", "bad.yaml"], 2, "bad.yaml holds text alone"),
        (["check", "none.yaml"], 2, "cannot read config none.yaml"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_its_exit_code(
    file: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(photo.parent)
    file.rename("z.yaml")
    Path("bad.yaml").write_text("zones")

    result = run(*arguments)

    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert said in result.stderr


def test_edit_prints_its_address_and_ends_with_ctrl_c(photo: Path) -> None:
    line = terminal.command("zones", "edit", photo, "-o", photo.parent / "new.yaml")
    with subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=terminal.ROOT,
        preexec_fn=terminal.hear_ctrl_c,  # noqa: PLW1509 - it starts no thread
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("http://127.0.0.1:")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)

    assert running.returncode == 130
    assert said.splitlines()[-1] == "stopped"


def counted(tiny: Path, photo: Path, file: Path, *arguments: object) -> Result:
    words = ["-m", tiny, photo, "--zones", file, *arguments]
    return CliRunner().invoke(count.main, [str(word) for word in words])


def test_count_prints_a_line_for_each_zone(tiny: Path, photo: Path, file: Path) -> None:
    _, whole, left, right = (line.split() for line in counted(tiny, photo, file).stdout.splitlines())

    assert (left[0], right[0]) == ("left", "right")
    assert float(left[1]) + float(right[1]) == pytest.approx(float(whole[1]), abs=0.15)
    assert left[2:6] == [f"{float(left[1]) / 75:.2f}/m2", "on", "75", "m2,"] or "level" in left


def test_count_tells_zones_in_json_and_csv(tiny: Path, photo: Path, file: Path) -> None:
    record = json.loads(counted(tiny, photo, file, "--json").stdout)
    (row,) = csv.DictReader(io.StringIO(counted(tiny, photo, file, "--csv").stdout))

    assert record["zones"]["left"]["square_metres"] == 75
    assert float(row["zone left"]) == record["zones"]["left"]["count"]
    assert record["zones"]["left"]["count"] + float(row["zone right"]) == pytest.approx(record["count"], abs=0.002)


def test_count_draws_them_on_overlays(tiny: Path, photo: Path, file: Path, tmp_path: Path) -> None:
    plain = CliRunner().invoke(count.main, ["-m", str(tiny), str(photo), "--overlay", str(tmp_path / "a")])

    zoned = counted(tiny, photo, file, "--overlay", tmp_path / "b")

    assert (plain.exit_code, zoned.exit_code) == (0, 0)
    assert (cv2.imread(str(tmp_path / "a" / "gate.jpg")) != cv2.imread(str(tmp_path / "b" / "gate.jpg"))).any()


def test_wrong_zones_end_count_before_anything_is_counted(tiny: Path, photo: Path) -> None:
    result = counted(tiny, photo, photo.parent / "none.yaml")

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_eval_scores_each_zone(tiny: Path, file: Path, tmp_path: Path) -> None:
    labels.photo(tmp_path / "set" / "a.jpg")
    points = labels.text(tmp_path / "set" / "points.csv", "photo,x,y\na.jpg,1,40\na.jpg,60,40\na.jpg,61,1\n")
    words = [str(word) for word in (tiny, "--dataset", "points", "--root", points, "--zones", file)]

    table = CliRunner().invoke(evaluation.main, words)
    record = json.loads(CliRunner().invoke(evaluation.main, [*words, "--json"]).stdout)

    assert [line.split()[:2] for line in table.stdout.splitlines()[-3:-1]] == [["left", "1"], ["right", "1"]]
    assert record["scores"]["people"] == 2
    assert [zone["people"] for zone in record["zones"]["zones"]] == [1, 1]
