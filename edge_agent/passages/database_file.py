"""What the SQLite files of passages have in common: transactions, readers, and how many bytes are in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PAGE_BYTES = 8192
"""Of 4, 8 and 16 kB measured: a file has 1.5, 1.27 and 1.21 times the bytes of the pictures in it, and 3.0,
3.3 and 4.0 times these bytes are written to the card."""
BUSY_S = 5.0  # how long a write waits for a reader


def open_to_write(path: Path, schema: str, page_bytes: int = PAGE_BYTES) -> sqlite3.Connection:
    """Open a file to write it; create it with ``schema`` if it is not there. Raises ``sqlite3.Error``,
    ``OSError``."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size={page_bytes}")
        connection.execute("PRAGMA journal_mode=PERSIST")
        connection.execute("PRAGMA journal_size_limit=65536")
        connection.execute("PRAGMA cache_size=-512")  # KiB
        if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            connection.executescript(f"BEGIN; {schema} PRAGMA user_version=1; COMMIT;")
            path.chmod(0o640)
    except (sqlite3.Error, OSError):
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def read_only(path: Path) -> closing[sqlite3.Connection]:
    """Return a read-only connection, usable while the agent writes.

    If the file does not exist, using the connection raises ``sqlite3.Error``.
    """
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S))


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the size in bytes of the pages in use."""
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is damaged, rather than busy, full or not readable."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)


def delete_database(path: Path) -> None:
    """Delete the file and its journal, if they are there. Raises ``OSError``."""
    for suffix in ("", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
