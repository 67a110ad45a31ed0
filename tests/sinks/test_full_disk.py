"""A disk without a free byte: a small file system of its own, and a limit on the size of files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sdk.sinks import SinkError, open_sink, reading_from_line
from sdk.sinks.outbox import Bound, Item, Outbox
from tests.sinks.records import reading
from tests.sinks.servers import WebServer, free_port, wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "skt-test", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("not run: this user may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave not a byte."""
    file = disk / "filler"
    with file.open("ab", buffering=0) as stream:
        for size in (4096, 1):
            with suppress(OSError):
                while True:
                    stream.write(b"x" * size)
    return file


def test_readings_wait_in_memory_while_the_disk_is_full_and_go_out_in_order(small_disk: Path) -> None:
    port = free_port()
    readings = [reading(number) for number in range(30)]
    with open_sink(f"http://127.0.0.1:{port}/hook#outbox={small_disk}/o.sqlite") as sink:
        for one in readings[:10]:
            sink.send(one)
        filler = fill(small_disk)
        for one in readings[10:20]:
            sink.send(one)
        full = sink.health()[0]
        filler.unlink()
        for one in readings[20:]:
            sink.send(one)
        free = sink.health()[0]
        with WebServer(port=port) as server:
            wait_for(lambda: sink.health()[0].waiting == 0)

    assert full.waiting == 20
    assert 1 <= full.in_memory <= 10
    assert f"the disk takes no more: database or disk is full; {full.in_memory} readings wait in memory" in full.trouble
    assert (free.in_memory, free.dropped) == (0, 0)
    assert server.ids() == [one.id for one in readings]


def test_what_waits_reaches_its_receiver_though_the_disk_stays_full(small_disk: Path) -> None:
    port = free_port()
    readings = [reading(number) for number in range(20)]
    with open_sink(f"http://127.0.0.1:{port}/hook#outbox={small_disk}/o.sqlite") as sink:
        for one in readings[:10]:
            sink.send(one)
        fill(small_disk)
        for one in readings[10:]:
            sink.send(one)
        with WebServer(port=port) as server:
            wait_for(lambda: sink.health()[0].waiting == 0)
            sent = sink.health()[0].sent

    assert server.ids() == [one.id for one in readings]
    assert sent == len(server.taken) == 20  # nothing is sent again, though the disk could not forget it


def test_an_outbox_opens_again_on_a_full_disk(small_disk: Path) -> None:
    outbox = Outbox(small_disk / "o.sqlite")
    outbox.put(Item("a", b"1"))
    outbox.close()
    fill(small_disk)

    again = Outbox(small_disk / "o.sqlite")

    assert again.first(9) == [Item("a", b"1")]
    again.close()


def test_a_new_outbox_on_a_full_disk_is_refused(small_disk: Path) -> None:
    fill(small_disk)

    with pytest.raises(SinkError, match=r"cannot open outbox .*o.sqlite: .*full"):
        Outbox(small_disk / "o.sqlite")


def test_memory_has_a_bound_too(small_disk: Path) -> None:
    outbox = Outbox(small_disk / "o.sqlite", Bound(memory=5))
    filler = fill(small_disk)
    for number in range(200):
        outbox.put(Item(f"{number}", b"x" * 2000))
    level = outbox.level()
    filler.unlink()
    outbox.put(Item("last", b"x"))

    assert level.in_memory == 5
    assert level.dropped > 0
    assert level.waiting + level.dropped == 200
    assert (outbox.level().in_memory, outbox.level().dropped) == (0, level.dropped)
    assert [item.id for item in outbox.first(1000)][-6:] == ["195", "196", "197", "198", "199", "last"]
    outbox.close()


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "sqlite"])
def test_files_catch_up_when_there_is_room_again(small_disk: Path, name: str) -> None:
    spec = f"sqlite:///{small_disk}/a.sqlite" if name == "sqlite" else f"{small_disk}/{name}"
    with open_sink(spec) as sink:
        sink.send(reading(0))
        filler = fill(small_disk)
        for number in range(1, 60):
            sink.send(reading(number, reasons=("a long reason" * 30,)))
        full = sink.health()[0]
        filler.unlink()
        sink.send(reading(60))
        free = sink.health()[0]

    assert full.waiting == full.in_memory > 0
    assert "full" in full.trouble or "No space left" in full.trouble
    assert (free.sent, free.waiting, free.ok) == (61, 0, True)
    if name == "a.jsonl":
        written = [reading_from_line(line).count for line in (small_disk / name).read_text().splitlines()]
        assert written == list(range(61))


LIMITED = """
import json, resource, sys
from sdk.sinks import open_sink
from tests.sinks.records import reading
with open_sink(sys.argv[1]) as sink:
    sink.send(reading(0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    for number in range(1, 400):
        sink.send(reading(number))
    full = sink.health()[0]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sink.send(reading(400))
    free = sink.health()[0]
    print(json.dumps([full.in_memory, full.trouble, free.waiting, free.in_memory, free.sent]))
"""


@pytest.mark.parametrize("spec", ["{}/a.jsonl", "sqlite:///{}/a.sqlite", "http://127.0.0.1:{port}/#outbox={}/o.sqlite"])
def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path, spec: str) -> None:
    place = spec.format(tmp_path, port=free_port())
    command = [sys.executable, "-c", LIMITED, place, "30000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    in_memory, trouble, waiting, still_in_memory, sent = json.loads(done.stdout)
    assert in_memory > 0
    assert f"{in_memory} readings wait in memory" in trouble
    assert still_in_memory == 0
    assert waiting + sent == 401
