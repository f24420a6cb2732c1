"""Events that wait, for another process: read only, whether the agent runs or not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from edge_agent.outbox.database import translated
from edge_agent.outbox.disk import FILE_NAME


def waiting_payloads(state_dir: Path) -> list[bytes]:
    """The payloads of all stored events. Raises ``OutboxError`` when they cannot be read."""
    path = state_dir / FILE_NAME
    with translated(path):
        if not path.exists():
            return []
        # Without a log nobody writes: "immutable" keeps SQLite from making files that the agent, which is
        # another user, could not open.
        mode = "mode=ro" if path.with_name(f"{FILE_NAME}-wal").exists() else "mode=ro&immutable=1"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=1.0)) as db:
            return [payload for (payload,) in db.execute("SELECT payload FROM event")]
