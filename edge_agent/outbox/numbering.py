"""The identity of stored events: row ids, epochs and the chain of hashes.

A row id has the rank in the high bits and ``n`` in the low ones. ``n`` counts all events ever stored, across
epochs, without a gap. So sorting by row id is "by priority, then oldest first", and one B-tree serves
appending, sending and shedding: an index on priority would cost one more page write for each commit. The
sequence of an event is ``n - base`` of its epoch.

The chain: each event names the hash of the one before it in its epoch. While the agent runs, the hash of the
newest event is in memory. A restart computes it from that event if it is still stored. The transaction that
deletes events stores the hash in the page that holds the counters, so it costs no write of its own.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from edge_agent.core.model import Severity

SHIFT = 48
N_MASK = (1 << SHIFT) - 1
LOSS_KIND = "loss"


class Rank(IntEnum):
    """Order of sending. Events are shed in the reverse order, but never those of ``LOSS``."""

    ALARM = 0
    LOSS = 1
    WARNING = 2
    INFO = 3


SHED_ORDER = (Rank.INFO, Rank.WARNING, Rank.ALARM)
_RANK_OF = {Severity.ALARM: Rank.ALARM, Severity.WARNING: Rank.WARNING, Severity.INFO: Rank.INFO}
_PRIORITY_OF = {
    Rank.ALARM: Severity.ALARM.number,
    Rank.LOSS: Severity.WARNING.number,
    Rank.WARNING: Severity.WARNING.number,
    Rank.INFO: Severity.INFO.number,
}

_PRIORITIES = tuple(_PRIORITY_OF[rank] for rank in Rank)


def rank_for(severity: Severity, kind: str) -> Rank:
    return Rank.LOSS if kind == LOSS_KIND else _RANK_OF[severity]


def rank_of_event(priority: int, kind: str) -> Rank:
    """Return the rank of an event, from its ``Severity.number`` and its kind."""
    if kind == LOSS_KIND:
        return Rank.LOSS
    return next(rank for rank in SHED_ORDER if _PRIORITY_OF[rank] == priority)


def row_id(rank: Rank, n: int) -> int:
    return rank << SHIFT | n


def n_of(row: int) -> int:
    return row & N_MASK


def rank_of(row: int) -> Rank:
    return Rank(row >> SHIFT)


def priority_of(row: int) -> int:
    """Return ``Severity.number`` of the event in that row."""
    return _PRIORITIES[row >> SHIFT]


def rank_range(rank: Rank) -> tuple[int, int]:
    """Return the smallest and largest row id of that rank."""
    return row_id(rank, 0), row_id(rank, N_MASK)


def new_epoch() -> str:
    """Return eight random hex digits: short on the wire, and hardly ever the same for two epochs."""
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Epoch:
    name: str
    base: int  # ``n`` of the last event before the epoch


class Epochs:
    """The epochs of one store, oldest first; ``n`` runs through all of them. Not thread-safe."""

    def __init__(self, epochs: list[Epoch]) -> None:
        self._epochs = sorted(epochs, key=lambda e: e.base)

    @property
    def current(self) -> Epoch:
        return self._epochs[-1]

    def begin(self, name: str, base: int) -> Epoch:
        """Begin the epoch of all events after ``base``; an epoch without events is removed."""
        epoch = Epoch(name, base)
        self._epochs = [e for e in self._epochs if e.base < base] + [epoch]
        return epoch

    def copy(self) -> Epochs:
        return Epochs(self._epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self._epochs)

    def key(self, n: int) -> tuple[int, str]:
        """Return (sequence, epoch) of the n-th event."""
        epoch = self._epochs[bisect_left(self._epochs, n, key=lambda e: e.base) - 1]
        return n - epoch.base, epoch.name

    def n(self, sequence: int, epoch: str) -> int | None:
        """Return the number of an event across all epochs; None for an unknown epoch."""
        return next((e.base + sequence for e in self._epochs if e.name == epoch), None)

    def span(self, epoch: str, last_n: int) -> tuple[int, int] | None:
        """Return (n before its first event, n of its last one); None for an unknown epoch.

        ``last_n`` is the n of the newest event of all.
        """
        ends = [e.base for e in self._epochs[1:]] + [last_n]
        spans = zip(self._epochs, ends, strict=True)
        return next(((each.base, end) for each, end in spans if each.name == epoch), None)

    def split(self, first: int, last: int) -> list[tuple[str, int, int]]:
        """Split a range of n into (epoch, first sequence, last sequence), one entry per epoch."""
        parts = []
        ends = [e.base for e in self._epochs[1:]] + [last]
        for epoch, end in zip(self._epochs, ends, strict=True):
            low, high = max(first, epoch.base + 1), min(last, end)
            if low <= high:
                parts.append((epoch.name, low - epoch.base, high - epoch.base))
        return parts


HEAD_KEY = "head"  # in ``meta``: "<n> <SHA-256>"


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def encode_head(n: int, head: str) -> str:
    """Encode the head of the chain. ``n`` is stored too: an older agent without a chain may have stored
    events in between."""
    return f"{n} {head}"


def head_of(db: sqlite3.Connection, n: int, stored: object) -> str | None:
    """Return the hash of the n-th event, None if unknown. ``stored``: the stored text of ``encode_head``."""
    rows = [row_id(rank, n) for rank in Rank]
    found = db.execute("SELECT payload FROM event WHERE id IN (?, ?, ?, ?)", rows).fetchone()
    if found is not None:
        return digest(found[0])
    stored_n, _, head = str(stored).partition(" ")
    return head if stored_n == str(n) and head else None
