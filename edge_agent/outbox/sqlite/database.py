"""Opens the SQLite file: pragmas, schema versions, translated errors, checksums, size of the write-ahead log.

The write-ahead log is used with ``synchronous=FULL``: a commit that returned survives a power cut
(https://www.sqlite.org/pragma.html#pragma_synchronous). Each event has a checksum, because SQLite does not
notice when a card flips a bit.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.core.errors import OutboxError
from edge_agent.core.problems import problem_text

FILE_NAME = "outbox.db"  # in the state directory
PAGE_BYTES = 4096
BUSY_TIMEOUT_S = 4.0
"""How long to wait for another program that writes, such as the sqlite3 tool. It is shorter than the timeout
of an append: while a lock lasts longer, events are stored in memory, and on disk once the lock is free."""
READ_TIMEOUT_S = 1.0  # writers do not lock readers out: https://www.sqlite.org/wal.html

MIGRATIONS: tuple[str, ...] = (
    # version 0 -> 1. Row ids of event and media: see outbox/numbering.py. ``n`` counts stored events.
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE epoch (epoch TEXT PRIMARY KEY, base INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE event (id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, mono REAL NOT NULL,
                        camera TEXT NOT NULL, kind TEXT NOT NULL, payload BLOB NOT NULL);
    CREATE TABLE media (id INTEGER PRIMARY KEY, media_id TEXT NOT NULL, event_id TEXT NOT NULL,
                        camera TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL);
    CREATE TABLE open_event (event_id TEXT PRIMARY KEY, camera TEXT NOT NULL, state BLOB NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE shed (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
    """,
)
"""``MIGRATIONS[v]`` brings version ``v`` to ``v + 1``; the version is SQLite's ``user_version``."""

ADDITIONS = "CREATE TABLE IF NOT EXISTS damaged (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)"
CHECK_COLUMN = "ALTER TABLE event ADD COLUMN crc INTEGER"
"""Additions that an older agent ignores, because it names its columns. So the version stays, and an agent
that is downgraded finds its events. ``damaged``: see ``transaction.py``; ``crc``: ``checksum``."""

_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_ERROR,  # a table or column is missing
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
}


class OutboxUnusable(OutboxError):
    """The file cannot be written now, because the disk is full, read-only or failing. It may work later."""


class OutboxDamaged(OutboxError):
    """The content is damaged, or of a schema this agent does not know: the file is renamed."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's and the file system's errors as OutboxUnusable or OutboxDamaged."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        kind = OutboxDamaged if code in _DAMAGED else OutboxUnusable
        raise kind(f"{path}: {error}") from error
    except OSError as error:
        raise OutboxUnusable(f"{path}: {error.strerror or error}") from error


def open_writer(path: Path, wal_pages: int) -> sqlite3.Connection:
    """Open a connection in WAL mode with the newest schema, for one thread at a time."""
    return _open(
        path,
        "journal_mode=WAL",
        "synchronous=FULL",
        f"wal_autocheckpoint={wal_pages}",
        f"journal_size_limit={wal_pages * PAGE_BYTES}",
        "cache_size=-1024",  # KiB
    )


def build(path: Path) -> sqlite3.Connection:
    """Create a database without a log and without syncs; the caller uses it only when it is complete."""
    path.unlink(missing_ok=True)
    return _open(path, "journal_mode=OFF", "synchronous=OFF")


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a second connection: with it the sender reads committed events only."""
    db = _connect(path, READ_TIMEOUT_S)
    db.execute("PRAGMA query_only=ON")
    db.execute("PRAGMA cache_size=-512")
    return db


def integer(db: sqlite3.Connection, sql: str, *args: object) -> int:
    """Return the single number of a query; 0 for NULL or no row."""
    cursor = db.execute(sql, args)
    try:
        row = cursor.fetchone()
    finally:
        cursor.close()
    return int(row[0]) if row is not None and row[0] is not None else 0


def bytes_in_use(db: sqlite3.Connection) -> int:
    """Return the size in bytes of the pages that are not free."""
    return (integer(db, "PRAGMA page_count") - integer(db, "PRAGMA freelist_count")) * PAGE_BYTES


def _open(path: Path, *pragmas: str) -> sqlite3.Connection:
    """Open or create the file with the newest schema."""
    db = _connect(path, BUSY_TIMEOUT_S)
    # The file must give space back: pictures beside it use the same budget.
    first = f"page_size={PAGE_BYTES}", "auto_vacuum=INCREMENTAL"
    try:
        for pragma in (*first, *pragmas):
            db.execute(f"PRAGMA {pragma}")
        _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _connect(path: Path, timeout_s: float) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = integer(db, "PRAGMA user_version")
    if version > len(MIGRATIONS):
        raise OutboxDamaged(f"{path}: written by a newer agent (schema {version})")
    for number in range(version, len(MIGRATIONS)):
        # executescript would commit first; one transaction a step means no half-made schema.
        db.execute("BEGIN IMMEDIATE")
        for statement in MIGRATIONS[number].split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version={number + 1}")
        db.execute("COMMIT")
    db.execute(ADDITIONS)
    if "crc" not in {name for _, name, *_ in db.execute("PRAGMA table_info(event)")}:
        db.execute(CHECK_COLUMN)


def checksum(row: int, camera: str, kind: str, payload: bytes) -> int:
    """Return the CRC-32 that is stored beside the event. It detects damage, not tampering."""
    return zlib.crc32(payload, zlib.crc32(f"{row} {camera} {kind}".encode()))


def is_intact(row: int, camera: str, kind: str, payload: bytes, check: int | None) -> bool:
    """Return whether the event is as it was written. ``check`` is None in a row of an older agent: then the
    payload must at least be JSON."""
    if check is not None:
        return check == checksum(row, camera, kind, payload)
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


WAL_FRAME_BYTES = PAGE_BYTES + 24  # https://www.sqlite.org/fileformat2.html#walformat
WAL_OVERSHOOT_PAGES = 32  # written by the transaction that reaches the limit
WARN_FACTOR = 4  # health reports a log that is this many times larger than its share


class WriteAheadLog:
    """Watches the size of SQLite's write-ahead log.

    A reader that keeps a transaction open prevents SQLite from folding the log into the database, and the log
    grows with each commit. For the writer thread; any thread may read ``size_warning``.
    """

    def __init__(self, database: Path, pages: int, max_bytes: int) -> None:
        """``pages``: size at which SQLite folds the log into the database; ``max_bytes``: limit for the
        size of all files together."""
        self.share_bytes = (pages + WAL_OVERSHOOT_PAGES) * WAL_FRAME_BYTES
        self._database = database
        self._path = f"{database}-wal"
        self._max_bytes = max_bytes
        self._bytes = 0

    @property
    def size_warning(self) -> str | None:
        """One line for health; None when the log is not too large."""
        return self._reason() if self._bytes > WARN_FACTOR * self.share_bytes else None

    def check(self, db: sqlite3.Connection, media_bytes: int) -> None:
        """Raise OutboxUnusable when the log has grown over the limit: deleting events would not help."""
        try:
            self._bytes = os.stat(self._path).st_size
        except FileNotFoundError:
            self._bytes = 0
        if self._bytes <= self.share_bytes:
            return
        if bytes_in_use(db) + media_bytes + self._bytes <= self._max_bytes:
            return
        _, logged, folded = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if folded < logged:
            raise OutboxUnusable(self._reason())

    def _reason(self) -> str:
        return problem_text("outbox-log-large", file=str(self._database), megabytes=round(self._bytes / 1e6))


# --- for other programs than the agent, whether it runs or not; nothing is changed ---


def waiting_payloads(state_dir: Path) -> list[bytes]:
    """Return the payloads of all stored events. Raises ``OutboxError`` when they cannot be read."""
    return [payload for (payload,) in _rows(state_dir, "SELECT payload FROM event")]


def waiting_count(state_dir: Path) -> int:
    """Return the number of stored events. Raises ``OutboxError`` when it cannot be read."""
    return int(sum(count for (count,) in _rows(state_dir, "SELECT count(*) FROM event")))


def _rows(state_dir: Path, sql: str) -> list[tuple[Any, ...]]:
    path = state_dir / FILE_NAME
    with translated(path):
        if not path.exists():
            return []
        # Without a log no process writes. "immutable" keeps SQLite from creating files that the agent, which
        # runs as another user, could not open.
        mode = "mode=ro" if path.with_name(f"{FILE_NAME}-wal").exists() else "mode=ro&immutable=1"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=1.0)) as db:
            return list(db.execute(sql))
