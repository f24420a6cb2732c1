"""Drops events and pictures of a full outbox, inside the transaction that needs the space, and records them.

The table ``shed`` holds the ranges of ``n`` that were dropped and not announced yet, the table ``damaged``
those that a damaged file no longer holds. Only one ``loss`` event waits at a time; what is shed until it is
delivered is announced by the next one. The number of ranges is bounded: between two of them lies an event
that is stored or was delivered, and while events are delivered, loss events are too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from edge_agent.core.delivery import Loss
from edge_agent.outbox.bookkeeping.numbering import SHED_ORDER, Epochs, Rank, n_of, rank_range

CHUNK = 8  # rows deleted at once; more make the log of one transaction larger
MAX_RANGES = 500  # of one loss event: about 16 kB
REASONS = {"shed": "outbox-full", "damaged": "outbox-damaged"}
"""The reason in the loss event, by table."""


def shed_media(db: sqlite3.Connection, excess: Callable[[int], int]) -> list[tuple[str, int]]:
    """Drop pictures, those of the least important events first, oldest first.

    ``excess(freed)`` returns the bytes over the limit when ``freed`` bytes of files are removed. Returns
    (media id, bytes) of each dropped picture; the files are removed after the commit.
    """
    dropped: list[tuple[str, int]] = []
    freed = 0
    for rank in SHED_ORDER:
        low, high = rank_range(rank)
        while excess(freed) > 0:
            row = db.execute(
                "SELECT id, media_id, bytes FROM media WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
                (low, high),
            ).fetchone()
            if row is None:
                break
            db.execute("DELETE FROM media WHERE id=?", (row[0],))
            dropped.append((row[1], row[2]))
            freed += row[2]
    return dropped


def shed_events(db: sqlite3.Connection, excess: Callable[[], int]) -> list[int]:
    """Drop events, the least important first, oldest first, never a loss event; return their rows."""
    dropped: list[int] = []
    for rank in SHED_ORDER:
        low, high = rank_range(rank)
        while excess() > 0:
            rows = db.execute(
                "SELECT id FROM event WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", (low, high, CHUNK)
            ).fetchall()
            if not rows:
                break
            db.executemany("DELETE FROM event WHERE id=?", rows)
            for (row,) in rows:
                note(db, "shed", n_of(row))
            dropped += [row for (row,) in rows]
    return dropped


def unannounced(db: sqlite3.Connection) -> str | None:
    """Return the name of a table that holds unannounced ranges; None when both are empty."""
    sql = "SELECT 'damaged' FROM damaged UNION ALL SELECT 'shed' FROM shed LIMIT 1"
    found = db.execute(sql).fetchone()
    return None if found is None else str(found[0])


def loss_waits(db: sqlite3.Connection) -> bool:
    sql = "SELECT 1 FROM event WHERE id BETWEEN ? AND ? LIMIT 1"
    return db.execute(sql, rank_range(Rank.LOSS)).fetchone() is not None


def pop_loss(db: sqlite3.Connection, table: str, epochs: Epochs) -> Loss | None:
    """Remove the oldest unannounced ranges of one epoch from ``table`` and return them as a loss.

    None when their epoch is no longer known: then no receiver could tell which events they mean.
    """
    rows = db.execute(f"SELECT first, last FROM {table} ORDER BY first LIMIT ?", (MAX_RANGES,)).fetchall()
    parts = [part for first, last in rows for part in epochs.split(first, last)]
    if not parts:
        db.execute(f"DELETE FROM {table} WHERE last<=?", (rows[-1][1],))
        return None
    epoch = parts[0][0]
    ranges = tuple((low, high) for name, low, high in parts if name == epoch)
    count = sum(high - low + 1 for low, high in ranges)
    last_n = epochs.n(ranges[-1][1], epoch)
    db.execute(f"DELETE FROM {table} WHERE last<=?", (last_n,))
    db.execute(f"UPDATE {table} SET first=?1+1 WHERE first<=?1", (last_n,))  # a range across two epochs
    return Loss(epoch, ranges, count, REASONS[table])


def note(db: sqlite3.Connection, table: str, n: int) -> None:
    """Add n to the ranges in ``table``, joined with its neighbours."""
    sql = f"SELECT first, last FROM {table} WHERE first<? ORDER BY first DESC LIMIT 1"
    before = db.execute(sql, (n,)).fetchone()
    after = db.execute(f"SELECT last FROM {table} WHERE first=?", (n + 1,)).fetchone()
    first = before[0] if before and before[1] == n - 1 else n
    last = after[0] if after else n
    if after:
        db.execute(f"DELETE FROM {table} WHERE first=?", (n + 1,))
    db.execute(f"INSERT OR REPLACE INTO {table} (first, last) VALUES (?, ?)", (first, last))
