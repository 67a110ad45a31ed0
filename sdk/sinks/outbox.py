"""What waits for a receiver: a bounded queue on disk that a kill, a power cut and a full disk do not empty."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sdk.sinks.base import Trouble, log
from sdk.sinks.errors import SinkError

LOG_PAGES = 64  # of 4096 bytes; a longer log is worked into the file
APPLICATION = 0x534B544F  # "SKTO", in the file's header
TABLES = """
CREATE TABLE IF NOT EXISTS waiting (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS level (one INTEGER PRIMARY KEY, count INTEGER, size INTEGER, dropped INTEGER);
INSERT OR IGNORE INTO level VALUES (1, 0, 0, 0);
CREATE TRIGGER IF NOT EXISTS put AFTER INSERT ON waiting BEGIN
    UPDATE level SET count = count + 1, size = size + length(new.body); END;
CREATE TRIGGER IF NOT EXISTS taken AFTER DELETE ON waiting BEGIN
    UPDATE level SET count = count - 1, size = size - length(old.body); END;
"""


@dataclass(frozen=True)
class Bound:
    """How much may wait; beyond it the oldest is dropped and counted."""

    count: int = 100_000  # items on disk; a day of one reading a second
    size: int = 64 << 20  # bytes of items on disk; the file is about a third larger
    memory: int = 1_000  # items in memory, while the disk takes none

    def __post_init__(self) -> None:
        for name, value in (("count", self.count), ("size", self.size), ("memory", self.memory)):
            if value < 1:
                raise SinkError(f"bound of the outbox: {name} is {value}, expected 1 or more")


@dataclass(frozen=True)
class Item:
    """One thing that waits."""

    id: str
    body: bytes


@dataclass(frozen=True)
class Level:
    """How full an outbox is."""

    waiting: int  # items, on disk and in memory
    in_memory: int  # of them in memory only
    size: int  # bytes of the items on disk
    dropped: int  # items lost to the bound since the file was made
    trouble: str  # why the disk takes none; empty: it does


class Outbox:
    """A queue in an SQLite file, one process at a time.

    Each `put` is one transaction in a write-ahead log with synchronous=FULL: once it returned with no trouble, the item
    survives a power cut. NORMAL would spare one sync a reading and could lose the last minutes of them. While the disk
    takes nothing, items wait in memory and `level` says so. Methods may be called from several threads.
    """

    def __init__(self, path: Path, bound: Bound | None = None) -> None:
        self._path = path
        self._bound = bound or Bound()
        self._memory: deque[Item] = deque()
        self._gone: set[str] = set()  # sent, yet still in the file, because the disk took no change
        self._lock = threading.Lock()
        self._trouble = Trouble(f"outbox {path}")
        self._lost = 0  # dropped items that the file does not count yet
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise _refused(path, error) from error
        self._count = self._size = self._dropped = 0  # as in the file
        self._told = 0  # dropped items when the log last said so
        self._settle()

    def put(self, item: Item) -> None:
        """Keep an item; never fails, see `level`."""
        with self._lock:
            self._memory.append(item)
            self._settle()
            while len(self._memory) > self._bound.memory:
                self._memory.popleft()
                self._lost += 1

    def first(self, count: int) -> list[Item]:
        """Up to `count` items, the oldest first."""
        with self._lock:
            items = [item for item in self._stored(count + len(self._gone)) if item.id not in self._gone]
            return [*items, *self._memory][:count]

    def remove(self, items: Sequence[Item]) -> None:
        """Forget items that were sent."""
        with self._lock:
            sent = {item.id for item in items}
            self._gone |= sent - {item.id for item in self._memory}
            self._memory = deque(item for item in self._memory if item.id not in sent)
            self._settle()

    def level(self) -> Level:
        """How full it is."""
        with self._lock:
            memory = len(self._memory)
            waiting = self._count - len(self._gone) + memory
            trouble = f"{self._trouble.text}; {memory} readings wait in memory" if self._trouble.text else ""
            return Level(waiting, memory, self._size, self._dropped + self._lost, trouble)

    def close(self) -> None:
        """Bring what is in memory to the disk, if it takes it; a second call does nothing."""
        with self._lock:
            if self._memory or self._gone:
                self._settle()
            self._database.close()

    def _settle(self) -> None:
        """Bring the file up to date with what was put, sent and dropped; or leave it all for the next time."""
        try:
            with _transaction(self._database) as database:
                database.executemany("DELETE FROM waiting WHERE id = ?", [(name,) for name in self._gone])
                rows = [(item.id, item.body) for item in self._memory]
                database.executemany("INSERT OR IGNORE INTO waiting (id, body) VALUES (?, ?)", rows)
                count, size, dropped = self._trimmed(database)
        except sqlite3.Error as error:
            self._trouble.starts(f"the disk takes no more: {error}")
            return
        if dropped >= max(1, 2 * self._told) and dropped > self._dropped:
            log.warning("outbox %s is full: %d readings dropped so far, the oldest first", self._path, dropped)
            self._told = dropped
        self._count, self._size, self._dropped, self._lost = count, size, dropped, 0
        self._memory.clear()
        self._gone.clear()
        self._trouble.ends()

    def _trimmed(self, database: sqlite3.Connection) -> tuple[int, int, int]:
        """Drop the oldest items beyond the bound; how many are left, their bytes, and all that were ever dropped."""
        database.execute("UPDATE level SET dropped = dropped + ?", (self._lost,))
        while True:
            count, size, dropped = database.execute("SELECT count, size, dropped FROM level").fetchone()
            if count <= self._bound.count and size <= self._bound.size:
                return count, size, dropped
            database.execute("DELETE FROM waiting WHERE seq = (SELECT min(seq) FROM waiting)")
            database.execute("UPDATE level SET dropped = dropped + 1")

    def _stored(self, count: int) -> list[Item]:
        try:
            rows = self._database.execute("SELECT id, body FROM waiting ORDER BY seq LIMIT ?", (count,))
            return [Item(*row) for row in rows]
        except sqlite3.Error as error:
            self._trouble.starts(f"the disk cannot be read: {error}")
            return []


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")  # two processes would send everything twice
        (made_by,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        _check_maker(path, tables, made_by)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        if not tables:
            database.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id={APPLICATION}; COMMIT;")
        database.execute("BEGIN IMMEDIATE")  # takes the lock
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def _check_maker(path: Path, tables: int, made_by: int) -> None:
    if tables and made_by != APPLICATION:
        raise SinkError(f"{path} is a database, but no outbox", hint="name another file")


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except sqlite3.Error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _refused(path: Path, error: Exception) -> SinkError:
    if "locked" in str(error):
        hint = "share one sink within a process; give each process an outbox of its own, with outbox=FILE"
        return SinkError(f"outbox {path} is in use by another sink or process", hint=hint)
    reason = getattr(error, "strerror", None) or error
    return SinkError(f"cannot open outbox {path}: {reason}", hint="name a file you may write, or move it away")
