"""Opening the SQLite file: pragmas, schema versions, and what SQLite's errors mean here.

Write-ahead log with ``synchronous=FULL``: a commit that returned survives a power cut
(https://www.sqlite.org/pragma.html#pragma_synchronous).

Whether a stored event is still what was written: SQLite does not notice a bit that a card has flipped.

Watches the size of SQLite's write-ahead log.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from edge_agent.core.errors import OutboxError

PAGE_BYTES = 4096
BUSY_TIMEOUT_S = 4.0
"""For another program that writes, such as the sqlite3 tool. Below the patience of an append: under a lock
that lasts longer nothing is stored, so the events go through memory, and to the disk when it is free."""
READ_TIMEOUT_S = 1.0  # writers do not lock readers out: https://www.sqlite.org/wal.html

MIGRATIONS: tuple[str, ...] = (
    # version 0 -> 1. Row ids of event and media: see order.py. ``n`` counts stored events.
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
"""What an older agent does not miss, and does not disturb: it names its columns. So the version stays, and an
update that is taken back finds its events. ``damaged``: see ``outbox/bookkeeping/shedding.py``; ``crc``:
see ``database.py``."""

_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_ERROR,  # a table or column is missing
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
}


class OutboxUnusable(OutboxError):
    """The file cannot be written now: disk full, read-only or failing. It may work later."""


class OutboxDamaged(OutboxError):
    """The content is broken, or of a version this agent does not know: it is set aside."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's and the file system's errors as one of the two above."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        kind = OutboxDamaged if code in _DAMAGED else OutboxUnusable
        raise kind(f"{path}: {error}") from error
    except OSError as error:
        raise OutboxUnusable(f"{path}: {error.strerror or error}") from error


def open_writer(path: Path, wal_pages: int) -> sqlite3.Connection:
    """A connection in WAL mode with the newest schema. May be used by any one thread at a time."""
    db = _connect(path, BUSY_TIMEOUT_S)
    try:
        db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        # The file must give space back: pictures beside it use the same budget.
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={wal_pages}")
        db.execute(f"PRAGMA journal_size_limit={wal_pages * PAGE_BYTES}")
        db.execute("PRAGMA cache_size=-1024")  # KiB
        _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def build(path: Path) -> sqlite3.Connection:
    """Create a database that is used only when it is complete: without a log, and without syncs."""
    path.unlink(missing_ok=True)
    db = _connect(path, BUSY_TIMEOUT_S)
    try:
        db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection, so that only committed events are ever seen by the sender."""
    db = _connect(path, READ_TIMEOUT_S)
    db.execute("PRAGMA query_only=ON")
    db.execute("PRAGMA cache_size=-512")
    return db


def integer(db: sqlite3.Connection, sql: str, *args: object) -> int:
    """The single number a query gives; 0 for NULL or no row."""
    with closing(db.execute(sql, args)) as cursor:
        row = cursor.fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def bytes_in_use(db: sqlite3.Connection) -> int:
    """Pages of the database that are not free."""
    return (integer(db, "PRAGMA page_count") - integer(db, "PRAGMA freelist_count")) * PAGE_BYTES


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
    """What is stored beside the event. CRC-32: it guards against a card, not against people."""
    return zlib.crc32(payload, zlib.crc32(f"{row} {camera} {kind}".encode()))


def is_intact(row: int, camera: str, kind: str, payload: bytes, check: int | None) -> bool:
    """``check`` is None in a row that an older agent wrote: then at least it has to be JSON."""
    if check is not None:
        return check == checksum(row, camera, kind, payload)
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


WAL_FRAME_BYTES = PAGE_BYTES + 24  # https://www.sqlite.org/fileformat2.html#walformat
WAL_OVERSHOOT_PAGES = 32  # of the transaction that reaches the limit
WARN_FACTOR = 4  # times its share: health says so


class WriteAheadLog:
    """A reader that keeps its transaction open keeps the log from being folded into the database, and it
    grows with each commit. For the writer's thread; ``trouble`` for any."""

    def __init__(self, database: Path, pages: int, max_bytes: int) -> None:
        """``pages``: size at which SQLite folds the log into the database; ``max_bytes``: of all files."""
        self.share_bytes = (pages + WAL_OVERSHOOT_PAGES) * WAL_FRAME_BYTES
        self._database = database
        self._path = f"{database}-wal"
        self._max_bytes = max_bytes
        self._bytes = 0

    @property
    def size_warning(self) -> str | None:
        """One line for health."""
        return self._reason() if self._bytes > WARN_FACTOR * self.share_bytes else None

    def check(self, db: sqlite3.Connection, media_bytes: int) -> None:
        """Raise StoreUnusable when the log has grown over the limit: deleting events would not help."""
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
        megabytes = self._bytes / 1e6
        return f"{self._database}: another program reads it, so its log has grown to {megabytes:.0f} MB"
