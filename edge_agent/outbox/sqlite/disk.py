"""The store of events on disk: writes one transaction at a time, reads committed events."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from edge_agent.core.delivery import GENESIS_HASH, Media, OpenEvent, StoredEvent
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.backlog import PendingDeletes
from edge_agent.outbox.media import MediaFiles, size_on_disk
from edge_agent.outbox.memory import MemoryStore, OpenEvents
from edge_agent.outbox.numbering import (
    HEAD_KEY,
    Epoch,
    Epochs,
    Rank,
    encode_head,
    head_of,
    n_of,
    new_epoch,
    priority_of,
    rank_of,
    rank_of_event,
    rank_range,
    row_id,
)
from edge_agent.outbox.sqlite.database import (
    FILE_NAME,
    PAGE_BYTES,
    OutboxDamaged,
    WriteAheadLog,
    bytes_in_use,
    integer,
    is_intact,
    open_reader,
    open_writer,
    translated,
)
from edge_agent.outbox.sqlite.store_identity import LastStored, OpenFiles, rewrite_file
from edge_agent.outbox.sqlite.transaction import DeleteBatch, EncodeLoss, StoreCounters, Transaction

log = logging.getLogger(__name__)

SENT_KEY, SENT_COUNT_KEY = "sent", "sent_count"  # in ``meta``
WRITE_SENT_EVERY = 256
"""The send cursors are stored with every deletion, and otherwise after this many stored events. After a
restart, confirmations of later events are ignored, and these events are sent once more."""
MAX_VARIABLES = 400  # of one query


@dataclass(frozen=True, slots=True)
class Oldest:
    """The oldest waiting event of a rank; ``mono`` is None when it was stored in an earlier boot."""

    row: int
    mono: float | None


class DiskStore:
    """SQLite file and media folder of one gateway.

    One thread at a time may write and one thread at a time may read, both at once. The methods raise
    OutboxUnusable and OutboxDamaged.
    """

    def __init__(self, state_dir: Path, max_bytes: int, boot_id: str, encode_loss: EncodeLoss) -> None:
        self.path = state_dir / FILE_NAME
        self.files = MediaFiles(state_dir / "media")
        # Size of the log at which it is folded into the database; this space counts as used.
        wal_pages = max(16, min(256, max_bytes // 16 // PAGE_BYTES))
        self.log = WriteAheadLog(self.path, wal_pages, max_bytes)
        self._max_db_bytes = max_bytes - self.log.share_bytes
        self._encode_loss = encode_loss
        self._boot = 0
        self._sent_written = 0
        self.newest_at_open: dict[Rank, int] = {}  # newest row of each rank, 0 for none
        self.depth_at_open = 0  # stored events
        self.cursors_at_open = ""  # ``SendCursors.text`` of the run before
        self.sent_count_at_open = 0  # number of stored events that were sent
        self.shed_rows: list[int] = []  # rows of shed events, until ``SendQueue.deletes_committed``
        self.damaged: set[int] = set()  # rows of damaged events, until they are deleted
        self.left_open: list[OpenEvent] = []  # the open events when the file was opened
        self.in_doubt = False  # after an error: whether the log may hold the whole transaction
        self.counters = StoreCounters()
        self._commits = 0  # transactions so far; increased when their rows can be read
        self._no_rows: dict[Rank, tuple[int, int, int]] = {}  # see ``rows``
        self.epochs = Epochs([])
        self._last_stored = LastStored(state_dir, boot_id)
        with translated(self.path):
            state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._writer = open_writer(self.path, wal_pages)
            try:
                self._reader = open_reader(self.path)
                self._load(boot_id)
                self.open_files = OpenFiles(self.path)
            except (ValueError, TypeError, IndexError) as error:  # damaged values
                self.close()
                raise OutboxDamaged(f"{self.path}: its counters contradict each other: {error}") from error
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the file and fold the log into the database. Raises nothing."""
        for name in ("_reader", "_writer"):
            if hasattr(self, name):
                with suppress(sqlite3.Error):
                    getattr(self, name).close()
        self._last_stored.close()

    def rewrite_file(self) -> None:
        """Write the content to the path again; the caller must close this store next."""
        with translated(self.path):
            rewrite_file(self._writer, self.path)

    def write(self, batch: Sequence[AppendRequest], deletes: DeleteBatch, mono: float) -> list[StoredEvent]:
        """Store all requests, delete ``deletes``, shed and announce losses, in one transaction.

        Returns the stored events in the order of the chain.
        """
        with self._transaction(deletes.sent, deletes.sent_count) as work:
            work.delete(deletes)
            for request in batch:
                work.insert(request)
            work.shed_excess()
            work.announce(mono, self._encode_loss)
        return work.stored

    def adopt(self, memory: MemoryStore, deletes: DeleteBatch, open_events: OpenEvents) -> int:
        """Store the events from memory with their existing stamps, and begin a new epoch. Returns
        the number of these events.
        """
        with self._transaction() as work:
            work.delete(deletes)
            adopted = work.adopt(memory)
            work.adopt_open(open_events)
            work.begin_epoch(new_epoch())
            work.shed_excess()
        open_events.clear_closed()
        return adopted

    def begin_epoch(self) -> None:
        """Begin an epoch: the next event has the sequence 1."""
        with self._transaction() as work:
            work.begin_epoch(new_epoch())

    @contextmanager
    def _transaction(self, sent: str = "", sent_count: int = 0) -> Iterator[Transaction]:
        """Commit at the end of the block; an error in the block or the commit rolls everything back."""
        self.in_doubt = False
        with translated(self.path):
            self.log.check(self._writer, self.counters.media_bytes)
            work = Transaction(self._writer, self.counters, self.epochs, self._boot, self._max_db_bytes)
            try:
                yield work
                self._commit(work, sent, sent_count)
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._commits += 1

    def _commit(self, work: Transaction, sent: str, sent_count: int) -> None:
        if work.counters.removed != self.counters.removed:
            work.put("n", work.counters.n)
            work.put("removed", work.counters.removed)
            work.put(HEAD_KEY, encode_head(work.counters.n, work.counters.head))
        sent_due = sent and work.counters.n >= self._sent_written + WRITE_SENT_EVERY
        if sent_due or (sent and work.counters.removed != self.counters.removed):
            self._sent_written = work.counters.n
            work.put(SENT_KEY, sent)
            work.put(SENT_COUNT_KEY, max(0, sent_count - (work.counters.delivered - self.counters.delivered)))
        before, after = self.counters.position, work.counters.position
        if before != after:
            self._last_stored.note(before, after)
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            # If the last page was not written, the transaction is not in the log. If only the sync failed,
            # SQLite may later find it in the log.
            self.in_doubt = error.sqlite_errorcode not in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_FULL)
            raise
        if before != after:
            self._last_stored.note(after)
        self.shed_rows += work.shed
        shed_before, media_shed = self.counters.media_shed, work.counters.media_shed
        if media_shed.bit_length() > shed_before.bit_length():  # a dozen lines for a day of a full outbox
            log.warning("outbox: full, %d pictures deleted so far, their events are kept", media_shed)
        self.counters, self.epochs = work.counters, work.epochs
        self.files.remove(work.unlink)
        if work.shrunk:
            # The file shrinks when the log is folded in. All is committed already, so an error is ignored.
            with suppress(sqlite3.Error):
                self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def forget_open(self, event_id: str) -> None:
        with translated(self.path):
            self._writer.execute("DELETE FROM open_event WHERE event_id=?", (event_id,))

    def remember_open(self, events: Sequence[OpenEvent]) -> None:
        """Store the events that are still open, in a database that has just replaced a damaged one."""
        with self._transaction() as work:
            for event in events:
                work.remember_open(event)

    @property
    def sequence(self) -> int:
        return self.counters.n - self.epochs.current.base

    def rows(self, after: int, last: int) -> Iterator[int]:
        """Yield the committed rows after ``after`` and up to ``last``, ascending."""
        # Called at each PUBACK. Without a transaction since an empty result, the result is still empty.
        asked = after, last, self._commits
        if self._no_rows.get(rank_of(last)) == asked:
            return
        # In chunks: an open cursor would prevent SQLite from folding the log in.
        sql = "SELECT id FROM event WHERE id>? AND id<=? ORDER BY id LIMIT 256"
        rows = self._reader.execute(sql, (after, last)).fetchall()
        if not rows:
            self._no_rows[rank_of(last)] = asked
        while rows:
            for (row,) in rows:
                yield row
            rows = self._reader.execute(sql, (rows[-1][0], last)).fetchall()

    def load(self, row: int, attempts: int) -> StoredEvent | None:
        """Return the event; None when its row is gone or damaged. A damaged row is added to ``damaged``."""
        sql = "SELECT camera, kind, payload, crc FROM event WHERE id=?"
        found = self._reader.execute(sql, (row,)).fetchone()
        if found is None:
            return None
        if not is_intact(row, *found):
            log.error(
                "outbox: the disk has damaged the event in row %d; it is deleted and reported lost", row
            )
            self.damaged.add(row)
            return None
        return StoredEvent(
            *self.epochs.key(n_of(row)), found[0], found[1], priority_of(row), attempts, found[2]
        )

    def row_of(self, event: StoredEvent) -> int | None:
        """Return the row of an event that ``load`` returned; None for an unknown epoch."""
        n = self.epochs.n(event.sequence, event.epoch)
        return None if n is None else row_id(rank_of_event(event.priority, event.kind), n)

    def stored(self, table: Literal["event", "media"], rows: Collection[int]) -> list[int]:
        """Return the ids among ``rows`` that exist in the table."""
        wanted = list(rows)
        found: list[int] = []
        for start in range(0, len(wanted), MAX_VARIABLES):
            part = wanted[start : start + MAX_VARIABLES]
            sql = f"SELECT id FROM {table} WHERE id IN ({','.join('?' * len(part))})"
            found += [row for (row,) in self._reader.execute(sql, part)]
        return found

    def count(self, low: int, high: int, max_count: int) -> int:
        """Return the number of stored rows from ``low`` to ``high``; an upper bound from ``max_count`` on."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM event WHERE id BETWEEN ? AND ? LIMIT ?)"
        found = integer(self._reader, sql, low, high, max_count)
        return found if found < max_count else high - low + 1

    def first(self, low: int, high: int) -> int | None:
        """Return the first stored row from ``low`` to ``high``, or None."""
        sql = "SELECT min(id) FROM event WHERE id BETWEEN ? AND ?"
        return integer(self._reader, sql, low, high) or None

    def find(self, sequence: int, epoch: str) -> int | None:
        n = self.epochs.n(sequence, epoch)
        found = [] if n is None else self.stored("event", [row_id(rank, n) for rank in Rank])
        return found[0] if found else None

    def media_rows(self) -> list[tuple[int, bool]]:
        """Return (row, whether its event is still stored) of each picture, most important first."""
        join = "media m LEFT JOIN event e ON e.id=m.id"
        sql = f"SELECT m.id, e.id IS NOT NULL FROM {join} ORDER BY m.id"
        return [(row, bool(stored)) for row, stored in self._reader.execute(sql).fetchall()]

    def has_media(self, row: int) -> bool:
        return integer(self._reader, "SELECT count(*) FROM media WHERE id=?", row) > 0

    def media_between(self, low: int, high: int) -> list[int]:
        sql = "SELECT id FROM media WHERE id BETWEEN ? AND ?"
        return [row for (row,) in self._reader.execute(sql, (low, high))]

    def load_media(self, row: int) -> Media | None:
        """Return the picture; None when its row is gone or its file is damaged."""
        sql = "SELECT media_id, event_id, camera, sha256 FROM media WHERE id=?"
        found = self._reader.execute(sql, (row,)).fetchone()
        if found is None:
            return None
        media_id, event_id, camera, sha256 = found
        payload = self.files.load(media_id, sha256)
        return None if payload is None else Media(media_id, event_id, camera, sha256, payload)

    def find_media(self, media_id: str) -> int | None:
        return integer(self._reader, "SELECT id FROM media WHERE media_id=?", media_id) or None

    def oldest(self, rank: Rank, pending_deletes: PendingDeletes) -> Oldest | None:
        """Return the oldest event of the rank that is not in ``pending_deletes``."""
        sql = "SELECT id, boot, mono FROM event WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
        low, high = rank_range(rank)
        while found := self._reader.execute(sql, (low, high)).fetchone():
            row, boot, mono = found
            if row not in pending_deletes:
                return Oldest(row, mono if boot == self._boot else None)
            low = (pending_deletes.end_of(row) or row) + 1
        return None

    def bytes_used(self) -> int:
        """Return the bytes used by database pages, log and media."""
        wal = self.path.with_name(FILE_NAME + "-wal")
        with translated(self.path):
            wal_bytes = wal.stat().st_size if wal.exists() else 0
            return bytes_in_use(self._reader) + wal_bytes + self.counters.media_bytes

    def _load(self, boot_id: str) -> None:
        """Read the counters and begin this run. It writes, so an unwritable file is noticed at once."""
        meta = dict(self._writer.execute("SELECT key, value FROM meta").fetchall())
        newest = [
            integer(self._writer, "SELECT max(id) FROM event WHERE id BETWEEN ? AND ?", *rank_range(r))
            for r in Rank
        ]
        # "n" is stored with deletions only: later rows have larger numbers.
        n = max([int(meta.get("n", 0)), *(n_of(row) for row in newest)])
        self.newest_at_open = dict(zip(Rank, newest, strict=True))
        self.cursors_at_open = str(meta.get(SENT_KEY, ""))
        self.sent_count_at_open = int(meta.get(SENT_COUNT_KEY, 0))
        self._boot = int(meta.get("boot", 0)) + (meta.get("boot_id") != boot_id)
        sql = "SELECT event_id, camera, state FROM open_event"
        self.left_open = [OpenEvent(*row) for row in self._writer.execute(sql)]
        epochs = [Epoch(*row) for row in self._writer.execute("SELECT epoch, base FROM epoch")]
        self.epochs = Epochs(epochs)
        head = head_of(self._writer, n, meta.get(HEAD_KEY)) if n else GENESIS_HASH
        self.counters = StoreCounters(n, head or GENESIS_HASH, int(meta.get("removed", 0)))
        self.depth_at_open = self.counters.depth
        position = self.counters.position
        with self._transaction() as work:
            work.put("boot", self._boot)
            work.put("boot_id", boot_id)
            if not epochs or head is None or not self._last_stored.is_at(position):
                # The file was restored or cloned, or lost its last commits: another store may have assigned
                # the next numbers.
                work.begin_epoch(new_epoch())
            self._forget_empty_epochs(work)
            self._check_media(work)
        self._last_stored.note(position)

    def _forget_empty_epochs(self, work: Transaction) -> None:
        """Delete epochs without stored events and unannounced losses, except the current one."""
        every = list(work.epochs)
        for epoch, following in pairwise(every):
            ranges = [(row_id(r, epoch.base + 1), row_id(r, following.base)) for r in Rank]
            sql = "SELECT EXISTS (SELECT 1 FROM event WHERE id BETWEEN ? AND ?)"
            stored = any(integer(self._writer, sql, *span) for span in ranges)
            sql = "SELECT EXISTS (SELECT 1 FROM {} WHERE last>? AND first<=?)"
            waits = any(
                integer(self._writer, sql.format(table), epoch.base, following.base)
                for table in ("shed", "damaged")
            )
            if not stored and not waits:
                self._writer.execute("DELETE FROM epoch WHERE epoch=?", (epoch.name,))

    def _check_media(self, work: Transaction) -> None:
        """Delete rows without a file and files without a row; count the rest."""
        kept: set[str] = set()
        for row, media_id, size in self._writer.execute("SELECT id, media_id, bytes FROM media").fetchall():
            real = self.files.size(media_id)
            if real is None or size_on_disk(real) != size:
                log.warning("media %s: its file is missing or damaged; the picture is not sent", media_id)
                self._writer.execute("DELETE FROM media WHERE id=?", (row,))
                continue
            kept.add(media_id)
            work.counters.media += 1
            work.counters.media_bytes += size
        orphans = self.files.remove_all_but(kept)
        if orphans:
            log.info("outbox: removed %d pictures left over from a crash", orphans)
