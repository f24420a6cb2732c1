"""One transaction on the outbox's database: what is stored, deleted, shed and announced together."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.core.delivery import GENESIS_HASH, Loss, Media, OpenEvent, Stamp, StoredEvent
from edge_agent.outbox.append_request import AppendRequest, StoreTarget
from edge_agent.outbox.backlog import Rows
from edge_agent.outbox.media import size_on_disk
from edge_agent.outbox.memory import MemoryStore, OpenEvents
from edge_agent.outbox.numbering import (
    LOSS_KIND,
    SHED_ORDER,
    Epochs,
    Rank,
    digest,
    n_of,
    priority_of,
    rank_for,
    rank_of,
    rank_range,
    row_id,
)
from edge_agent.outbox.sqlite.database import PAGE_BYTES, bytes_in_use, checksum, integer
from edge_agent.outbox.sqlite.store_identity import ChainPosition

log = logging.getLogger(__name__)

EncodeLoss = Callable[[Stamp, Loss], bytes]


@dataclass(slots=True)
class StoreCounters:
    """Numbers that are counted in memory, so that the tables need not be read each time.

    Only a transaction changes them, in a copy of its own.
    """

    n: int = 0  # events ever stored in this file
    head: str = GENESIS_HASH  # SHA-256 of the newest of them
    removed: int = 0  # events deleted from this file, for any reason
    media_bytes: int = 0
    media: int = 0
    # The following count since the file was opened.
    delivered: int = 0
    shed: int = 0
    damaged: int = 0  # events deleted because the disk had changed them
    media_shed: int = 0

    def copy(self) -> StoreCounters:
        """Return a copy, as each commit needs one; ``dataclasses.replace`` takes five times as long."""
        counts = self.delivered, self.shed, self.damaged, self.media_shed
        return StoreCounters(self.n, self.head, self.removed, self.media_bytes, self.media, *counts)

    @property
    def depth(self) -> int:
        return self.n - self.removed

    @property
    def position(self) -> ChainPosition:
        return ChainPosition(self.n, self.head)


@dataclass(frozen=True, slots=True)
class DeleteBatch:
    """Rows that the next transaction deletes."""

    events: frozenset[int] = frozenset()
    damaged: frozenset[int] = frozenset()  # rows of damaged events, which are announced as lost
    media: frozenset[int] = frozenset()
    ranges: tuple[Rows, ...] = ()  # of rows of events
    sent: str = ""  # ``SendCursors.text``; stored with the deletions
    sent_count: int = 0  # ``SendCursors.count``; stored with the deletions

    def __bool__(self) -> bool:
        return bool(self.events or self.damaged or self.media or self.ranges)


class Transaction:
    """A transaction from ``BEGIN`` on; the owner uses its ``counters`` and ``epochs`` after the commit.

    The owner commits it or rolls it back. Its methods raise SQLite's own errors.
    """

    def __init__(
        self, db: sqlite3.Connection, counters: StoreCounters, epochs: Epochs, boot: int, max_db_bytes: int
    ) -> None:
        db.execute("BEGIN IMMEDIATE")
        self.counters = counters.copy()
        self.epochs = epochs.copy()
        self.stored: list[StoredEvent] = []  # new events, in the order of the chain
        self.unlink: list[str] = []  # ids of media whose files are removed after the commit
        self.shed: list[int] = []  # rows of shed events
        self.shrunk = False
        self._db = db
        self._boot = boot
        self._max_db_bytes = max_db_bytes

    def insert(self, request: AppendRequest) -> None:
        """Store one event with its picture and its open event. Nothing is stored if the event cannot be
        encoded, or if it is already in the memory store."""
        draft = request.draft
        if request.done or not request.claim(StoreTarget.WRITER):
            return
        stamp = self._next_stamp()
        request.row = row_id(rank_for(draft.severity, draft.kind), self.counters.n + 1)
        payload = request.encode(stamp)
        if payload is None:
            return
        self._append(request.row, stamp, request.created_mono, draft.camera, draft.kind, payload)
        if draft.media is not None and request.media_saved:
            self._insert_media(request.row, draft.media)
        if draft.opens is not None:
            self.remember_open(draft.opens)
        if draft.closes is not None:
            self._db.execute("DELETE FROM open_event WHERE event_id=?", (draft.closes,))

    def _next_stamp(self) -> Stamp:
        return Stamp(*self.epochs.key(self.counters.n + 1), self.counters.head)

    def _append(self, row: int, stamp: Stamp, mono: float, camera: str, kind: str, payload: bytes) -> None:
        """Insert the next event of the chain."""
        self._insert_event(row, mono, camera, kind, payload)
        self.counters.n, self.counters.head = n_of(row), digest(payload)
        event = StoredEvent(stamp.sequence, stamp.epoch, camera, kind, priority_of(row), 0, payload)
        self.stored.append(event)

    def _insert_event(self, row: int, mono: float, camera: str, kind: str, payload: bytes) -> None:
        sql = "INSERT INTO event (id, boot, mono, camera, kind, payload, crc) VALUES (?, ?, ?, ?, ?, ?, ?)"
        check = checksum(row, camera, kind, payload)
        self._db.execute(sql, (row, self._boot, mono, camera, kind, payload, check))

    def _insert_media(self, row: int, media: Media) -> None:
        size = size_on_disk(len(media.payload))
        sql = "INSERT INTO media (id, media_id, event_id, camera, sha256, bytes) VALUES (?, ?, ?, ?, ?, ?)"
        values = (row, media.media_id, media.event_id, media.camera, media.sha256, size)
        self._db.execute(sql, values)
        self.counters.media += 1
        self.counters.media_bytes += size

    def delete(self, batch: DeleteBatch) -> None:
        """Delete delivered events, damaged events and delivered pictures."""
        deleted = 0
        if batch.events:
            rows = [(row,) for row in batch.events]
            deleted = self._db.executemany("DELETE FROM event WHERE id=?", rows).rowcount
        for part in batch.ranges:
            deleted += self._db.execute("DELETE FROM event WHERE id BETWEEN ? AND ?", part).rowcount
        self.counters.removed += deleted
        self.counters.delivered += deleted
        for row in batch.damaged:  # ``announce`` reports them as lost
            if self._db.execute("DELETE FROM event WHERE id=?", (row,)).rowcount:
                note(self._db, "damaged", n_of(row))
                self.counters.removed += 1
                self.counters.damaged += 1
        for row in batch.media:
            sql = "DELETE FROM media WHERE id=? RETURNING media_id, bytes"
            self._drop_media(self._db.execute(sql, (row,)).fetchall())

    def _drop_media(self, dropped: list[tuple[str, int]]) -> None:
        self.counters.media -= len(dropped)
        self.counters.media_bytes -= sum(size for _, size in dropped)
        self.unlink += [media_id for media_id, _ in dropped]

    def shed_excess(self) -> None:
        """Shed what exceeds the limit and a little more, so that not every append has to shed."""
        if self._excess(0) > 0:
            spare = self._max_db_bytes // 64
            dropped = shed_media(self._db, lambda freed: self._excess(spare) - freed)
            self._drop_media(dropped)
            self.shed = shed_events(self._db, lambda: self._excess(spare))
            self.counters.removed += len(self.shed)
            self.counters.shed += len(self.shed)
            self.counters.media_shed += len(dropped)
        # Free pages inside the file take disk space too: release those over the limit.
        pages = integer(self._db, "PRAGMA page_count")
        too_many = pages - (self._max_db_bytes - self.counters.media_bytes) // PAGE_BYTES
        if too_many > 0:
            self._db.execute(f"PRAGMA incremental_vacuum({too_many})").fetchall()
            self.shrunk = True

    def _excess(self, spare: int) -> int:
        """Return the bytes over the limit when ``spare`` bytes are kept free."""
        return bytes_in_use(self._db) + self.counters.media_bytes + spare - self._max_db_bytes

    def announce(self, mono: float, encode_loss: EncodeLoss) -> None:
        """Add a loss event for what was shed or damaged, unless an earlier one still waits."""
        table = unannounced(self._db)
        waiting = "SELECT 1 FROM event WHERE id BETWEEN ? AND ? LIMIT 1"
        if table is None or self._db.execute(waiting, rank_range(Rank.LOSS)).fetchone() is not None:
            return
        loss = pop_loss(self._db, table, self.epochs)
        if loss is None:
            return
        stamp = self._next_stamp()
        row = row_id(Rank.LOSS, self.counters.n + 1)
        self._append(row, stamp, mono, "gateway", LOSS_KIND, encode_loss(stamp, loss))
        log.warning("outbox: %d events of epoch %s are lost (%s)", loss.count, loss.epoch, loss.reason)

    def adopt(self, memory: MemoryStore) -> int:
        """Store the events from memory with their existing stamps; return their number. If the log
        still contains a transaction whose commit failed, its events are replaced, not stored twice.
        """
        entries, deleted, before = memory.entries(), 0, self.counters.n
        epochs = dict.fromkeys([*(epoch for _, epoch in memory.in_doubt), memory.epoch])
        bases = {epoch: self._make_epoch(epoch, memory.highest(epoch)) for epoch in epochs}
        for sequence, epoch in memory.in_doubt:
            deleted += self._delete_numbers(bases[epoch] + sequence, bases[epoch] + sequence)
        base = bases[memory.epoch]
        deleted += self._delete_numbers(base + 1, base + memory.sequence)
        for entry in entries:
            row = row_id(rank_of(entry.row), bases[entry.epoch] + entry.sequence)
            self._insert_event(row, entry.mono, entry.camera, entry.kind, entry.payload)
        self.counters.removed += self.counters.n - before + deleted - len(entries)
        self.counters.head = memory.head or self.counters.head
        for first, last in memory.shed_ranges():
            self._db.execute("INSERT OR REPLACE INTO shed VALUES (?, ?)", (base + first, base + last))
        return len(entries)

    def _make_epoch(self, name: str, last: int) -> int:
        """Count the numbers up to ``last`` of an epoch as assigned; return the base of the epoch."""
        base = self.epochs.n(0, name)
        if base is None:
            base = self.counters.n
            self.begin_epoch(name)
        self.counters.n = max(self.counters.n, base + last)
        return base

    def _delete_numbers(self, first: int, last: int) -> int:
        sql = "DELETE FROM event WHERE id BETWEEN ? AND ?"
        return sum(self._db.execute(sql, (row_id(r, first), row_id(r, last))).rowcount for r in Rank)

    def adopt_open(self, open_events: OpenEvents) -> None:
        """Make the rows of open events equal to those in memory."""
        for event in open_events.all():
            self.remember_open(event)
        gone = [(event_id,) for event_id in open_events.closed()]
        self._db.executemany("DELETE FROM open_event WHERE event_id=?", gone)

    def begin_epoch(self, name: str) -> None:
        """Begin an epoch: the next event has the sequence 1 and names the hash of the newest event."""
        epoch = self.epochs.begin(name, self.counters.n)
        self._db.execute("DELETE FROM epoch WHERE base=?", (epoch.base,))
        self._db.execute("INSERT INTO epoch (epoch, base) VALUES (?, ?)", (epoch.name, epoch.base))
        self.put("n", self.counters.n)

    def remember_open(self, event: OpenEvent) -> None:
        sql = "INSERT OR REPLACE INTO open_event (event_id, camera, state) VALUES (?, ?, ?)"
        self._db.execute(sql, (event.event_id, event.camera, event.state))

    def put(self, key: str, value: int | str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


# --- shedding ---
#
# The table ``shed`` holds the ranges of ``n`` that were dropped and not announced yet, the table ``damaged``
# those that a damaged file no longer holds. Only one loss event waits at a time; what is shed until it is
# delivered is announced by the next one. The number of ranges is bounded: between two of them lies an event
# that is stored or was delivered, and while events are delivered, loss events are too.

CHUNK = 8  # rows deleted at once; more make the log of one transaction larger
MAX_RANGES = 500  # of one loss event: about 16 kB
REASONS = {"shed": "outbox-full", "damaged": "outbox-damaged"}  # the reason in the loss event, by table


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
