"""The queue on disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sdk.sinks.errors import SinkError
from sdk.sinks.outbox import Bound, Item, Outbox


def item(number: int, size: int = 10) -> Item:
    return Item(f"id-{number}", b"x" * size)


def test_what_was_put_is_there_in_order_after_a_restart(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "o.sqlite")
    for number in range(5):
        first.put(item(number))
    first.remove([item(0), item(2)])
    first.close()

    again = Outbox(tmp_path / "o.sqlite")

    assert again.first(10) == [item(1), item(3), item(4)]
    assert again.first(2) == [item(1), item(3)]
    assert again.level().waiting == 3
    again.close()


def test_an_item_put_twice_waits_once(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    outbox.put(item(1))
    outbox.put(item(1))

    assert outbox.first(10) == [item(1)]
    assert (outbox.level().waiting, outbox.level().size) == (1, 10)
    outbox.close()


@pytest.mark.parametrize("bound", [Bound(count=3), Bound(size=30)])
def test_beyond_the_bound_the_oldest_is_dropped_counted_and_told(
    tmp_path: Path, bound: Bound, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(tmp_path / "o.sqlite", bound)
    for number in range(10):
        outbox.put(item(number))

    assert outbox.first(10) == [item(7), item(8), item(9)]
    assert outbox.level().dropped == 7
    assert [record.args[1] for record in caplog.records] == [1, 2, 4]  # each time that the number has doubled
    outbox.close()
    again = Outbox(tmp_path / "o.sqlite", Bound(count=1))
    assert (again.first(9), again.level().dropped) == ([item(9)], 9)
    again.close()


def test_a_second_user_is_refused(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "o.sqlite")

    with pytest.raises(SinkError, match=r"o.sqlite is in use"):
        Outbox(tmp_path / "o.sqlite")
    first.close()


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE mine (a)")
    database.close()
    before = path.read_bytes()

    with pytest.raises(SinkError, match=r"mine.sqlite is a database, but no outbox"):
        Outbox(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["text.sqlite", "text.sqlite/o.sqlite", "."])
def test_a_path_that_holds_no_outbox_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "text.sqlite").write_text("no database, but a text that is long enough to be taken for one" * 20)

    with pytest.raises(SinkError, match=r"cannot open outbox .*: "):
        Outbox(tmp_path / place)


def test_a_bound_of_nothing_is_refused() -> None:
    with pytest.raises(SinkError, match="bound of the outbox: count is 0, expected 1 or more"):
        Bound(count=0)
