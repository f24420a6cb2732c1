"""Each event names the hash of the one before it in its epoch: what the newest one's hash is.

While the agent runs it is in memory. A restart takes it from the newest event, if that is still stored; the
transaction that deletes events writes it down, in the page that holds the counters anyway. So the chain costs
no page of its own.
"""

from __future__ import annotations

import hashlib
import sqlite3

from edge_agent.outbox.bookkeeping.numbering import Rank, row_id

KEY = "head"  # in ``meta``: "<n> <SHA-256>"


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def encode_head(n: int, head: str) -> str:
    """With ``n``, because an agent that knows of no chain may have stored events in between."""
    return f"{n} {head}"


def head_of(db: sqlite3.Connection, n: int, note: object) -> str | None:
    """The hash of the n-th event; ``note`` is what was written down last. None: nobody knows it any more."""
    rows = [row_id(rank, n) for rank in Rank]
    found = db.execute("SELECT payload FROM event WHERE id IN (?, ?, ?, ?)", rows).fetchone()
    if found is not None:
        return digest(found[0])
    noted_n, _, head = str(note).partition(" ")
    return head if noted_n == str(n) and head else None
