"""What the publisher sees: the events and pictures of disk and memory as one queue."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import replace

from edge_agent.core.delivery import Confirmation, Media, OutboxStats, StoredEvent
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.bookkeeping.backlog import Backlog
from edge_agent.outbox.bookkeeping.numbering import Rank, n_of, row_id
from edge_agent.outbox.media import MediaBacklog
from edge_agent.outbox.memory import MemoryMedia, MemoryStore
from edge_agent.outbox.sqlite.disk import DiskStore
from edge_agent.outbox.sqlite.transaction import DeleteBatch

MAX_PENDING_DELETES = 10_000
"""Delivered events that could not be deleted: beyond this the backlog of a full disk waits."""

COUNTED_ROWS = 10_000
"""Of a range that the centre has confirmed; a longer one counts as if each of its numbers were stored: to
count it would read it all, again for each heartbeat."""

Key = tuple[int, str]
"""(sequence, epoch) of an event."""


class SendQueue:
    """Which event goes next, and what is owed to the disk. The caller locks.

    ``disk`` is None while it cannot be read, ``memory`` is None while the disk takes events. Errors of
    SQLite leave its methods untranslated.
    """

    def __init__(self) -> None:
        self.disk: DiskStore | None = None
        self.hangs = False  # the disk does not answer the writer: what is on it waits until it does
        self.memory: MemoryStore | None = None
        self._backlog = Backlog()
        self._memory_backlog = Backlog()
        self._memory_media = MemoryMedia()
        self._media_backlog: MediaBacklog | None = None  # None: to be made from the rows on disk
        self._media_given: tuple[str, int] | None = None  # id and row of the one given last
        self._settled = 0  # deliveries of this disk that ``sent`` knows of
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
            self.disk, self._settled = None, 0

    def disk_was_replaced(self) -> None:
        """Row ids mean nothing any more."""
        self._backlog = Backlog()
        self._media_backlog = self._media_given = None

    def leave_memory(self) -> None:
        """What memory held is on disk now."""
        if self.memory is not None:
            self._shed_before += self.memory.shed
        self.memory, self._memory_backlog = None, Backlog()

    # --- what is owed ---

    @property
    def _media_deletes(self) -> set[int]:
        return self._media_backlog.pending_deletes if self._media_backlog is not None else set()

    def pending_deletes(self, most: int = sys.maxsize) -> DeleteBatch:
        """Of the ranges that the centre confirmed, no more than so many rows."""
        backlog, media = self._backlog, frozenset(self._media_deletes)
        damaged = frozenset(self.disk.damaged) if self.disk is not None else frozenset()
        single = backlog.pending_deletes.single - damaged
        sent = backlog.send_cursors
        return DeleteBatch(single, damaged, media, backlog.pending_deletes.part(most), sent.text, sent.count)

    def is_delivered(self, row: int) -> bool:
        """Whether the disk still holds it only because its deletion is owed."""
        return row in self._backlog.pending_deletes and (self.disk is None or row not in self.disk.damaged)

    @property
    def pending_delete_count(self) -> int:
        """At most so many."""
        return self._backlog.pending_deletes.at_most + len(self._media_deletes)

    def settle(self, owed: DeleteBatch) -> None:
        """These deletions are committed."""
        self._backlog.pending_deletes.settle(owed.events | owed.damaged, owed.ranges)
        if self._media_backlog is not None:
            self._media_backlog.pending_deletes -= owed.media
        if (disk := self.disk) is not None:
            disk.damaged -= owed.damaged
            self._backlog.send_cursors.confirmed(disk.counters.delivered - self._settled)
            self._settled = disk.counters.delivered
            shed, disk.shed_rows = disk.shed_rows, []
            for row in shed:
                self._backlog.forget(row)
                self._backlog.send_cursors.gone(row)

    # --- events ---

    def pending(
        self, limit: int, exclude: Collection[Key], now: float, max_resends: int
    ) -> list[StoredEvent]:
        """At most ``max_resends`` of them were stored by an earlier run or sent before."""
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
        """What comes again before what is new, as it is older; each of disk and memory."""
        stores: list[tuple[Backlog, DiskStore | MemoryStore]] = []
        disk, memory = self.readable, self.memory
        if disk is not None and (
            memory is None or self._backlog.pending_deletes.at_most <= MAX_PENDING_DELETES
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
        # What memory holds of the disk's events is given from there only.
        hidden = self.memory.unsure_rows if self.memory is not None and store is self.disk else frozenset()
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
        """Before the first use: see what an earlier run left behind."""
        disk, backlog = self.readable, self._backlog
        if disk is None or backlog.begun:
            return
        backlog.begin(disk.found, disk.sent_before)
        # Written down, not counted: counting reads the whole database, which takes seconds from a card.
        backlog.send_cursors.found_sent(min(disk.found_depth, disk.sent_count_before))

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
        """Nobody has it, unless it is confirmed: an earlier copy may have arrived."""
        row, backlog = self._find(key)
        if row is not None and row not in backlog.pending_deletes:
            backlog.send_cursors.refuse(row)
            backlog.defer(row, not_before_mono, now)

    def _find(self, key: Key) -> tuple[int | None, Backlog]:
        sequence, epoch = key
        if self.memory is not None and self.memory.knows(sequence, epoch):
            return self.memory.find(sequence, epoch), self._memory_backlog
        disk = self.readable
        return disk.find(sequence, epoch) if disk is not None else None, self._backlog

    def _waits(self, key: Key) -> bool:
        """Whether that event still has to be delivered."""
        row, backlog = self._find(key)
        return row is not None and row not in backlog.pending_deletes

    # --- what the centre confirms ---

    def sent(self, event: StoredEvent) -> None:
        memory, disk = self.memory, self.disk
        if memory is not None and memory.knows(*event.key):
            self._memory_backlog.send_cursors.note(memory.row_of(event))
        elif disk is not None and (row := disk.row_of(event)) is not None:
            self._backlog.send_cursors.note(row)

    def unconfirmed(self, key: Key, not_before_mono: float, now: float) -> None:
        """The broker has it."""
        row, backlog = self._find(key)
        if row is not None and row not in backlog.pending_deletes:
            backlog.send_cursors.accept(row)
            backlog.defer(row, not_before_mono, now)

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        """The centre has these events of the epoch; what was not sent stays."""
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
        unsure = memory is not None and self._confirm_in_memory(memory, epoch, upto, frozenset(also))
        if base + highest > last:
            # Of a store that went back, the beginning of that epoch is here: the centre has the rest as well.
            upto, also = min(upto, last - base), [each for each in also if base + each <= last]
        news = upto > 0 and self._confirm_upto(disk, base, base + upto)
        return _confirmation(
            self._confirm_single(disk, [base + sequence for sequence in also]) or news or unsure
        )

    def of_this_run(self, epoch: str) -> list[int]:
        """Rows of an epoch that is over, stored since the database was opened, that are not confirmed; in the
        order of their numbers."""
        disk = self.disk
        span = disk.epochs.span(epoch, disk.counters.n) if disk is not None else None
        if disk is None or span is None:
            return []
        parts = ((max(disk.found[rank], row_id(rank, span[0])), row_id(rank, span[1])) for rank in Rank)
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
        if self._media_given is not None and self._media_given[0] == media_id:
            return self._media_given[1]  # the table has no index over the ids
        disk = self.readable
        return disk.find_media(media_id) if disk is not None else None

    def keep_media(self, ticket: AppendRequest) -> bool:
        """Hold the picture of a ticket in memory when no row on disk knows it; True when it did."""
        media = ticket.draft.media
        if media is None or ticket.stamp is None or (ticket.media_saved and self.memory is None):
            return False
        self._memory_media.add((ticket.stamp.sequence, ticket.stamp.epoch), media)
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
                self._media_given = (media.media_id, row)
                return media
            if disk.has_media(row):  # its file is damaged
                backlog.pending_deletes.add(row)
            else:
                backlog.drop_first()
        return None

    # --- health ---

    def stats(self, degraded: str | None, now: float) -> OutboxStats:
        disk, memory = self.readable, self.memory
        tally = disk.counters if disk else None  # before what is owed is counted: see ``_owed_events``
        owed = self._event_delete_count(disk) if disk else 0
        depth = tally.depth - owed if tally else 0
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
            unconfirmed=self._unconfirmed(owed),
            oldest_unconfirmed_s=oldest_unconfirmed_s,
            damaged=self._damaged_before + (disk.counters.damaged if disk else 0),
        )

    def _event_delete_count(self, disk: DiskStore) -> int:
        # Counted as stored, not as owed: between a commit and ``settle`` what is owed is gone already.
        owed = self._backlog.pending_deletes
        counted = sum(disk.count(low, high, COUNTED_ROWS) for low, high in owed.ranges)
        return min(disk.counters.depth, disk.stored_events(owed.single) + counted)

    def _unconfirmed(self, owed: int) -> int:
        count = 0
        if self.memory is not None and self._memory_backlog.send_cursors.count:
            count = sum(entry.row in self._memory_backlog.send_cursors for entry in self.memory.entries())
        if self.disk is not None and self._backlog.send_cursors.count:
            count += max(0, self._backlog.send_cursors.count - owed)
        return count

    def _oldest_s(self, now: float) -> tuple[float, float]:
        """Age of the oldest event that waits, and of the oldest one that was sent."""
        ages, sent = [0.0], [0.0]
        if self.memory is not None and (mono := self.memory.oldest_mono()) is not None:
            ages.append(now - mono)
        disk = self.readable
        for rank in Rank if disk is not None else ():
            assert disk is not None
            if (oldest := disk.oldest(rank, self._backlog.pending_deletes)) is not None:
                # Another boot's clock says nothing now, except that it is older than this boot.
                age = now if oldest.mono is None else now - oldest.mono
                ages.append(age)
                if self._backlog.send_cursors.count and oldest.row in self._backlog.send_cursors:
                    sent.append(age)
        return max(ages), max(sent)


def _confirmation(news: bool) -> Confirmation:
    return Confirmation.NEWS if news else Confirmation.NOTHING_NEW
