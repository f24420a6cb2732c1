"""One transaction on the outbox's database: what is stored, deleted, shed and announced together."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge_agent.core.delivery import GENESIS_HASH, Loss, Media, OpenEvent, Stamp, StoredEvent
from edge_agent.outbox.append_request import AppendRequest, StoreTarget
from edge_agent.outbox.bookkeeping import shedding
from edge_agent.outbox.bookkeeping.chain import digest
from edge_agent.outbox.bookkeeping.numbering import (
    LOSS_KIND,
    Epochs,
    Rank,
    n_of,
    priority_of,
    rank_for,
    rank_of,
    row_id,
)
from edge_agent.outbox.bookkeeping.open_events import OpenEvents
from edge_agent.outbox.bookkeeping.send_cursors import Rows
from edge_agent.outbox.media import size_on_disk
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.sqlite.database import PAGE_BYTES, bytes_in_use, checksum, integer

log = logging.getLogger(__name__)

EncodeLoss = Callable[[Stamp, Loss], bytes]


@dataclass(frozen=True, slots=True)
class StoreCounters:
    """What is counted instead of being asked from the tables each time."""

    n: int = 0  # events ever stored in this file
    head: str = GENESIS_HASH  # SHA-256 of the newest of them
    removed: int = 0  # of these, deleted again
    media_bytes: int = 0
    media: int = 0
    delivered: int = 0  # of these, since this file was opened
    shed: int = 0  # since this file was opened
    damaged: int = 0  # since this file was opened: found not to be what was written, and given up
    media_shed: int = 0

    @property
    def depth(self) -> int:
        return self.n - self.removed


@dataclass(frozen=True, slots=True)
class DeleteBatch:
    """Deletions that ride on the next transaction."""

    events: frozenset[int] = frozenset()
    damaged: frozenset[int] = (
        frozenset()
    )  # of events that are not what was written: they are announced as lost
    media: frozenset[int] = frozenset()
    ranges: tuple[Rows, ...] = ()  # of rows of events
    sent: str = ""  # what ``SentMarks.text`` says now; written down with deletions
    sent_count: int = 0  # how many of those are stored; written down with it

    def __bool__(self) -> bool:
        return bool(self.events or self.damaged or self.media or self.ranges)


class Transaction:
    """From ``BEGIN`` on; ``tally`` and ``epochs`` are copies that count once it is committed.

    Its owner commits it or rolls it back, and throws it away. SQLite's errors leave it untranslated.
    """

    def __init__(
        self, db: sqlite3.Connection, tally: StoreCounters, epochs: Epochs, boot: int, max_db_bytes: int
    ) -> None:
        db.execute("BEGIN IMMEDIATE")
        self.counters = tally
        self.epochs = epochs.copy()
        self.stored: list[StoredEvent] = []  # what is new, in the order of the chain
        self.unlink: list[str] = []  # ids of media whose files go after the commit
        self.shed: list[int] = []  # rows of events given up
        self.shrunk = False
        self._db = db
        self._boot = boot
        self._max_db_bytes = max_db_bytes

    def insert(self, ticket: AppendRequest) -> None:
        """Store one event with all that hangs on it; nothing when its encoder fails or memory has it."""
        draft = ticket.draft
        if ticket.done or not ticket.claim(StoreTarget.WRITER):
            return
        stamp = self._next_stamp()
        ticket.row = row_id(rank_for(draft.severity, draft.kind), self.counters.n + 1)
        payload = ticket.encode(stamp)
        if payload is None:
            return
        self._append(ticket.row, stamp, ticket.created_mono, draft.camera, draft.kind, payload)
        if draft.media is not None and ticket.media_saved:
            self._insert_media(ticket.row, draft.media)
        if draft.opens is not None:
            self.remember_open(draft.opens)
        if draft.closes is not None:
            self._db.execute("DELETE FROM open_event WHERE event_id=?", (draft.closes,))

    def _next_stamp(self) -> Stamp:
        return Stamp(*self.epochs.key(self.counters.n + 1), self.counters.head)

    def _append(self, row: int, stamp: Stamp, mono: float, camera: str, kind: str, payload: bytes) -> None:
        """The next event of the chain."""
        self._insert_event(row, mono, camera, kind, payload)
        self.counters = replace(self.counters, n=n_of(row), head=digest(payload))
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
        tally = self.counters
        self.counters = replace(tally, media=tally.media + 1, media_bytes=tally.media_bytes + size)

    def delete(self, owed: DeleteBatch) -> None:
        """What is delivered, and what is damaged."""
        gone = 0
        if owed.events:
            rows = [(row,) for row in owed.events]
            gone = self._db.executemany("DELETE FROM event WHERE id=?", rows).rowcount
        for part in owed.ranges:
            gone += self._db.execute("DELETE FROM event WHERE id BETWEEN ? AND ?", part).rowcount
        tally = self.counters
        self.counters = replace(tally, removed=tally.removed + gone, delivered=tally.delivered + gone)
        if owed.damaged:
            self._give_up(owed.damaged)
        for row in owed.media:
            sql = "DELETE FROM media WHERE id=? RETURNING media_id, bytes"
            self._drop_media(self._db.execute(sql, (row,)).fetchall())

    def _give_up(self, rows: frozenset[int]) -> None:
        """What cannot be sent, because it is not what was written; ``announce`` says so."""
        for row in rows:
            if self._db.execute("DELETE FROM event WHERE id=?", (row,)).rowcount:
                shedding.note(self._db, "damaged", n_of(row))
                tally = self.counters
                self.counters = replace(tally, removed=tally.removed + 1, damaged=tally.damaged + 1)

    def _drop_media(self, dropped: list[tuple[str, int]]) -> None:
        tally = self.counters
        freed = sum(size for _, size in dropped)
        self.counters = replace(
            tally, media=tally.media - len(dropped), media_bytes=tally.media_bytes - freed
        )
        self.unlink += [media_id for media_id, _ in dropped]

    def shed_excess(self) -> None:
        """Give up what does not fit, and a little more, so that not every append has to."""
        if self._excess(0) > 0:
            spare = self._max_db_bytes // 64
            dropped = shedding.shed_media(self._db, lambda freed: self._excess(spare) - freed)
            self._drop_media(dropped)
            self.shed = shedding.shed_events(self._db, lambda: self._excess(spare))
            count, tally = len(self.shed), self.counters
            self.counters = replace(
                tally,
                removed=tally.removed + count,
                shed=tally.shed + count,
                media_shed=tally.media_shed + len(dropped),
            )
        # Free pages inside the file take disk space as well: give back those that are too many.
        pages = integer(self._db, "PRAGMA page_count")
        too_many = pages - (self._max_db_bytes - self.counters.media_bytes) // PAGE_BYTES
        if too_many > 0:
            self._db.execute(f"PRAGMA incremental_vacuum({too_many})").fetchall()
            self.shrunk = True

    def _excess(self, spare: int) -> int:
        """Bytes over the limit, with ``spare`` bytes kept free."""
        return bytes_in_use(self._db) + self.counters.media_bytes + spare - self._max_db_bytes

    def announce(self, mono: float, encode_loss: EncodeLoss) -> None:
        """Say what was shed or damaged, unless an earlier loss event still waits."""
        table = shedding.unannounced(self._db)
        if table is None or shedding.loss_waits(self._db):
            return
        loss = shedding.pop_loss(self._db, table, self.epochs)
        if loss is None:
            return
        stamp = self._next_stamp()
        row = row_id(Rank.LOSS, self.counters.n + 1)
        self._append(row, stamp, mono, "gateway", LOSS_KIND, encode_loss(stamp, loss))
        log.warning("outbox: %d events of epoch %s are lost (%s)", loss.count, loss.epoch, loss.reason)

    def adopt(self, memory: MemoryStore) -> int:
        """What waits in memory, under the stamps it has; how many they are.

        The log may have kept an attempt whose commit failed: what it stored is replaced, not stored twice.
        """
        entries, deleted, before = memory.entries(), 0, self.counters.n
        epochs = dict.fromkeys([*(epoch for _, epoch in memory.unsure), memory.epoch])
        bases = {epoch: self._make_epoch(epoch, memory.highest(epoch)) for epoch in epochs}
        for sequence, epoch in memory.unsure:
            deleted += self._delete_numbers(bases[epoch] + sequence, bases[epoch] + sequence)
        base = bases[memory.epoch]
        deleted += self._delete_numbers(base + 1, base + memory.sequence)
        for entry in entries:
            row = row_id(rank_of(entry.row), bases[entry.epoch] + entry.sequence)
            self._insert_event(row, entry.mono, entry.camera, entry.kind, entry.payload)
        tally, new = self.counters, self.counters.n - before + deleted
        head = memory.head or tally.head
        self.counters = replace(tally, head=head, removed=tally.removed + new - len(entries))
        for first, last in memory.shed_ranges():
            self._db.execute("INSERT OR REPLACE INTO shed VALUES (?, ?)", (base + first, base + last))
        return len(entries)

    def _make_epoch(self, name: str, last: int) -> int:
        """Count the numbers up to ``last`` of an epoch as allotted; its base."""
        base = self.epochs.n(0, name)
        if base is None:
            base = self.counters.n
            self.begin_epoch(name)
        self.counters = replace(self.counters, n=max(self.counters.n, base + last))
        return base

    def _delete_numbers(self, first: int, last: int) -> int:
        sql = "DELETE FROM event WHERE id BETWEEN ? AND ?"
        return sum(self._db.execute(sql, (row_id(r, first), row_id(r, last))).rowcount for r in Rank)

    def adopt_open(self, open_events: OpenEvents) -> None:
        """Make the rows of open events say what memory says."""
        for event in open_events.all():
            self.remember_open(event)
        gone = [(event_id,) for event_id in open_events.closed()]
        self._db.executemany("DELETE FROM open_event WHERE event_id=?", gone)

    def begin_epoch(self, name: str) -> None:
        """Number what comes from 1 again. The first event names the newest one of before: one chain."""
        epoch = self.epochs.begin(name, self.counters.n)
        self._db.execute("DELETE FROM epoch WHERE base=?", (epoch.base,))
        self._db.execute("INSERT INTO epoch (epoch, base) VALUES (?, ?)", (epoch.name, epoch.base))
        self.put("n", self.counters.n)

    def remember_open(self, event: OpenEvent) -> None:
        sql = "INSERT OR REPLACE INTO open_event (event_id, camera, state) VALUES (?, ?, ?)"
        self._db.execute(sql, (event.event_id, event.camera, event.state))

    def put(self, key: str, value: int | str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
