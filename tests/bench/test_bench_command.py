"""`skt-bench` on a tiny package, in real processes and engines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sdk.commands.bench import main
from tests.sdk import labels
from tests.terminal import hear_ctrl_c, shell
from tests.tiny_package import write_tiny

QUICK = ("--rounds", 1, "--seconds", 0.05, "--threads", 1, "--size", "96x64")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in (*arguments, *QUICK)])


@pytest.fixture
def int8(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny.skt", int8="passed")


def test_every_variant_is_measured_and_written_down(int8: Path, tmp_path: Path) -> None:
    labels.photo(tmp_path / "set" / "a.jpg")
    points = labels.text(tmp_path / "set" / "points.csv", "photo,x,y\na.jpg,1,2\n")
    scored = ("--dataset", "points", "--root", points, "--split", "test")

    result = run(int8, "--all-variants", "--json", "--html", tmp_path / "page.html", *scored)

    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    found = {row["variant"]: row for row in record["rows"]}
    assert set(found) == {"onnx-fp32", "openvino-fp32", "onnx-int8", "openvino-int8"}
    for row in found.values():
        assert min(row["median_ms"], row["a_second"], row["first_s"], row["first_uncached_s"], row["size_mb"]) > 0
        assert row["median_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["loaded"]["variant"] == row["variant"]
        assert row["load"]["state"] in ("clean", "busy", "unwatched")
        assert row["mae"] is not None
        assert row["difference_percent"] is not None
    assert found["openvino-int8"]["loaded"]["int8"] == [1, 1]
    assert set(record["peaks_gops"]) == {
        f"convolutions of {engine} in {precision}, 1 threads"
        for engine in ("onnxruntime", "openvino")
        for precision in ("fp32", "int8")
    }
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("<rect") == 2 * len(found)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_chosen_variant_stands_beside_fp32_in_a_table(int8: Path) -> None:
    result = run(int8, "--precision", "int8")  # a CPU without VNNI would not choose it

    assert result.exit_code == 0, result.output
    assert "tiny openvino-int8" in result.stdout
    assert "tiny openvino-fp32" in result.stdout
    assert "tiny onnx" not in result.stdout
    assert " as fast as tiny openvino-fp32" in result.stdout


def test_another_package_takes_part_with_the_same_variants(int8: Path, tmp_path: Path) -> None:
    other = write_tiny(tmp_path / "other.skt", int8="passed")

    result = run(int8, "--precision", "int8", "--compare", other)

    assert result.exit_code == 0, result.output
    assert f"{other} openvino-int8" in result.stdout
    assert f"{other} openvino-fp32" in result.stdout


def test_a_file_is_counted_with_its_decoding(int8: Path) -> None:
    result = run(int8, "--from-file", "--json")

    record = json.loads(result.stdout)
    assert record["photo"].endswith("96 x 64, from a file, decoding included")
    assert record["rows"][0]["overhead"] is None  # no bare call beside a decoding


def test_a_photo_is_shrunk_where_that_is_asked_for(int8: Path) -> None:
    whole, shrunk = (json.loads(run(int8, "--json", *more).stdout) for more in ((), ("--max-side", 64)))

    assert shrunk["rows"][0]["people"] < 0.7 * whole["rows"][0]["people"]  # 64 x 43 of 96 x 64 pixels


def test_a_photo_of_the_users_is_counted_at_its_size(int8: Path, tmp_path: Path) -> None:
    labels.photo(tmp_path / "mine.jpg")

    assert json.loads(run(int8, "--photo", tmp_path / "mine.jpg", "--json").stdout)["photo"].startswith("mine.jpg, ")


def test_a_variant_that_does_not_load_is_told_and_the_others_are_measured(tmp_path: Path) -> None:
    result = run(write_tiny(tmp_path / "broken.skt", broken="onnx"), "--all-variants")

    assert result.exit_code == 5
    assert "warning: tiny onnx-fp32 did not run: onnxruntime cannot load variant onnx-fp32" in result.stderr
    assert "tiny openvino-fp32" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--size", "864"], 2, "size '864' is not WIDTHxHEIGHT (write 864x576)"),
        (["--size", "32x32"], 2, "size 32x32 is below 64 pixels a side (try 864x576)"),
        (["--compare", "tensorflow"], 2, "cannot compare with 'tensorflow'"),
        (["--compare", "none.skt"], 4, "cannot open model package 'none.skt'"),
        (["--compare", "vgg/4"], 6, "vgg/4 cannot be exported: "),
        (["--dataset", "points"], 2, "--dataset needs --root"),
        (["--dataset", "points", "--root", "none.csv"], 3, "none.csv"),
        (["--html", "none/page.html"], 2, "no folder none for the page page.html"),
        (["--device", "cuda"], 5, "nothing of package tiny runs here as asked"),
        (["--photo", "none.jpg"], 3, "no such photo: none.jpg"),
    ],
)
def test_what_cannot_be_measured_is_one_line(tiny: Path, arguments: list[str], code: int, said: str) -> None:
    quick = [*map(str, QUICK), *arguments]

    result = CliRunner().invoke(main, [str(tiny), *quick])

    assert result.exit_code == code, result.output
    assert said in result.stderr.splitlines()[-1]


def test_a_page_that_cannot_be_written_is_one_line(int8: Path) -> None:
    result = CliRunner().invoke(main, [str(int8), *map(str, QUICK), "--html", "/proc/page.html"])

    assert result.exit_code == 2
    assert "cannot write /proc/page.html" in result.stderr


def test_without_torch_a_comparison_names_the_line_that_installs_it() -> None:
    code = (
        "from sdk.bench import compare; import sys\n"
        "sys.path[:] = [path for path in sys.path if 'site-packages' not in path]\n"
        "compare.check('torch')\n"
    )

    done = shell([sys.executable, "-c", code])

    assert "comparing with torch needs the package torch, which is not installed" in done.stderr
    assert "pip install 'skt-edge[export]'" in done.stderr


def test_ctrl_c_leaves_no_contender_behind(tiny: Path) -> None:
    command = [sys.executable, "-m", "sdk.commands.bench", str(tiny), "--rounds", "500", "--seconds", "0.1"]
    listening = {"preexec_fn": hear_ctrl_c}  # safe: no other thread runs here
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **listening) as work:
        assert work.stderr is not None
        while "round 1 of 500" not in work.stderr.readline():
            assert work.poll() is None
        children = Path(f"/proc/{work.pid}/task/{work.pid}/children").read_text("utf-8").split()
        work.send_signal(signal.SIGINT)
        assert work.wait(60) == 130
        said = work.stderr.read()

    assert said.splitlines()[-1].endswith("stopped")
    assert children
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
