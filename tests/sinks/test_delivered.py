"""Readings that wait for their receiver."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sdk.errors import ConfigError
from sdk.sinks import Reading, SinkRejected, SinkUnreachable
from sdk.sinks.delivered import Delivered, DeliverySettings, Receiver, state_folder
from sdk.sinks.outbox import Bound, Item, Outbox
from sdk.sinks.pauses import Pauses
from tests.sinks.records import reading
from tests.sinks.servers import wait_for

QUICK = Pauses(0.005, 0.02)


class Listed(Receiver):
    """Takes readings into a list, after `judge` let them pass."""

    def __init__(self, judge: Callable[[Reading], None] = lambda _: None) -> None:
        self.taken: list[Reading] = []
        self.judge = judge

    def deliver(self, readings: Sequence[Reading]) -> int:
        self.judge(readings[0])
        self.taken.append(readings[0])
        return 1

    @property
    def ids(self) -> list[str]:
        return [taken.id for taken in self.taken]


def delivered(tmp_path: Path, receiver: Receiver, bound: Bound | None = None) -> Delivered:
    return Delivered("test", receiver, Outbox(tmp_path / "o.sqlite", bound), pauses=QUICK, linger_s=2)


def test_readings_arrive_in_order(tmp_path: Path) -> None:
    receiver = Listed()
    readings = [reading(number) for number in range(50)]

    with delivered(tmp_path, receiver) as sink:
        for one in readings:
            sink.send(one)

    assert receiver.taken == readings
    assert (sink.health()[0].sent, sink.health()[0].waiting, sink.health()[0].ok) == (50, 0, True)


def test_a_receiver_that_fails_half_the_time_gets_all_in_order(tmp_path: Path) -> None:
    chance = random.Random(7)

    def judge(_: Reading) -> None:
        if chance.random() < 0.5:
            raise SinkUnreachable("away")

    receiver = Listed(judge)
    readings = [reading(number) for number in range(30)]
    with delivered(tmp_path, receiver) as sink:
        for one in readings:
            sink.send(one)
        wait_for(lambda: len(receiver.taken) == 30)

    assert receiver.taken == readings


def test_what_waits_at_the_end_goes_out_next_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def away(_: Reading) -> None:
        raise SinkUnreachable("receiver is away")

    readings = [reading(number) for number in range(5)]
    with delivered(tmp_path, Listed(away)) as sink:
        for one in readings:
            sink.send(one)
        health = wait_for(lambda: not sink.health()[0].ok and sink.health()[0])
    receiver = Listed()
    with delivered(tmp_path, receiver):
        wait_for(lambda: len(receiver.taken) == 5)

    assert (health.waiting, health.sent, health.trouble) == (5, 0, "receiver is away")
    assert receiver.taken == readings
    assert [record.getMessage() for record in caplog.records] == ["sink test: receiver is away"]  # once, not each time


def test_the_end_of_trouble_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    here = threading.Event()

    def judge(_: Reading) -> None:
        if not here.is_set():
            raise SinkUnreachable("receiver is away")

    with delivered(tmp_path, Listed(judge)) as sink:
        sink.send(reading())
        wait_for(lambda: not sink.health()[0].ok)
        here.set()
        wait_for(lambda: sink.health()[0].ok)

    assert caplog.messages == ["sink test: receiver is away", "sink test works again"]


def test_a_rejected_reading_does_not_hold_up_the_others(tmp_path: Path) -> None:
    def judge(one: Reading) -> None:
        if one.count == 1:
            raise SinkRejected("not this one")

    receiver = Listed(judge)
    with delivered(tmp_path, receiver) as sink:
        for number in range(4):
            sink.send(reading(number))
        wait_for(lambda: len(receiver.taken) == 3)

    assert [one.count for one in receiver.taken] == [0, 2, 3]
    assert sink.health()[0].rejected == 1


def test_an_item_that_is_no_reading_holds_up_nothing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    first, last = reading(1), reading(2)
    for item in (Item("a", first.to_line().encode()), Item("b", b"{}"), Item("c", last.to_line().encode())):
        outbox.put(item)
    outbox.close()

    receiver = Listed()
    with delivered(tmp_path, receiver) as sink:
        wait_for(lambda: len(receiver.taken) == 2)
        assert sink.health()[0].rejected == 1

    assert receiver.taken == [first, last]


def test_a_bug_in_a_receiver_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def judge(_: Reading) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ZeroDivisionError

    receiver = Listed(judge)
    with delivered(tmp_path, receiver) as sink:
        sink.send(reading())
        wait_for(lambda: receiver.taken)

    assert "sink test met a bug" in caplog.text


def test_sending_does_not_wait_for_the_receiver(tmp_path: Path) -> None:
    go = threading.Event()
    with delivered(tmp_path, Listed(lambda _: go.wait(5) and None)) as sink:
        start = time.monotonic()
        sink.send(reading())
        sink.send(reading())
        took = time.monotonic() - start
        go.set()

    assert took < 2


def test_beyond_its_bound_the_oldest_readings_are_lost_and_counted(tmp_path: Path) -> None:
    def away(_: Reading) -> None:
        raise SinkUnreachable("away")

    with delivered(tmp_path, Listed(away), Bound(count=3)) as sink:
        for number in range(10):
            sink.send(reading(number))

        assert (sink.health()[0].waiting, sink.health()[0].dropped) == (3, 7)


def test_pauses_double_to_their_limit_and_are_spread() -> None:
    pauses = Pauses(1, 60)
    for failures, full in ((1, 1), (2, 2), (4, 8), (7, 60), (1000, 60)):
        drawn = [pauses.after(failures) for _ in range(50)]
        assert full / 2 <= min(drawn) < max(drawn) <= full
    assert pauses.after(1, asked_s=40) == 40
    assert pauses.after(1, asked_s=1e9) == 300  # a receiver cannot silence a camera for ever


@pytest.mark.parametrize("values", [{"keep": 0}, {"keep_mb": -1}, {"timeout_s": 0.0}])
def test_settings_of_nothing_are_refused(values: dict[str, int]) -> None:
    (name,) = values
    with pytest.raises(ConfigError, match=f"{name} is .*, expected more than 0"):
        DeliverySettings(**values)  # type: ignore[arg-type]


def test_the_outbox_is_in_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKT_STATE_DIR", "/one")
    assert state_folder() == Path("/one")
    monkeypatch.delenv("SKT_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", "/two")
    assert state_folder() == Path("/two/skt-edge")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/three")
    assert state_folder() == Path("/three/.local/state/skt-edge")
