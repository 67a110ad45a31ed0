"""What all commands do alike, run as a user runs them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sdk.commands.common import friendly, one_line
from tests.sdk.photo_files import encoded
from tests.terminal import ROOT, command, hear_ctrl_c, on_terminal, run, screen, shell
from tests.tiny_package import noise_photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(encoded(noise_photo(80, 120, number)))
    return tmp_path


def test_a_reader_that_goes_away_ends_a_command_in_silence(tiny: Path, photos: Path) -> None:
    line = f"{' '.join(command('count', photos, '-m', tiny, '--json'))} | head -1; echo ${{PIPESTATUS[0]}}"

    done = shell(["bash", "-c", line])

    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == ["0"]


def test_a_full_disk_is_one_line(tiny: Path, photos: Path) -> None:
    done = shell(["bash", "-c", f"{' '.join(command('count', photos, '-m', tiny))} > /dev/full"])

    assert (done.returncode, done.stderr) == (2, "error: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_output_is_no_error(tiny: Path, photos: Path, closed: str) -> None:
    done = shell(["bash", "-c", f"{' '.join(command('count', photos, '-m', tiny))} {closed}"])

    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_unicode_is_no_error(tiny: Path, photos: Path) -> None:
    done = run("doctor", tiny, PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_with_one_line_and_nothing_half_written(tiny: Path, photos: Path) -> None:
    for number in range(12, 400):
        os.link(photos / "0.png", photos / f"{number}.png")
    line = command("count", photos, "-m", tiny, "--overlay", photos / "out")
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    listening = {"preexec_fn": hear_ctrl_c, "env": variables}
    running = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **listening)
    assert running.stdout
    assert running.stdout.readline().startswith("photo")
    running.stdout.readline()
    running.send_signal(signal.SIGINT)

    _, said = running.communicate(timeout=300)

    assert (running.returncode, said) == (130, "stopped\n")
    assert all(path.suffix == ".jpg" and path.read_bytes()[-2:] == b"\xff\xd9" for path in (photos / "out").iterdir())


def test_a_progress_bar_never_touches_the_rows(tiny: Path, photos: Path) -> None:
    (photos / "3.png").write_bytes(b"")

    written = on_terminal("count", photos, "-m", tiny)
    shown = screen(written)

    assert "━" in written
    assert not any("━" in line or "─" in line or "\x1b" in line for line in shown)
    assert sum("cpu fp32" in line for line in shown) == 11
    assert shown[0].startswith("photo")
    assert shown[-2:] == ["error: 1 of 12 photos could not be counted", ""]


def test_a_bar_is_never_longer_than_its_line(tiny: Path, photos: Path) -> None:
    written = on_terminal("count", photos, "-m", tiny, COLUMNS="30")

    bars = [line.strip() for line in written.split("\x1b[2K") if "─" in line]
    assert bars
    assert max(map(len, bars)) < 30


def test_a_terminal_that_cannot_take_a_line_away_gets_no_bar(tiny: Path, photos: Path) -> None:
    assert "\x1b" not in on_terminal("count", photos, "-m", tiny, TERM="dumb")


def test_a_bug_ends_with_its_traceback_and_exit_code_70() -> None:
    @click.command()
    @friendly
    def buggy() -> None:
        raise KeyError("a bug")

    result = CliRunner().invoke(buggy)

    assert result.exit_code == 70
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: this is a bug in SKT Edge")


def test_usage_errors_stay_those_of_click() -> None:
    done = run("count", "--nonsense")

    assert done.returncode == 2
    assert "No such option" in done.stderr


@pytest.mark.parametrize(("text", "shown"), [("ü 🙂", "ü 🙂"), ("a\nb\x1b[1m\udcff", r"a\nb\x1b[1m\udcff")])
def test_a_line_stays_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_help_is_there_without_a_package() -> None:
    done = run("count", "--help")

    assert done.returncode == 0
    assert "PHOTO..." in done.stdout
