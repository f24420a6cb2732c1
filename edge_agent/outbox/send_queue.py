"""What the publisher sees: the events and pictures of disk and memory as one queue."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain

from edge_agent.outbox.backlog import Backlog
from edge_agent.outbox.disk import DiskStore
from edge_agent.outbox.media_backlog import MediaBacklog
from edge_agent.outbox.memory import MemoryMedia, MemoryStore
from edge_agent.outbox.order import Rank
from edge_agent.outbox.ticket import Ticket
from edge_agent.outbox.transaction import Owed
from edge_agent.outbox_model import Media, OutboxStats, StoredEvent

MAX_OWED_IN_MEMORY = 10_000
"""Delivered events that could not be deleted: beyond this the backlog of a full disk waits."""

Key = tuple[int, str]
"""(sequence, epoch) of an event."""


class SendQueue:
    """Which event goes next, and what is owed to the disk. The caller locks.

    ``disk`` is None while it cannot be read, ``memory`` is None while the disk takes events. Errors of
    SQLite leave its methods untranslated.
    """

    def __init__(self) -> None:
        self.disk: DiskStore | None = None
        self.memory: MemoryStore | None = None
        self._backlog = Backlog()
        self._memory_backlog = Backlog()
        self._memory_media = MemoryMedia()
        self._media_backlog: MediaBacklog | None = None  # None: to be made from the rows on disk
        self._media_given: tuple[str, int] | None = None  # id and row of the one given last
        self._shed_before = 0  # by stores that are closed
        self._media_shed_before = 0

    # --- changes of the stores ---

    def close_disk(self) -> None:
        if self.disk is not None:
            self._shed_before += self.disk.tally.shed
            self._media_shed_before += self.disk.tally.media_shed
            self.disk.close()
            self.disk = None

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
    def _owed_media(self) -> set[int]:
        return self._media_backlog.owed if self._media_backlog is not None else set()

    @property
    def owed(self) -> Owed:
        return Owed(frozenset(self._backlog.owed), frozenset(self._owed_media))

    @property
    def owed_count(self) -> int:
        return len(self._backlog.owed) + len(self._owed_media)

    def settle(self, owed: Owed) -> None:
        """These deletions are committed."""
        self._backlog.owed -= owed.events
        if self._media_backlog is not None:
            self._media_backlog.owed -= owed.media

    # --- events ---

    def pending(self, limit: int, exclude: Collection[Key], now: float) -> list[StoredEvent]:
        self._backlog.advance(now)
        self._memory_backlog.advance(now)
        found: list[StoredEvent] = []
        for rank in Rank:
            events = chain(self._disk_events(rank), self._memory_events(rank))
            for event in events:
                if len(found) == limit:
                    return found
                if event.key not in exclude:
                    found.append(event)
        return found

    def _disk_events(self, rank: Rank) -> Iterator[StoredEvent]:
        disk, backlog = self.disk, self._backlog
        if disk is None or (self.memory is not None and len(backlog.owed) > MAX_OWED_IN_MEMORY):
            return
        rows = disk.rows(rank, backlog.passed(rank))
        for row in _merged(backlog.due(rank), backlog.fresh(rank, rows)):
            event = disk.load(row, backlog.attempts(row))
            if event is None:
                backlog.forget(row)
            else:
                yield event

    def _memory_events(self, rank: Rank) -> Iterator[StoredEvent]:
        memory, backlog = self.memory, self._memory_backlog
        if memory is None:
            return
        for row in _merged(backlog.due(rank), backlog.fresh(rank, iter(memory.rows(rank)))):
            event = memory.load(row, backlog.attempts(row))
            if event is None:
                backlog.forget(row)
            else:
                yield event

    def delivered(self, key: Key) -> None:
        row, backlog = self._find(key)
        if row is None:
            return
        backlog.forget(row)
        if backlog is self._backlog:
            backlog.owed.add(row)
            if self._media_backlog is not None and self.disk is not None and self.disk.has_media(row):
                self._media_backlog.release(row)
        elif self.memory is not None:
            self.memory.remove(row)

    def defer(self, key: Key, not_before_mono: float, now: float) -> None:
        row, backlog = self._find(key)
        if row is not None:
            backlog.defer(row, not_before_mono, now)

    def _find(self, key: Key) -> tuple[int | None, Backlog]:
        sequence, epoch = key
        if self.memory is not None and epoch == self.memory.epoch:
            return self.memory.find(sequence), self._memory_backlog
        return self.disk.find(sequence, epoch) if self.disk is not None else None, self._backlog

    def _waits(self, key: Key) -> bool:
        """Whether that event still has to be delivered."""
        row, backlog = self._find(key)
        return row is not None and row not in backlog.owed

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
            self._media_backlog.owed.add(row)

    def defer_media(self, media_id: str, not_before_mono: float) -> None:
        if self._memory_media.defer(media_id, not_before_mono):
            return
        row = self._media_row(media_id)
        if row is not None and self._media_backlog is not None:
            self._media_backlog.defer(row, not_before_mono)

    def _media_row(self, media_id: str) -> int | None:
        if self._media_given is not None and self._media_given[0] == media_id:
            return self._media_given[1]  # the table has no index over the ids
        return self.disk.find_media(media_id) if self.disk is not None else None

    def keep_media(self, ticket: Ticket) -> bool:
        """Hold the picture of a ticket in memory when no row on disk knows it; True when it did."""
        media = ticket.draft.media
        if media is None or ticket.stamp is None or (ticket.media_saved and self.memory is None):
            return False
        self._memory_media.add((ticket.stamp.sequence, ticket.stamp.epoch), media)
        return True

    def _disk_media(self, now: float) -> Media | None:
        disk = self.disk
        if disk is None:
            return None
        backlog = self._media_backlog
        if backlog is None:
            rows = disk.media_rows()
            ready = (row for row, stored in rows if not stored or row in self._backlog.owed)
            backlog = self._media_backlog = MediaBacklog(ready)
        while (row := backlog.first(now)) is not None:
            media = disk.load_media(row)
            if media is not None:
                self._media_given = (media.media_id, row)
                return media
            if disk.has_media(row):  # its file is damaged
                backlog.owed.add(row)
            else:
                backlog.drop_first()
        return None

    # --- health ---

    def stats(self, degraded: str | None, now: float) -> OutboxStats:
        disk, memory = self.disk, self.memory
        depth = disk.tally.depth - len(self._backlog.owed) if disk else 0
        size = disk.bytes_used() if disk else 0
        media_depth = len(self._memory_media) + (disk.tally.media - len(self._owed_media) if disk else 0)
        shed = self._shed_before + (disk.tally.shed if disk else 0) + (memory.shed if memory else 0)
        if memory is not None:
            sequence, epoch = memory.sequence, memory.epoch
            depth, size = depth + memory.depth, size + memory.bytes + self._memory_media.bytes
        else:
            sequence, epoch = (disk.sequence, disk.epochs.current.name) if disk else (0, "")
        media_shed = self._media_shed_before + self._memory_media.shed
        media_shed += disk.tally.media_shed if disk else 0
        oldest_s = self._oldest_s(now)
        return OutboxStats(depth, size, oldest_s, sequence, epoch, media_depth, degraded, shed, media_shed)

    def _oldest_s(self, now: float) -> float:
        ages = [0.0]
        if self.memory is not None and (mono := self.memory.oldest_mono()) is not None:
            ages.append(now - mono)
        if self.disk is not None:
            skip = frozenset(self._backlog.owed)
            for this_boot, mono in filter(None, (self.disk.oldest(rank, skip) for rank in Rank)):
                # Another boot's clock says nothing now, except that it is older than this boot.
                ages.append(now - mono if this_boot else now)
        return max(ages)


def _merged(due: list[int], fresh: Iterator[int]) -> Iterator[int]:
    """Both ascending, ascending. What came due and is new are never the same row."""
    waiting = iter(due)
    following = next(waiting, None)
    for row in fresh:
        while following is not None and following < row:
            yield following
            following = next(waiting, None)
        yield row
    while following is not None:
        yield following
        following = next(waiting, None)
