"""`skt-eval` on a real package and a small labelled set."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sdk.commands.eval import main
from sdk.package import write_package
from tests.models import tiny_onnx
from tests.sdk import labels
from tests.sdk.packages import FILES, MODEL, manifest_of
from tests.terminal import ROOT, command, hear_ctrl_c


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one ONNX variant that really runs."""
    files = {name: data for name, data in FILES.items() if "openvino" not in name} | {MODEL: tiny_onnx()}
    write_package(tmp_path / "tiny.skt", manifest_of(files), files).close()
    return tmp_path / "tiny.skt"


@pytest.fixture
def own_set(tmp_path: Path) -> Path:
    """Three photos with 2, 1 and 0 people."""
    for name in "abc":
        labels.photo(tmp_path / "set" / f"{name}.jpg")
    return labels.text(tmp_path / "set" / "points.csv", "photo,x,y\na.jpg,1,2\na.jpg,3,4\nb.jpg,5,6\nc.jpg,,\n")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_scores_are_printed_as_a_table(package: Path, own_set: Path) -> None:
    result = run(package, "--dataset", "points", "--root", own_set)

    assert result.exit_code == 0, result.output
    assert "plaza 1.0 on points test\n3 photos, 3 people. Ran on onnxruntime" in result.stdout
    assert all(name in result.stdout for name in ("MAE", "RMSE", "NAE", "GAME(3)", "bias", "1 to 50"))


def test_scores_are_printed_as_one_json_record(package: Path, own_set: Path) -> None:
    result = run(package, "--dataset", "points", "--root", own_set, "--json", "--limit", 2)

    record = json.loads(result.stdout)

    assert [(photo["name"], photo["true"]) for photo in record["photos"]] == [("a.jpg", 2), ("b.jpg", 1)]
    assert record["scores"]["people"] == 3


def test_a_report_is_written_where_it_was_asked_for(package: Path, own_set: Path, tmp_path: Path) -> None:
    result = run(package, "--dataset", "points", "--root", own_set, "--report", tmp_path / "r.html")

    assert result.exit_code == 0, result.output
    assert "plaza 1.0 on points test" in (tmp_path / "r.html").read_text("utf-8")


def test_an_unreadable_photo_is_named_and_the_exit_code_is_3(package: Path, own_set: Path) -> None:
    (own_set.parent / "b.jpg").write_bytes(b"")

    result = run(package, "--dataset", "points", "--root", own_set)

    assert result.exit_code == 3
    assert "2 photos, 2 people" in result.stdout
    assert "b.jpg holds 0 bytes" in result.stderr


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_broken_set_is_one_line_and_exit_code_3(package: Path, own_set: Path, extra: list[str]) -> None:
    own_set.write_text("photo,x,y\na.jpg,900,2\n")

    result = run(package, "--dataset", "points", "--root", own_set, *extra)

    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert "point (900, 2) of a.jpg lies outside" in result.stderr


def test_a_report_of_another_kind_is_refused_before_anything_is_counted(package: Path, own_set: Path) -> None:
    result = run(package, "--dataset", "points", "--root", own_set, "--report", "r.pdf")

    assert (result.exit_code, result.stdout) == (2, "")


def test_an_unknown_set_is_refused_with_the_known_ones(package: Path) -> None:
    result = run(package, "--dataset", "shanghai", "--root", ".")

    assert result.exit_code == 2
    assert "shanghaitech" in result.stderr


def test_ctrl_c_ends_with_the_scores_of_the_photos_so_far(package: Path, tmp_path: Path) -> None:
    labels.photo(tmp_path / "0.jpg")
    for number in range(1, 2000):
        os.link(tmp_path / "0.jpg", tmp_path / f"{number}.jpg")
    points = "".join(f"{number}.jpg,1,2\n" for number in range(2000))
    labels.text(tmp_path / "points.csv", f"photo,x,y\n{points}")
    here, there = pty.openpty()
    running = subprocess.Popen(
        command("eval", package, "--dataset", "points", "--root", tmp_path / "points.csv", "--json"),
        stdout=subprocess.PIPE,
        stderr=there,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it sets a signal's handler, and nothing else
    )
    os.close(there)
    shown = b""
    while b"3/2000 photos" not in shown:
        shown += os.read(here, 65_536)
    running.send_signal(signal.SIGINT)

    told, _ = running.communicate(timeout=120)

    os.close(here)
    record = json.loads(told)
    assert running.returncode == 130
    assert 3 <= len(record["photos"]) == record["scores"]["photos"] == 2000 - record["photos_left"] < 2000
