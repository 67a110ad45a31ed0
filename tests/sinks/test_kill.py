"""kill -9 of a process in the middle of its work."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sdk.sinks import open_sink, reading_from_line
from tests.sinks.servers import WebServer, wait_for

ROOT = Path(__file__).parents[2]
MANY = 1_000_000


def killed_while_sending(spec: str, first: int, after: int) -> int:
    """Kill a process that sends readings from `first` on, after so many of them; the last that it said was kept."""
    command = [sys.executable, "-m", "tests.sinks.publishing", spec, str(first), str(MANY)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after):
            process.stdout.readline()
        process.kill()
        whole = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    return int(whole[-1]) if whole else first + after - 1


def test_nothing_that_was_kept_is_lost_and_ids_tell_doubles(tmp_path: Path) -> None:
    with WebServer() as server:
        spec = f"{server.url}#outbox={tmp_path}/o.sqlite"
        first = 0
        for after in (1, 40, 17):
            first = 1 + killed_while_sending(spec, first, after)
        kept = first
        with open_sink(spec) as sink:
            wait_for(lambda: sink.health()[0].waiting == 0)

    once = {post.id: json.loads(post.body)["count"] for post in server.taken}
    counts = list(once.values())
    assert counts == sorted(counts)  # in order, once doubles are dropped
    assert set(range(kept)) <= set(counts)


def test_nothing_that_was_kept_is_lost_while_the_receiver_is_away(tmp_path: Path) -> None:
    with WebServer() as server:
        port = server.port
    spec = f"http://127.0.0.1:{port}/hook#outbox={tmp_path}/o.sqlite"
    kept = 1 + killed_while_sending(spec, 0, 50)

    with WebServer(port=port) as server, open_sink(spec) as sink:
        wait_for(lambda: sink.health()[0].waiting == 0)

    counts = [json.loads(post.body)["count"] for post in server.taken]
    assert counts[:kept] == list(range(kept))


def lines(path: Path) -> list[float]:
    return [reading_from_line(line).count for line in path.read_text().splitlines()]


def table(path: Path) -> list[float]:
    database = sqlite3.connect(path)
    counts = [count for (count,) in database.execute("SELECT count FROM readings ORDER BY time")]
    database.close()
    return counts


@pytest.mark.parametrize(("spec", "read"), [("{}/a.jsonl", lines), ("sqlite:///{}/a.jsonl", table)])
def test_files_are_whole_after_a_kill(tmp_path: Path, spec: str, read: Callable[[Path], list[float]]) -> None:
    place = spec.format(tmp_path)
    kept = 1 + killed_while_sending(place, 0, 30)

    open_sink(place).close()

    assert read(tmp_path / "a.jsonl")[:kept] == list(range(kept))
