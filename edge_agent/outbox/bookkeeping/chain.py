"""The hash of the newest event: each event names the hash of the one before it in its epoch.

While the agent runs, the hash is in memory. A restart computes it from the newest event if that is still
stored. The transaction that deletes events stores the hash in the page that holds the counters, so it costs
no write of its own.
"""

from __future__ import annotations

import hashlib
import sqlite3

from edge_agent.outbox.bookkeeping.numbering import Rank, row_id

KEY = "head"  # in ``meta``: "<n> <SHA-256>"


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def encode_head(n: int, head: str) -> str:
    """``n`` is stored too: an older agent without a chain may have stored events in between."""
    return f"{n} {head}"


def head_of(db: sqlite3.Connection, n: int, stored: object) -> str | None:
    """Return the hash of the n-th event, None if unknown. ``stored``: the stored text of ``encode_head``."""
    rows = [row_id(rank, n) for rank in Rank]
    found = db.execute("SELECT payload FROM event WHERE id IN (?, ?, ?, ?)", rows).fetchone()
    if found is not None:
        return digest(found[0])
    stored_n, _, head = str(stored).partition(" ")
    return head if stored_n == str(n) and head else None
