"""Watches the size of SQLite's write-ahead log."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from edge_agent.outbox.sqlite.database import PAGE_BYTES, OutboxUnusable, bytes_in_use

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
