"""The output of ``edge-agent evidence holds``: one line for each event on hold."""

from __future__ import annotations

from typing import Any

from edge_agent.core.printable import printable
from edge_agent.evidence.holds import HoldRecord
from edge_agent.evidence.store import MediaStore

HEAD = ("EVENT", "SINCE", "BY", "BYTES", "WHY")


def hold_list(store: MediaStore) -> list[str]:
    """Return the lines of a table. Raises ``OSError`` when the holds cannot be read."""
    rows = [_row(event_id, hold, store) for event_id, hold in store.holds.all().items()]
    if not rows:
        return ["nothing is held"]
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in (HEAD, *rows))
    return [line.rstrip() for line in lines]


def holds_as_json(store: MediaStore) -> list[dict[str, Any]]:
    """Return the holds for ``--json``; fields are None if a record cannot be read. Raises ``OSError``."""
    return [
        {
            "event": event_id,
            "since": None if hold is None else hold.when,
            "by": None if hold is None else hold.who,
            "bytes": _size_bytes(event_id, store),
            "why": None if hold is None else hold.why,
        }
        for event_id, hold in store.holds.all().items()
    ]


def _size_bytes(event_id: str, store: MediaStore) -> int:
    return sum(path.stat().st_size for path in store.files_of(event_id))


def _row(event_id: str, hold: HoldRecord | None, store: MediaStore) -> tuple[str, ...]:
    size_bytes = _size_bytes(event_id, store)
    if hold is None:
        return event_id, "?", "?", str(size_bytes), "its record cannot be read"
    return event_id, printable(hold.when), printable(hold.who), str(size_bytes), printable(hold.why)
