"""The events and pictures of disk and memory as one queue, in sending order."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import replace

from edge_agent.core.delivery import Confirmation, Media, OutboxStats, StoredEvent
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.backlog import Backlog
from edge_agent.outbox.media import MediaBacklog
from edge_agent.outbox.memory import MemoryMedia, MemoryStore
from edge_agent.outbox.numbering import Rank, n_of, row_id
from edge_agent.outbox.sqlite.disk import DiskStore
from edge_agent.outbox.sqlite.transaction import DeleteBatch

MAX_PENDING_DELETES = 10_000
"""With more delivered events that cannot be deleted from a failed disk, only events in memory are sent."""

MAX_COUNTED_ROWS = 10_000
"""A longer confirmed range counts as if all of its numbers were stored: counting would read the whole range
for each heartbeat."""

Key = tuple[int, str]
"""(sequence, epoch) of an event."""


class SendQueue:
    """Decides which event is sent next, and which rows are to be deleted. The caller locks.

    ``disk`` is None while it cannot be read, ``memory`` is None while events are stored on disk. Its methods
    raise SQLite's own errors.
    """

    def __init__(self) -> None:
        self.disk: DiskStore | None = None
        self.hangs = False  # the disk does not answer the writer: its events are not read meanwhile
        self.memory: MemoryStore | None = None
        self._backlog = Backlog()
        self._memory_backlog = Backlog()
        self._memory_media = MemoryMedia()
        self._media_backlog: MediaBacklog | None = None  # None: not yet read from the disk
        self._last_media: tuple[str, int] | None = None  # id and row of the last one returned
        self._counted_deliveries = 0  # of this disk, that the send cursors have counted
        self._shed_before = 0  # by stores that are closed
        self._media_shed_before = 0
        self._damaged_before = 0

    @property
    def readable(self) -> DiskStore | None:
        return None if self.hangs else self.disk

    # --- changes of the stores ---

    def close_disk(self) -> None:
        if self.disk is not None:
            self._shed_before += self.disk.counters.shed
            self._media_shed_before += self.disk.counters.media_shed
            self._damaged_before += self.disk.counters.damaged
            self.disk.close()
            self.disk, self._counted_deliveries = None, 0

    def disk_was_replaced(self) -> None:
        """Forget all row ids: the new database has other ones."""
        self._backlog = Backlog()
        self._media_backlog = self._last_media = None

    def leave_memory(self) -> None:
        """Drop the memory store, because its events are on disk now."""
        if self.memory is not None:
            self._shed_before += self.memory.shed
        self.memory, self._memory_backlog = None, Backlog()

    # --- rows to delete ---

    @property
    def _media_deletes(self) -> set[int]:
        return self._media_backlog.pending_deletes if self._media_backlog is not None else set()

    def pending_deletes(self, max_rows: int = sys.maxsize) -> DeleteBatch:
        """Return the rows to delete; of the ranges that the centre confirmed at most ``max_rows``."""
        backlog, media = self._backlog, frozenset(self._media_deletes)
        damaged = frozenset(self.disk.damaged) if self.disk is not None else frozenset()
        single = backlog.pending_deletes.single - damaged
        sent = backlog.send_cursors
        ranges = backlog.pending_deletes.first_ranges(max_rows)
        return DeleteBatch(single, damaged, media, ranges, sent.text, sent.count)

    def is_delivered(self, row: int) -> bool:
        """Return whether the row is delivered and only waits for its deletion."""
        return row in self._backlog.pending_deletes and (self.disk is None or row not in self.disk.damaged)

    @property
    def pending_delete_count(self) -> int:
        """Upper bound of the number of rows to delete."""
        return self._backlog.pending_deletes.max_count + len(self._media_deletes)

    def deletes_committed(self, deletes: DeleteBatch) -> None:
        """Remove these deletions from the pending ones, because the disk has committed them."""
        self._backlog.pending_deletes.committed(deletes.events | deletes.damaged, deletes.ranges)
        if self._media_backlog is not None:
            self._media_backlog.pending_deletes -= deletes.media
        if (disk := self.disk) is not None:
            disk.damaged -= deletes.damaged
            self._backlog.send_cursors.confirmed(disk.counters.delivered - self._counted_deliveries)
            self._counted_deliveries = disk.counters.delivered
            shed, disk.shed_rows = disk.shed_rows, []
            for row in shed:
                self._backlog.forget(row)
                self._backlog.send_cursors.remove(row)

    # --- events ---

    def pending(
        self, limit: int, exclude: Collection[Key], now: float, max_resends: int
    ) -> list[StoredEvent]:
        """Return the events to send now; see ``EventOutbox.pending``."""
        self._begin()
        self._backlog.advance(now)
        self._memory_backlog.advance(now)
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
        """Yield resends before new events, because they are older; of each the disk's before the memory's."""
        stores: list[tuple[Backlog, DiskStore | MemoryStore]] = []
        disk, memory = self.readable, self.memory
        if disk is not None and (
            memory is None or self._backlog.pending_deletes.max_count <= MAX_PENDING_DELETES
        ):
            stores.append((self._backlog, disk))
        if memory is not None:
            stores.append((self._memory_backlog, memory))
        for backlog, store in stores:
            yield True, self._load(backlog, store, backlog.resends(rank, store.rows), is_resend=True)
        for backlog, store in stores:
            yield False, self._load(backlog, store, backlog.fresh(rank, store.rows), is_resend=False)

    def _load(
        self, backlog: Backlog, store: DiskStore | MemoryStore, rows: Iterator[int], *, is_resend: bool
    ) -> Iterator[StoredEvent]:
        # Events that are in memory and perhaps on the disk too are read from memory only.
        hidden = self.memory.in_doubt_rows if self.memory is not None and store is self.disk else frozenset()
        for row in rows:
            if row in hidden:
                continue
            event = store.load(row, backlog.attempts(row))
            if event is None:
                backlog.forget(row)
                if isinstance(store, DiskStore) and row in store.damaged:
                    backlog.pending_deletes.add(row)  # its deletion
            else:
                yield replace(event, resend=is_resend)

    def _begin(self) -> None:
        """Before the first use, start the cursors at what an earlier run left on the disk."""
        disk, backlog = self.readable, self._backlog
        if disk is None or backlog.begun:
            return
        backlog.begin(disk.newest_at_open, disk.cursors_at_open)
        # The stored count is used: counting reads the whole database, which takes seconds from a card.
        backlog.send_cursors.add_count(min(disk.depth_at_open, disk.sent_count_at_open))

    def delivered(self, key: Key) -> None:
        row, backlog = self._find(key)
        if row is not None:
            self._delivered(row, backlog)

    def _delivered(self, row: int, backlog: Backlog) -> None:
        backlog.forget(row)
        if backlog is self._backlog:
            backlog.pending_deletes.add(row)
            if self._media_backlog is not None and self.disk is not None and self.disk.has_media(row):
                self._media_backlog.release(row)
        elif self.memory is not None:
            self.memory.remove(row)

    def defer(self, key: Key, not_before_mono: float, now: float) -> None:
        """Defer an event that the broker did not accept. An earlier copy of it may still be confirmed."""
        row, backlog = self._find(key)
        if row is not None and row not in backlog.pending_deletes:
            backlog.send_cursors.mark_refused(row)
            backlog.defer(row, not_before_mono, now)

    def _find(self, key: Key) -> tuple[int | None, Backlog]:
        sequence, epoch = key
        if self.memory is not None and self.memory.knows(sequence, epoch):
            return self.memory.find(sequence, epoch), self._memory_backlog
        disk = self.readable
        return disk.find(sequence, epoch) if disk is not None else None, self._backlog

    def _waits(self, key: Key) -> bool:
        """Return whether that event still has to be delivered."""
        row, backlog = self._find(key)
        return row is not None and row not in backlog.pending_deletes

    # --- confirmations of the centre ---

    def sent(self, event: StoredEvent) -> None:
        memory, disk = self.memory, self.disk
        if memory is not None and memory.knows(*event.key):
            self._memory_backlog.send_cursors.mark_sent(memory.row_of(event))
        elif disk is not None and (row := disk.row_of(event)) is not None:
            self._backlog.send_cursors.mark_sent(row)

    def unconfirmed(self, key: Key, not_before_mono: float, now: float) -> None:
        """Defer an event that the broker acknowledged."""
        row, backlog = self._find(key)
        if row is not None and row not in backlog.pending_deletes:
            backlog.send_cursors.mark_accepted(row)
            backlog.defer(row, not_before_mono, now)

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        """Mark these events of the epoch as delivered, as far as they were sent."""
        self._begin()
        memory, disk, highest = self.memory, self.readable, max([upto, *also])
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

    def of_this_run(self, epoch: str) -> list[int]:
        """Return the unconfirmed rows of an ended epoch that were stored since the database was opened.

        They are in the order of their numbers.
        """
        disk = self.disk
        span = disk.epochs.span(epoch, disk.counters.n) if disk is not None else None
        if disk is None or span is None:
            return []
        parts = (
            (max(disk.newest_at_open[rank], row_id(rank, span[0])), row_id(rank, span[1])) for rank in Rank
        )
        rows = (row for low, high in parts for row in disk.rows(low, high))
        return sorted((row for row in rows if row not in self._backlog.pending_deletes), key=n_of)

    def load(self, row: int) -> StoredEvent | None:
        return self.disk.load(row, 0) if self.disk is not None else None

    def _confirm_upto(self, disk: DiskStore, base: int, n: int) -> bool:
        news = False
        for rank in Rank:
            for low, high in self._backlog.confirm(row_id(rank, base + 1), row_id(rank, n), disk.first):
                news = news or disk.first(low, high) is not None
                if (media := self._media_backlog) is not None:
                    for row in disk.media_between(low, high):
                        media.release(row)
        return news

    def _confirm_single(self, disk: DiskStore, ns: list[int]) -> bool:
        backlog = self._backlog
        rows = [
            row
            for row in disk.stored(ns)
            if row in backlog.send_cursors and row not in backlog.pending_deletes
        ]
        for row in rows:
            self._delivered(row, backlog)
        return bool(rows)

    def _confirm_in_memory(self, memory: MemoryStore, epoch: str, upto: int, also: frozenset[int]) -> bool:
        named = [
            entry.row
            for entry in memory.entries()
            if entry.epoch == epoch and (entry.sequence <= upto or entry.sequence in also)
        ]
        rows = [row for row in named if row in self._memory_backlog.send_cursors]
        for row in rows:
            self._delivered(row, self._memory_backlog)
        return bool(rows)

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        for backlog in (self._backlog, self._memory_backlog):
            backlog.reschedule(not_before_mono, hold_back=hold_back)

    # --- media ---

    def pending_media(self, now: float) -> Media | None:
        for key, media in self._memory_media.due(now):
            if not self._waits(key):
                return media
        return self._disk_media(now)

    def media_delivered(self, media_id: str) -> None:
        if self._memory_media.remove(media_id):
            return
        row = self._media_row(media_id)
        if row is not None and self._media_backlog is not None:
            self._media_backlog.pending_deletes.add(row)

    def defer_media(self, media_id: str, not_before_mono: float) -> None:
        if self._memory_media.defer(media_id, not_before_mono):
            return
        row = self._media_row(media_id)
        if row is not None and self._media_backlog is not None:
            self._media_backlog.defer(row, not_before_mono)

    def _media_row(self, media_id: str) -> int | None:
        if self._last_media is not None and self._last_media[0] == media_id:
            return self._last_media[1]  # avoids a scan: the table has no index on the ids
        disk = self.readable
        return disk.find_media(media_id) if disk is not None else None

    def keep_media(self, request: AppendRequest) -> bool:
        """Keep the picture of a request in memory when it has no row on disk; True when it did."""
        media = request.draft.media
        if media is None or request.stamp is None or (request.media_saved and self.memory is None):
            return False
        self._memory_media.add((request.stamp.sequence, request.stamp.epoch), media)
        return True

    def _disk_media(self, now: float) -> Media | None:
        disk = self.readable
        if disk is None:
            return None
        backlog = self._media_backlog
        if backlog is None:
            rows = disk.media_rows()
            ready = (row for row, stored in rows if not stored or row in self._backlog.pending_deletes)
            backlog = self._media_backlog = MediaBacklog(ready)
        while (row := backlog.first(now)) is not None:
            media = disk.load_media(row)
            if media is not None:
                self._last_media = (media.media_id, row)
                return media
            if disk.has_media(row):  # its file is damaged
                backlog.pending_deletes.add(row)
            else:
                backlog.drop_first()
        return None

    # --- health ---

    def stats(self, degraded: str | None, now: float) -> OutboxStats:
        disk, memory = self.readable, self.memory
        # Read the counters before ``_event_delete_count``: the writer may commit in between.
        counters = disk.counters if disk else None
        delete_count = self._event_delete_count(disk) if disk else 0
        depth = counters.depth - delete_count if counters else 0
        size = disk.bytes_used() if disk else 0
        media_depth = disk.counters.media - disk.stored_media(self._media_deletes) if disk else 0
        media_depth += len(self._memory_media)
        shed = self._shed_before + (disk.counters.shed if disk else 0) + (memory.shed if memory else 0)
        if memory is not None:
            sequence, epoch = memory.sequence, memory.epoch
            depth, size = depth + memory.depth, size + memory.bytes + self._memory_media.bytes
        else:
            sequence, epoch = (disk.sequence, disk.epochs.current.name) if disk else (0, "")
        media_shed = self._media_shed_before + self._memory_media.shed
        media_shed += disk.counters.media_shed if disk else 0
        oldest_s, oldest_unconfirmed_s = self._oldest_s(now)
        return OutboxStats(
            depth=depth,
            bytes=size,
            oldest_s=oldest_s,
            sequence=sequence,
            epoch=epoch,
            media_depth=media_depth,
            degraded=degraded,
            shed=shed,
            media_shed=media_shed,
            unconfirmed=self._unconfirmed(delete_count),
            oldest_unconfirmed_s=oldest_unconfirmed_s,
            damaged=self._damaged_before + (disk.counters.damaged if disk else 0),
        )

    def _event_delete_count(self, disk: DiskStore) -> int:
        # Only rows that are still stored: between a commit and ``deletes_committed`` they are gone already.
        deletes = self._backlog.pending_deletes
        counted = sum(disk.count(low, high, MAX_COUNTED_ROWS) for low, high in deletes.ranges)
        return min(disk.counters.depth, disk.stored_events(deletes.single) + counted)

    def _unconfirmed(self, delete_count: int) -> int:
        count = 0
        if self.memory is not None and self._memory_backlog.send_cursors.count:
            count = sum(entry.row in self._memory_backlog.send_cursors for entry in self.memory.entries())
        if self.disk is not None and self._backlog.send_cursors.count:
            count += max(0, self._backlog.send_cursors.count - delete_count)
        return count

    def _oldest_s(self, now: float) -> tuple[float, float]:
        """Return the age of the oldest waiting event, and of the oldest one that was sent."""
        ages, sent = [0.0], [0.0]
        if self.memory is not None and (mono := self.memory.oldest_mono()) is not None:
            ages.append(now - mono)
        disk = self.readable
        for rank in Rank if disk is not None else ():
            assert disk is not None
            if (oldest := disk.oldest(rank, self._backlog.pending_deletes)) is not None:
                # The monotonic time of another boot cannot be compared; the event is older than this boot.
                age = now if oldest.mono is None else now - oldest.mono
                ages.append(age)
                if self._backlog.send_cursors.count and oldest.row in self._backlog.send_cursors:
                    sent.append(age)
        return max(ages), max(sent)


def _confirmation(news: bool) -> Confirmation:
    return Confirmation.NEWS if news else Confirmation.NOTHING_NEW
