"""The events and pictures of disk and memory as one queue, in sending order."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Confirmation, Media, StoredEvent
from edge_agent.core.errors import OutboxError
from edge_agent.outbox.backlog import Backlog
from edge_agent.outbox.media import MediaBacklog
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.numbering import Rank, n_of, row_id
from edge_agent.outbox.sqlite.database import translated
from edge_agent.outbox.sqlite.disk import DiskStore
from edge_agent.outbox.stores import Stores
from edge_agent.outbox.writer import OutboxWriter

MAX_PENDING_DELETES = 10_000
"""With more delivered events that cannot be deleted from a failed disk, only events in memory are sent."""

Key = tuple[int, str]  # (sequence, epoch) of an event


class SendQueue:
    """The methods that the publisher calls on its thread: which event or picture is sent next, and the
    result of each attempt.

    ``lock`` protects ``stores``. If the disk cannot be read, the writer replaces or closes it, and the call
    has no effect.
    """

    def __init__(
        self,
        path: Path,
        stores: Stores,
        writer: OutboxWriter,
        lock: AbstractContextManager[object],
        clock: Clock,
    ) -> None:
        self._path = path
        self._stores = stores
        self._writer = writer
        self._lock = lock
        self._clock = clock
        self._wakeup = threading.Event()

    # --- waiting ---

    def wait_for_work(self, timeout_s: float) -> bool:
        """Block until an event is appended or ``wake`` is called, at most ``timeout_s``.

        Returns False on a timeout. Returns at once if either happened since the last call.
        """
        woken = self._wakeup.wait(timeout_s)
        self._wakeup.clear()
        return woken

    def wake(self) -> None:
        """Let ``wait_for_work`` return, now or when it is next called. Any thread."""
        # ``set`` takes a lock and wakes waiters also if there is nothing to do. The publisher reads the
        # events after it has cleared this, so it finds those that were stored before.
        if not self._wakeup.is_set():
            self._wakeup.set()

    # --- events ---

    def pending(
        self, limit: int, exclude: Collection[Key] = frozenset(), max_resends: int = sys.maxsize
    ) -> list[StoredEvent]:
        """Return up to ``limit`` events to send now: by priority, then oldest first.

        Every call returns an event again until ``delivered`` or ``deferred`` is called for it; ``exclude``
        leaves out those in flight. At most ``max_resends`` of them are resends: stored by an earlier run or
        deferred before. Also does the maintenance of the outbox that is due.
        """
        self._writer.maintain()
        with self._reading():
            return self._select(limit, exclude, max_resends)
        return []

    def delivered(self, sequence: int, epoch: str) -> None:
        """Delete the event: it does not have to be sent again. Unknown events are ignored."""
        with self._reading():
            row, backlog = self._find((sequence, epoch))
            if row is not None:
                self._mark_delivered(row, backlog)

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Do not return the event from ``pending`` before ``not_before_mono``; counts one attempt.

        The broker did not accept the event, but an earlier copy of it may still be confirmed.
        """
        with self._reading():
            row, backlog = self._find((sequence, epoch))
            if row is not None and row not in backlog.pending_deletes:
                backlog.send_cursors.mark_refused(row)
                backlog.defer(row, not_before_mono, self._clock.monotonic())

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        """Make all deferred events due at ``not_before_mono``; without ``hold_back``, those that are due
        earlier keep their time."""
        with self._reading():
            for backlog in (self._stores.disk_backlog, self._stores.memory_backlog):
                backlog.reschedule(not_before_mono, hold_back=hold_back)

    def _select(self, limit: int, exclude: Collection[Key], max_resends: int) -> list[StoredEvent]:
        now = self._clock.monotonic()
        self._begin()
        self._stores.disk_backlog.advance(now)
        self._stores.memory_backlog.advance(now)
        found: list[StoredEvent] = []
        for rank in Rank:
            for is_resend, events in self._of_rank(rank):
                if is_resend and max_resends <= 0:
                    continue
                for event in events:
                    if len(found) == limit:
                        return found
                    if event.key in exclude:
                        continue
                    found.append(event)
                    max_resends -= is_resend
                    if is_resend and max_resends <= 0:
                        break
        return found

    def _of_rank(self, rank: Rank) -> Iterator[tuple[bool, Iterator[StoredEvent]]]:
        """Yield resends before new events, because they are older; within both, events on the disk before
        those in memory."""
        sources: list[tuple[Backlog, DiskStore | MemoryStore]] = []
        disk, memory, disk_backlog = self._stores.readable, self._stores.memory, self._stores.disk_backlog
        if disk is not None and (
            memory is None or disk_backlog.pending_deletes.max_count <= MAX_PENDING_DELETES
        ):
            sources.append((disk_backlog, disk))
        if memory is not None:
            sources.append((self._stores.memory_backlog, memory))
        for backlog, store in sources:
            yield True, self._load(backlog, store, backlog.resends(rank, store.rows), is_resend=True)
        for backlog, store in sources:
            yield False, self._load(backlog, store, backlog.fresh(rank, store.rows), is_resend=False)

    def _load(
        self, backlog: Backlog, store: DiskStore | MemoryStore, rows: Iterator[int], *, is_resend: bool
    ) -> Iterator[StoredEvent]:
        # Events that are in memory and perhaps on the disk too are read from memory only.
        memory = self._stores.memory
        on_disk = store is self._stores.disk
        hidden = memory.in_doubt_rows if memory is not None and on_disk else frozenset()
        for row in rows:
            if row in hidden:
                continue
            event = store.load(row, backlog.attempts(row))
            if event is None:
                backlog.forget(row)
                if isinstance(store, DiskStore) and row in store.damaged:
                    backlog.pending_deletes.add(row)
            else:
                yield replace(event, resend=is_resend)

    def _begin(self) -> None:
        """Start the cursors at the events that an earlier run left on the disk; later calls do nothing."""
        disk, backlog = self._stores.readable, self._stores.disk_backlog
        if disk is None or backlog.begun:
            return
        backlog.begin(disk.newest_at_open, disk.cursors_at_open)
        # The stored count is used: counting reads the whole database, which takes seconds from a card.
        backlog.send_cursors.add_count(min(disk.depth_at_open, disk.sent_count_at_open))

    def _find(self, key: Key) -> tuple[int | None, Backlog]:
        sequence, epoch = key
        disk, memory = self._stores.readable, self._stores.memory
        if memory is not None and memory.knows(sequence, epoch):
            return memory.find(sequence, epoch), self._stores.memory_backlog
        return disk.find(sequence, epoch) if disk is not None else None, self._stores.disk_backlog

    def _waits(self, key: Key) -> bool:
        """Return whether that event still has to be delivered."""
        row, backlog = self._find(key)
        return row is not None and row not in backlog.pending_deletes

    def _mark_delivered(self, row: int, backlog: Backlog) -> None:
        stores = self._stores
        backlog.forget(row)
        if backlog is stores.disk_backlog:
            backlog.pending_deletes.add(row)
            if stores.media_backlog is not None and stores.disk is not None and stores.disk.has_media(row):
                stores.media_backlog.release(row)
        elif stores.memory is not None:
            stores.memory.remove(row)

    # --- confirmations of the centre ---

    def sent(self, event: StoredEvent) -> None:
        """Record that the event was sent: from now on ``confirmed`` can delete it."""
        with self._reading():
            memory, disk = self._stores.memory, self._stores.disk
            if memory is not None and memory.knows(*event.key):
                self._stores.memory_backlog.send_cursors.mark_sent(memory.row_of(event))
            elif disk is not None and (row := disk.row_of(event)) is not None:
                self._stores.disk_backlog.send_cursors.mark_sent(row)

    def unconfirmed(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Keep an event that the broker acknowledged until the centre confirms it.

        ``pending`` returns it again from ``not_before_mono`` on; counts one attempt.
        """
        with self._reading():
            row, backlog = self._find((sequence, epoch))
            if row is not None and row not in backlog.pending_deletes:
                backlog.send_cursors.mark_accepted(row)
                backlog.defer(row, not_before_mono, self._clock.monotonic())

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        """Delete the events of the epoch up to ``upto`` and those in ``also``, as far as they were sent.

        A confirmation of numbers that this outbox never assigned deletes nothing. The next transaction
        deletes one range of rows for each priority.
        """
        with self._reading():
            return self._confirm(epoch, upto, also)
        return Confirmation.UNKNOWN_EPOCH

    def _confirm(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        self._begin()
        memory, disk, highest = self._stores.memory, self._stores.readable, max([upto, *also])
        if memory is not None and epoch == memory.epoch:
            if highest > memory.sequence:
                return Confirmation.BEYOND
            return _confirmation(self._confirm_in_memory(memory, epoch, upto, frozenset(also)))
        span = disk.epochs.span(epoch, disk.counters.n) if disk is not None else None
        if disk is None or span is None:
            return Confirmation.UNKNOWN_EPOCH
        base, last = span
        in_memory = memory.highest(epoch) if memory is not None else 0
        if highest > max(last - base, in_memory) and epoch == disk.epochs.current.name:
            return Confirmation.BEYOND
        in_doubt = memory is not None and self._confirm_in_memory(memory, epoch, upto, frozenset(also))
        if base + highest > last:
            # The database was replaced by an older copy, which holds only the beginning of that epoch.
            upto, also = min(upto, last - base), [each for each in also if base + each <= last]
        news = upto > 0 and self._confirm_upto(disk, base, base + upto)
        return _confirmation(
            self._confirm_single(disk, [base + sequence for sequence in also]) or news or in_doubt
        )

    def _confirm_upto(self, disk: DiskStore, base: int, n: int) -> bool:
        backlog, media, news = self._stores.disk_backlog, self._stores.media_backlog, False
        for rank in Rank:
            for low, high in backlog.confirm(row_id(rank, base + 1), row_id(rank, n), disk.first):
                news = news or disk.first(low, high) is not None
                if media is not None:
                    for row in disk.media_between(low, high):
                        media.release(row)
        return news

    def _confirm_single(self, disk: DiskStore, ns: list[int]) -> bool:
        backlog = self._stores.disk_backlog
        rows = [
            row
            for row in disk.stored("event", [row_id(rank, n) for n in ns for rank in Rank])
            if row in backlog.send_cursors and row not in backlog.pending_deletes
        ]
        for row in rows:
            self._mark_delivered(row, backlog)
        return bool(rows)

    def _confirm_in_memory(self, memory: MemoryStore, epoch: str, upto: int, also: frozenset[int]) -> bool:
        backlog = self._stores.memory_backlog
        named = [
            entry.row
            for entry in memory.entries()
            if entry.epoch == epoch and (entry.sequence <= upto or entry.sequence in also)
        ]
        rows = [row for row in named if row in backlog.send_cursors]
        for row in rows:
            self._mark_delivered(row, backlog)
        return bool(rows)

    def _rows_of_this_run(self, epoch: str) -> list[int]:
        """Return the unconfirmed rows of an ended epoch that were stored since the database was opened.

        They are in the order of their numbers.
        """
        rows: list[int] = []
        with self._reading():
            disk, deletes = self._stores.disk, self._stores.disk_backlog.pending_deletes
            span = disk.epochs.span(epoch, disk.counters.n) if disk is not None else None
            if disk is not None and span is not None:
                for rank in Rank:
                    low, high = max(disk.newest_at_open[rank], row_id(rank, span[0])), row_id(rank, span[1])
                    rows += [row for row in disk.rows(low, high) if row not in deletes]
        return sorted(rows, key=n_of)

    def _stored_event(self, row: int) -> StoredEvent | None:
        with self._reading():
            return self._stores.disk.load(row, 0) if self._stores.disk is not None else None
        return None

    # --- pictures ---

    def pending_media(self) -> Media | None:
        """Return the next picture that is not deferred and whose event is delivered."""
        with self._reading():
            now = self._clock.monotonic()
            in_memory = (media for key, media in self._stores.memory_media.due(now) if not self._waits(key))
            return next(in_memory, None) or self._disk_media(now)
        return None

    def media_delivered(self, media_id: str) -> None:
        """Delete the picture: it does not have to be sent again."""
        with self._reading():
            if self._stores.memory_media.remove(media_id):
                return
            row, backlog = self._media_row(media_id), self._stores.media_backlog
            if row is not None and backlog is not None:
                backlog.pending_deletes.add(row)

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        """Do not return the picture from ``pending_media`` before ``not_before_mono``."""
        with self._reading():
            if self._stores.memory_media.defer(media_id, not_before_mono):
                return
            row, backlog = self._media_row(media_id), self._stores.media_backlog
            if row is not None and backlog is not None:
                backlog.defer(row, not_before_mono)

    def _media_row(self, media_id: str) -> int | None:
        disk, backlog = self._stores.readable, self._stores.media_backlog
        if backlog is not None and backlog.last_loaded is not None and backlog.last_loaded[0] == media_id:
            return backlog.last_loaded[1]  # avoids a scan: the table has no index on the ids
        return disk.find_media(media_id) if disk is not None else None

    def _disk_media(self, now: float) -> Media | None:
        disk, backlog = self._stores.readable, self._stores.media_backlog
        if disk is None:
            return None
        if backlog is None:
            deletes = self._stores.disk_backlog.pending_deletes
            ready = (row for row, stored in disk.media_rows() if not stored or row in deletes)
            backlog = self._stores.media_backlog = MediaBacklog(ready)
        while (row := backlog.first(now)) is not None:
            media = disk.load_media(row)
            if media is not None:
                backlog.last_loaded = media.media_id, row
                return media
            if disk.has_media(row):  # its file is damaged
                backlog.pending_deletes.add(row)
            else:
                backlog.drop_first()
        return None

    # --- errors of the disk ---

    def _reading(self) -> AbstractContextManager[None, bool]:
        """Run a block under the lock. If the disk cannot be read, the block ends early without an error."""
        return self._read()  # type: ignore[return-value]  # mypy: a generator never swallows an error

    @contextmanager
    def _read(self) -> Iterator[None]:
        disk: DiskStore | None = None
        try:
            with translated(self._path), self._lock:
                disk = self._stores.disk
                yield
        except OutboxError as error:
            self._writer.read_failed(disk, error)


def _confirmation(news: bool) -> Confirmation:
    return Confirmation.NEWS if news else Confirmation.NOTHING_NEW
