"""The events on disk: one transaction at a time in, committed events out."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from edge_agent.core.delivery import GENESIS_HASH, Media, OpenEvent, StoredEvent
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.bookkeeping import chain
from edge_agent.outbox.bookkeeping.backlog import PendingDeletes
from edge_agent.outbox.bookkeeping.numbering import (
    Epoch,
    Epochs,
    Rank,
    n_of,
    new_epoch,
    priority_of,
    rank_of_event,
    rank_range,
    row_id,
)
from edge_agent.outbox.bookkeeping.open_events import OpenEvents
from edge_agent.outbox.media import MediaFiles, size_on_disk
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.sqlite.database import (
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
from edge_agent.outbox.sqlite.store_identity import ChainPosition, LastStored, OpenFiles, put_back
from edge_agent.outbox.sqlite.transaction import DeleteBatch, EncodeLoss, StoreCounters, Transaction

log = logging.getLogger(__name__)

FILE_NAME = "outbox.db"
SENT_KEY, SENT_COUNT_KEY = "sent", "sent_count"  # in ``meta``
WRITE_SENT_EVERY = 256
"""Events stored, where nothing is deleted: which ones were sent is written down as often. After a restart a
confirmation of the rest is not believed, and they are sent once more."""
VARIABLES = 400  # of one query


@dataclass(frozen=True, slots=True)
class Oldest:
    """An event that waits; ``mono`` is None when it was stored in an earlier boot."""

    row: int
    mono: float | None


class DiskStore:
    """SQLite file and media folder of one gateway.

    ``write`` and ``adopt`` are for one thread at a time, the reading methods for one thread at a
    time as well, and the two may overlap. Errors: StoreUnusable, StoreDamaged.
    """

    def __init__(self, state_dir: Path, max_bytes: int, boot_id: str, encode_loss: EncodeLoss) -> None:
        self.path = state_dir / FILE_NAME
        self.files = MediaFiles(state_dir / "media")
        # The log may grow to this before it is folded into the database; it counts as used.
        wal_pages = max(16, min(256, max_bytes // 16 // PAGE_BYTES))
        self.log = WriteAheadLog(self.path, wal_pages, max_bytes)
        self._max_db_bytes = max_bytes - self.log.share_bytes
        self._encode_loss = encode_loss
        self._boot = 0
        self._sent_written = 0
        self.found: dict[Rank, int] = {}  # newest row of each rank when it was opened, 0: none
        self.found_depth = 0  # events then
        self.sent_before = ""  # ``SentMarks.text`` of the run before
        self.sent_count_before = 0  # how many events it means
        self.shed_rows: list[int] = []  # of events given up, until somebody takes them out
        self.damaged: set[int] = set()  # rows of events that are not what was written, until they are deleted
        self.left_open: list[OpenEvent] = []  # when it was opened
        self.unsure = False  # after an error: whether the log may hold the whole transaction all the same
        self.counters = StoreCounters()
        self.epochs = Epochs([])
        self._last_stored = LastStored(state_dir, boot_id)
        with translated(self.path):
            state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._writer = open_writer(self.path, wal_pages)
            try:
                self._reader = open_reader(self.path)
                self._load(boot_id)
                self._open_files = OpenFiles(self.path)
            except (ValueError, TypeError, IndexError) as error:  # damaged values
                self.close()
                raise OutboxDamaged(f"{self.path}: its counters make no sense: {error}") from error
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Also folds the log into the database; an unwritable disk cannot stop it."""
        for name in ("_reader", "_writer"):
            if hasattr(self, name):
                with suppress(sqlite3.Error):
                    getattr(self, name).close()
        self._last_stored.close()

    # --- its files ---

    def missing_file(self) -> str | None:
        """Name of a file that was removed or replaced since it was opened; None: all are there."""
        return self._open_files.missing()

    def was_replaced(self) -> bool:
        """Whether another database lies at the path now."""
        return self._open_files.replaced()

    def put_back(self) -> None:
        """Write the content to the path again; close this store next. Raises like ``write``."""
        with translated(self.path):
            put_back(self._writer, self.path)

    # --- writing ---

    def write(self, batch: Sequence[AppendRequest], owed: DeleteBatch, mono: float) -> list[StoredEvent]:
        """Store all tickets, delete what is owed, shed and announce, in one transaction.

        Returns what is new, in the order of the chain.
        """
        with self._transaction(owed.sent, owed.sent_count) as work:
            work.delete(owed)
            for ticket in batch:
                work.insert(ticket)
            work.shed_excess()
            work.announce(mono, self._encode_loss)
        return work.stored

    def adopt(self, memory: MemoryStore, owed: DeleteBatch, open_events: OpenEvents) -> int:
        """Take over what waits in memory, under the stamps it has, and begin an epoch of one's own.

        Returns how many they are.
        """
        with self._transaction() as work:
            work.delete(owed)
            kept = work.adopt(memory)
            work.adopt_open(open_events)
            work.begin_epoch(new_epoch())
            work.shed_excess()
        open_events.clear_closed()
        return kept

    def begin_epoch(self) -> None:
        """Number what comes from 1 again. Raises StoreUnusable or StoreDamaged."""
        with self._transaction() as work:
            work.begin_epoch(new_epoch())

    @contextmanager
    def _transaction(self, sent: str = "", sent_count: int = 0) -> Iterator[Transaction]:
        """Committed at the end of the block; an error in it or in the commit undoes everything."""
        self.unsure = False
        with translated(self.path):
            self.log.check(self._writer, self.counters.media_bytes)
            work = Transaction(self._writer, self.counters, self.epochs, self._boot, self._max_db_bytes)
            try:
                yield work
                self._commit(work, sent, sent_count)
            except BaseException:
                self._rollback()
                raise

    def _rollback(self) -> None:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            self._writer.execute("ROLLBACK")

    def _commit(self, work: Transaction, sent: str, sent_count: int) -> None:
        if work.counters.removed != self.counters.removed:
            work.put("n", work.counters.n)
            work.put("removed", work.counters.removed)
            work.put(chain.KEY, chain.encode_head(work.counters.n, work.counters.head))
        sent_due = sent and work.counters.n >= self._sent_written + WRITE_SENT_EVERY
        if sent_due or (sent and work.counters.removed != self.counters.removed):
            self._sent_written = work.counters.n
            work.put(SENT_KEY, sent)
            work.put(SENT_COUNT_KEY, max(0, sent_count - (work.counters.delivered - self.counters.delivered)))
        before, after = (
            ChainPosition(self.counters.n, self.counters.head),
            ChainPosition(work.counters.n, work.counters.head),
        )
        if before != after:
            self._last_stored.note(before, after)
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            # If the last page was not written, the log ends before this transaction. If only the sync
            # failed, SQLite may find the transaction in the log or not.
            self.unsure = error.sqlite_errorcode not in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_FULL)
            raise
        if before != after:
            self._last_stored.note(after)
        self.shed_rows += work.shed
        shed_before, given_up = self.counters.media_shed, work.counters.media_shed
        if given_up.bit_length() > shed_before.bit_length():  # of a full outbox for a day: a dozen lines
            log.warning("outbox: full, %d pictures given up so far, their events stay", given_up)
        self.counters, self.epochs = work.counters, work.epochs
        self.files.remove(work.unlink)
        if work.shrunk:
            # The file is cut when the log is folded in. All is committed: a failure changes nothing.
            with suppress(sqlite3.Error):
                self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def forget_open(self, event_id: str) -> None:
        """Raises StoreUnusable or StoreDamaged."""
        with translated(self.path):
            self._writer.execute("DELETE FROM open_event WHERE event_id=?", (event_id,))

    def remember_open(self, events: Sequence[OpenEvent]) -> None:
        """Tell a new database which events are open. Raises StoreUnusable or StoreDamaged."""
        with self._transaction() as work:
            for event in events:
                work.remember_open(event)

    # --- reading ---

    @property
    def sequence(self) -> int:
        return self.counters.n - self.epochs.current.base

    def rows(self, after: int, last: int) -> Iterator[int]:
        """Committed rows behind ``after`` and up to ``last``, ascending."""
        # In chunks: a cursor left open would keep the log from being folded in.
        sql = "SELECT id FROM event WHERE id>? AND id<=? ORDER BY id LIMIT 256"
        while rows := self._reader.execute(sql, (after, last)).fetchall():
            for (row,) in rows:
                yield row
            after = rows[-1][0]

    def load(self, row: int, attempts: int) -> StoredEvent | None:
        """The event; None when the row is gone, or is not what was written: then it is one of ``damaged``."""
        sql = "SELECT camera, kind, payload, crc FROM event WHERE id=?"
        found = self._reader.execute(sql, (row,)).fetchone()
        if found is None:
            return None
        if not is_intact(row, *found):
            log.error("outbox: the disk has damaged the event in row %d, it is given up", row)
            self.damaged.add(row)
            return None
        return StoredEvent(
            *self.epochs.key(n_of(row)), found[0], found[1], priority_of(row), attempts, found[2]
        )

    def row_of(self, event: StoredEvent) -> int | None:
        """Where an event lies that ``load`` gave; None for an epoch this store does not hold."""
        n = self.epochs.n(event.sequence, event.epoch)
        return None if n is None else row_id(rank_of_event(event.priority, event.kind), n)

    def stored(self, ns: Sequence[int]) -> list[int]:
        """The rows of those of the n-th events that are stored."""
        return self._stored_of("event", [row_id(rank, n) for n in ns for rank in Rank])

    def stored_events(self, rows: Collection[int]) -> int:
        """How many of these rows hold an event."""
        return len(self._stored_of("event", list(rows)))

    def stored_media(self, rows: Collection[int]) -> int:
        """How many of these rows hold a picture."""
        return len(self._stored_of("media", list(rows)))

    def _stored_of(self, table: str, rows: list[int]) -> list[int]:
        found: list[int] = []
        for start in range(0, len(rows), VARIABLES):
            part = rows[start : start + VARIABLES]
            sql = f"SELECT id FROM {table} WHERE id IN ({','.join('?' * len(part))})"
            found += [row for (row,) in self._reader.execute(sql, part)]
        return found

    def count(self, low: int, high: int, most: int) -> int:
        """How many rows are stored from ``low`` to ``high``; from ``most`` on an upper bound."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM event WHERE id BETWEEN ? AND ? LIMIT ?)"
        found = integer(self._reader, sql, low, high, most)
        return found if found < most else high - low + 1

    def first(self, low: int, high: int) -> int | None:
        """The first row that is stored from ``low`` to ``high``."""
        found = self._reader.execute(
            "SELECT min(id) FROM event WHERE id BETWEEN ? AND ?", (low, high)
        ).fetchone()
        return None if found[0] is None else int(found[0])

    def find(self, sequence: int, epoch: str) -> int | None:
        """The row of an event that is stored, or None."""
        n = self.epochs.n(sequence, epoch)
        if n is None:
            return None
        candidates = [row_id(rank, n) for rank in Rank]
        sql = "SELECT id FROM event WHERE id IN (?, ?, ?, ?)"
        found = self._reader.execute(sql, candidates).fetchone()
        return int(found[0]) if found else None

    def media_rows(self) -> list[tuple[int, bool]]:
        """(row, whether its event is still stored) of each picture, most important first."""
        join = "media m LEFT JOIN event e ON e.id=m.id"
        sql = f"SELECT m.id, e.id IS NOT NULL FROM {join} ORDER BY m.id"
        return [(row, bool(stored)) for row, stored in self._reader.execute(sql).fetchall()]

    def has_media(self, row: int) -> bool:
        return integer(self._reader, "SELECT count(*) FROM media WHERE id=?", row) > 0

    def media_between(self, low: int, high: int) -> list[int]:
        sql = "SELECT id FROM media WHERE id BETWEEN ? AND ?"
        return [row for (row,) in self._reader.execute(sql, (low, high))]

    def load_media(self, row: int) -> Media | None:
        """The picture; None when the row is gone or the file damaged."""
        sql = "SELECT media_id, event_id, camera, sha256 FROM media WHERE id=?"
        found = self._reader.execute(sql, (row,)).fetchone()
        if found is None:
            return None
        payload = self.files.load(found[0], found[3])
        if payload is None:
            return None
        media_id, event_id, camera, sha256 = found
        return Media(media_id, event_id, camera, sha256, payload)

    def find_media(self, media_id: str) -> int | None:
        found = self._reader.execute("SELECT id FROM media WHERE media_id=?", (media_id,)).fetchone()
        return int(found[0]) if found else None

    def oldest(self, rank: Rank, owed: PendingDeletes) -> Oldest | None:
        """The oldest event of the rank that is not owed a deletion."""
        sql = "SELECT id, boot, mono FROM event WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
        low, high = rank_range(rank)
        while found := self._reader.execute(sql, (low, high)).fetchone():
            row, boot, mono = found
            if row not in owed:
                return Oldest(row, mono if boot == self._boot else None)
            low = (owed.end_of(row) or row) + 1
        return None

    def bytes_used(self) -> int:
        """Database pages in use, log and media, bytes."""
        wal = self.path.with_name(FILE_NAME + "-wal")
        with translated(self.path):
            wal_bytes = wal.stat().st_size if wal.exists() else 0
            return bytes_in_use(self._reader) + wal_bytes + self.counters.media_bytes

    # --- opening ---

    def _load(self, boot_id: str) -> None:
        """Read the counters and begin this run. Writes, so that an unwritable file shows at once."""
        meta = dict(self._writer.execute("SELECT key, value FROM meta").fetchall())
        newest = [
            integer(self._writer, "SELECT max(id) FROM event WHERE id BETWEEN ? AND ?", *rank_range(r))
            for r in Rank
        ]
        # "n" is written with deletions only: rows that came later say the rest.
        n = max([int(meta.get("n", 0)), *(n_of(row) for row in newest)])
        self.found = dict(zip(Rank, newest, strict=True))
        self.sent_before = str(meta.get(SENT_KEY, ""))
        self.sent_count_before = int(meta.get(SENT_COUNT_KEY, 0))
        self._boot = int(meta.get("boot", 0)) + (meta.get("boot_id") != boot_id)
        sql = "SELECT event_id, camera, state FROM open_event"
        self.left_open = [OpenEvent(*row) for row in self._writer.execute(sql)]
        epochs = [Epoch(*row) for row in self._writer.execute("SELECT epoch, base FROM epoch")]
        self.epochs = Epochs(epochs)
        head = chain.head_of(self._writer, n, meta.get(chain.KEY)) if n else GENESIS_HASH
        self.counters = StoreCounters(n, head or GENESIS_HASH, int(meta.get("removed", 0)))
        self.found_depth = self.counters.depth
        position = ChainPosition(n, self.counters.head)
        with self._transaction() as work:
            work.put("boot", self._boot)
            work.put("boot_id", boot_id)
            if not epochs or head is None or not self._last_stored.is_at(position):
                # Restored, cloned, or without its last commits: another store may have used the next numbers.
                work.begin_epoch(new_epoch())
            self._forget_empty_epochs(work)
            self._check_media(work)
        self._last_stored.note(position)

    def _forget_empty_epochs(self, work: Transaction) -> None:
        """Epochs of which nothing is stored nor unannounced, except the current one."""
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
        """Rows without their file go, files without a row go; what is left is counted."""
        kept: set[str] = set()
        for row, media_id, size in self._writer.execute("SELECT id, media_id, bytes FROM media").fetchall():
            real = self.files.size(media_id)
            if real is None or size_on_disk(real) != size:
                log.warning("media %s: its file is missing or damaged, given up", media_id)
                self._writer.execute("DELETE FROM media WHERE id=?", (row,))
                continue
            kept.add(media_id)
            tally = work.counters
            work.counters = replace(tally, media=tally.media + 1, media_bytes=tally.media_bytes + size)
        orphans = self.files.remove_all_but(kept)
        if orphans:
            log.info("outbox: removed %d pictures left over from a crash", orphans)
