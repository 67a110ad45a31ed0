"""Sinks on this machine's disk: JSON lines, CSV, SQLite."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from sdk.errors import ConfigError
from sdk.sinks import Reading, SinkError, open_sink, reading_from_line
from tests.sinks.records import full_reading, reading

BERLIN = "?timezone=Europe/Berlin"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_json_lines_hold_what_was_sent_over_restarts(tmp_path: Path) -> None:
    readings = [reading(0), full_reading(), reading(9)]
    for part in (readings[:2], readings[2:]):
        with open_sink(str(tmp_path / "a.jsonl")) as sink:
            for one in part:
                sink.send(one)

    assert [reading_from_line(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == readings


def test_a_line_that_a_kill_cut_off_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{reading().to_line()}\n{reading().to_line()[:50]}")

    with open_sink(str(path)) as sink:
        sink.send(reading(5))

    assert [reading_from_line(line).count for line in path.read_text().splitlines()] == [0, 5]


def test_a_file_that_was_renamed_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with open_sink(str(path)) as sink:
        sink.send(reading(1))
        path.rename(tmp_path / "a.jsonl.1")
        sink.send(reading(2))

    assert [reading_from_line(file.read_text()).count for file in (tmp_path / "a.jsonl.1", path)] == [1, 2]


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    with open_sink(str(tmp_path / "a.jsonl")), pytest.raises(SinkError, match=r"a.jsonl is written by another process"):
        open_sink(str(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none/a.jsonl", None, "cannot open .*none/a.jsonl: No such file"),
        ("none/a.csv", None, "no folder .*none for a.csv"),
        ("/proc/a.csv", None, "cannot write to folder /proc for a.csv: No such file"),
        ("/proc/a.mkv", None, "cannot write to folder /proc for a.mkv: No such file"),
        ("a.jsonl", "a,b\n1,2\n", "a.jsonl holds something other than JSON lines"),
        ("a.jsonl", "{" * (1 << 20), "a.jsonl has no line end in its last 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)

    with pytest.raises(SinkError, match=message):
        open_sink(str(tmp_path / name))
    assert content is None or (tmp_path / name).read_text() == content


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.mkv", "a.sqlite"])
def test_a_folder_without_permission_is_refused_before_the_first_reading(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o555)
    spec = f"sqlite:///{tmp_path}/{name}" if name.endswith("sqlite") else f"{tmp_path}/{name}"
    code = "import sys; from sdk.sinks import open_sink; open_sink(sys.argv[1])"

    done = subprocess.run([*as_others(), sys.executable, "-c", code, spec], capture_output=True, text=True, check=False)

    assert "SinkError: " in done.stderr
    assert str(tmp_path) in done.stderr
    assert not any(tmp_path.iterdir())


def as_others() -> list[str]:
    """What takes root's right to write everywhere from a command."""
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("not run: root writes everywhere, and setpriv is not installed")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")

    with pytest.raises(SinkError, match=r"a.jsonl is no plain file"):
        open_sink(str(tmp_path / "a.jsonl"))


@pytest.mark.parametrize("spec", ["/sys/a.jsonl", "sqlite:////sys/a.sqlite"])
def test_a_path_without_permission_is_refused(spec: str) -> None:
    with pytest.raises(SinkError, match="cannot open /sys/a"):
        open_sink(spec)


def test_csv_has_a_file_for_each_day_of_its_time_zone(tmp_path: Path) -> None:
    start = datetime(2026, 3, 28, 22, 59, 59, tzinfo=timezone.utc)  # a second before midnight in Berlin
    with open_sink(f"{tmp_path}/a.csv{BERLIN}") as sink:
        for seconds in (0, 1, 3 * 3600):  # the third is after the clocks went forward
            sink.send(Reading("gate", start + timedelta(seconds=seconds), float(seconds)))

    days = {path.name: [row["time"] for row in rows(path)] for path in sorted(tmp_path.iterdir())}
    assert days == {
        "a-2026-03-28.csv": ["2026-03-28T23:59:59.000+01:00"],
        "a-2026-03-29.csv": ["2026-03-29T00:00:00.000+01:00", "2026-03-29T03:59:59.000+02:00"],
    }


def test_csv_has_a_row_for_the_frame_and_one_for_each_zone(tmp_path: Path) -> None:
    with open_sink(f"{tmp_path}/a.csv") as sink:
        sink.send(full_reading())
    with open_sink(f"{tmp_path}/a.csv") as sink:
        sink.send(reading(8))

    (file,) = tmp_path.iterdir()
    frame, door, quoted, later = rows(file)
    assert (frame["zone"], frame["count"], frame["low"], frame["high"]) == ("", "7.0", "5.0", "9.25")
    assert (frame["state"], frame["reasons"], frame["drops"]) == ("degraded", "too dark; blurred", "3")
    assert (door["zone"], door["count"], quoted["zone"]) == ("left, door", "3.0", 'say "hi"')
    assert (later["count"], later["smoothed"], later["low"]) == ("8.0", "", "")


def test_a_csv_of_today_with_other_columns_is_refused_before_the_first_reading(tmp_path: Path) -> None:
    for day in (datetime.now(timezone.utc), datetime.now(timezone.utc) + timedelta(days=1)):
        (tmp_path / f"a-{day:%Y-%m-%d}.csv").write_text("mine\n1\n")

    with pytest.raises(SinkError, match=r"a-.*\.csv has other columns"):
        open_sink(f"{tmp_path}/a.csv")


def test_a_csv_of_today_is_gone_on_with(tmp_path: Path) -> None:
    for people in (1, 2):
        with open_sink(f"{tmp_path}/a.csv") as sink:
            sink.send(replace(reading(people), time=datetime.now(timezone.utc)))

    assert [row["count"] for file in sorted(tmp_path.iterdir()) for row in rows(file)] == ["1.0", "2.0"]


def test_a_csv_of_other_columns_is_left_alone_and_told(tmp_path: Path) -> None:
    (tmp_path / "a-2026-03-01.csv").write_text("mine\n1\n")

    with open_sink(f"{tmp_path}/a.csv") as sink:
        sink.send(reading())
        assert "a-2026-03-01.csv has other columns" in sink.health()[0].trouble
    assert (tmp_path / "a-2026-03-01.csv").read_text() == "mine\n1\n"


def test_an_unknown_time_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"time zone 'Europe/Berlim' is unknown .*tzdata"):
        open_sink(f"{tmp_path}/a.csv?timezone=Europe/Berlim")


def test_sqlite_holds_what_was_sent_and_doubles_once(tmp_path: Path) -> None:
    with open_sink(f"sqlite:///{tmp_path}/a.sqlite") as sink:
        for one in (full_reading(), reading(1)):
            sink.send(one)
            sink.send(one)

    database = sqlite3.connect(tmp_path / "a.sqlite")
    assert database.execute("SELECT camera, time, count, smoothed, low, high, state, reasons, backend, latency_ms, drops"
                            " FROM readings ORDER BY count DESC").fetchall() == [
        ("gate", "2026-03-01T12:00:07.000+00:00", 7.0, 6.5, 5.0, 9.25, "degraded", "too dark; blurred",
         "openvino cpu int8", 41.5, 3),
        ("gate", "2026-03-01T12:00:01.000+00:00", 1.0, None, None, None, "ok", "", "", 0.0, 0)]  # fmt: skip
    assert database.execute("SELECT zone, count FROM zones").fetchall() == [("left, door", 3.0), ('say "hi"', 4.0)]
    database.close()


def test_a_locked_database_is_waited_for_and_caught_up(tmp_path: Path) -> None:
    with open_sink(f"sqlite:///{tmp_path}/a.sqlite") as sink:
        other = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        sink.send(reading(1))
        assert sink.health()[0].trouble.endswith("database is locked (name a database of this sink in a folder you may "
                                                 "write, with free space); 1 readings wait in memory")  # fmt: skip
        other.execute("COMMIT")
        sink.send(reading(2))
        assert sink.health()[0].ok
        assert other.execute("SELECT count FROM readings ORDER BY time").fetchall() == [(1.0,), (2.0,)]
        other.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("text" * 1000)

    with pytest.raises(SinkError, match=r"cannot open .*a.sqlite: file is not a database"):
        open_sink(f"sqlite:///{tmp_path}/a.sqlite")


def test_a_line_is_json_that_any_tool_reads(tmp_path: Path) -> None:
    with open_sink(str(tmp_path / "a.jsonl")) as sink:
        sink.send(full_reading())

    assert json.loads((tmp_path / "a.jsonl").read_text())["zones"] == {"left, door": 3.0, 'say "hi"': 4.0}
