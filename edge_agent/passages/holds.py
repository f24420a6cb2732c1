"""Holds: passages that the gateway keeps beyond ``passages.max_age_days`` and ``max_bytes``, until a date.

They are a table in the file of the rows, so that the writer excludes them in one statement. Like all passages
they may be lost: a damaged file is started again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.errors import StorageError
from edge_agent.core.problems import problem_text
from edge_agent.passages.database_file import read_only, transaction
from edge_agent.passages.passage import FOLDER
from edge_agent.passages.store import CROPS_FILE, ROWS_FILE, open_file

MAX_HOLDS = 500
MAX_HOLD_BYTES = 4_000_000
"""Limit of the pictures of all holds. ``passages.max_bytes`` is at least 10 MB, half of it for pictures."""


@dataclass(frozen=True, slots=True)
class PassageHold:
    passage: int
    until_ms: int  # since 1970, UTC
    case: str
    bytes: int  # of its picture


@dataclass(frozen=True, slots=True)
class PlacedHolds:
    """The named passages that are kept now; the others are no longer stored."""

    passages: tuple[int, ...]
    missing: tuple[int, ...]


class HoldsFull(StorageError):
    """More than ``MAX_HOLDS`` or ``MAX_HOLD_BYTES``; nothing was changed."""


class PassageHolds:
    """Places and reads holds. Opens the files for each call only; any thread."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER

    def place(self, passages: Sequence[int], until_ms: int, case: str, now_ms: int) -> PlacedHolds:
        """Keep these passages until ``until_ms``; a second call for a passage replaces its time. The hold is
        durable when this returns. Raises ``StorageError``, also as its subclass ``HoldsFull``."""
        named = list(dict.fromkeys(each for each in passages if 0 <= each < 1 << 63))
        try:
            if not (self._folder / ROWS_FILE).exists():
                return PlacedHolds((), tuple(passages))
            with closing(open_file(self._folder / ROWS_FILE)) as rows, transaction(rows):
                # Nothing is deleted meanwhile, also no picture: the writer's deletions need this lock.
                sizes = self._picture_sizes(named)
                rows.execute("DELETE FROM hold WHERE until < ?", (now_ms,))
                stored = [each for each in named if _is_stored(rows, each)]
                rows.executemany(
                    "INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)",
                    [(each, until_ms, case, sizes.get(each, 0)) for each in stored],
                )
                count, size = rows.execute("SELECT count(*), total(bytes) FROM hold").fetchone()
                if count > MAX_HOLDS or size > MAX_HOLD_BYTES:
                    raise HoldsFull(
                        problem_text("passage-holds-full", most=MAX_HOLDS, mb=MAX_HOLD_BYTES // 1_000_000)
                    )
        except (sqlite3.Error, OSError) as error:
            raise StorageError(problem_text("passages-disk", error=str(error))) from error
        return PlacedHolds(tuple(stored), tuple(each for each in passages if each not in stored))

    def release(self, passages: Sequence[int]) -> tuple[int, ...]:
        """End the holds on these passages; return those that had one. Raises ``StorageError``."""
        try:
            if not (self._folder / ROWS_FILE).exists():
                return ()
            with closing(open_file(self._folder / ROWS_FILE)) as rows, transaction(rows):
                return tuple(
                    each
                    for each in dict.fromkeys(passages)
                    if abs(each) < 1 << 63 and rows.execute("DELETE FROM hold WHERE id = ?", (each,)).rowcount
                )
        except (sqlite3.Error, OSError) as error:
            raise StorageError(problem_text("passages-disk", error=str(error))) from error

    def read(self) -> list[PassageHold]:
        """Return all holds, ordered by passage. Raises ``StorageError``."""
        path = self._folder / ROWS_FILE
        try:
            if not path.exists():
                return []
            with read_only(path) as rows:
                if not rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'hold'").fetchone():
                    return []  # written by an older agent
                found = rows.execute("SELECT id, until, case_number, bytes FROM hold ORDER BY id").fetchall()
        except (sqlite3.Error, OSError) as error:
            raise StorageError(problem_text("passages-disk", error=str(error))) from error
        return [PassageHold(*row) for row in found]

    def _picture_sizes(self, passages: Sequence[int]) -> dict[int, int]:
        if not (self._folder / CROPS_FILE).exists():
            return {}
        marks = ", ".join("?" * len(passages))
        with read_only(self._folder / CROPS_FILE) as crops:
            query = f"SELECT id, length(jpeg) FROM crop WHERE id IN ({marks})"
            return dict(crops.execute(query, tuple(passages)).fetchall())


def _is_stored(rows: sqlite3.Connection, passage: int) -> bool:
    return rows.execute("SELECT 1 FROM passage WHERE id = ?", (passage,)).fetchone() is not None
