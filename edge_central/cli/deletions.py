"""``edge-agent central deletions``: what retention has deleted, by which setting."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TextIO

import msgspec
from sqlalchemy import Row, select

from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import open_engine, translate_errors


def run_deletions(database: Database, most: int, as_json: bool, stdout: TextIO) -> int:
    """The newest first. Raises CentralError."""
    with translate_errors("the database cannot be read"):
        engine = open_engine(database, read_only=True)
        try:
            with engine.connect() as connection:
                query = select(tables.deletion).order_by(tables.deletion.c.id.desc()).limit(most)
                rows = connection.execute(query).all()
        finally:
            engine.dispose()
    if as_json:
        listed = [dict(row._mapping) for row in rows]
        print(msgspec.json.format(msgspec.json.encode(listed), indent=2).decode(), file=stdout)
    else:
        print("\n".join(map(_line, rows)) or "nothing has been deleted yet", file=stdout)
    return 0


def _line(row: Row[Any]) -> str:
    what = f"{row.what} {row.kind}".strip()
    held = f"; {row.held} more are held" if row.held else ""
    return (
        f"{_local_time(row.ended_ms, 'minutes')}  {row.rows} of {what}, "
        f"received {_local_time(row.first_ms)} to {_local_time(row.last_ms)}, by {row.rule}{held}"
    )


def _local_time(milliseconds: int, to: str = "") -> str:
    at = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return at.isoformat(" ", to) if to else f"{at:%Y-%m-%d}"
