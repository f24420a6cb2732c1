"""Reads the stored events from another process, whether the agent runs or not. Changes nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.outbox.sqlite.database import translated
from edge_agent.outbox.sqlite.disk import FILE_NAME


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
