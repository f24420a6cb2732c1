"""The two stores of the outbox, disk and memory, with the sending order of each."""

from __future__ import annotations

import sys

from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.backlog import Backlog
from edge_agent.outbox.media import MediaBacklog
from edge_agent.outbox.memory import MemoryMedia, MemoryStore, OpenEvents
from edge_agent.outbox.numbering import Rank
from edge_agent.outbox.sqlite.disk import DiskStore
from edge_agent.outbox.sqlite.transaction import DeleteBatch
from edge_agent.wire import OutboxHealth

MAX_COUNTED_ROWS = 10_000
"""A longer confirmed range counts as if all of its numbers were stored: counting would read the whole range
for each heartbeat."""


class Stores:
    """Disk and memory, the backlog of each, and the open events. The caller locks.

    ``disk`` is None while it cannot be read, ``memory`` is None while events are stored on disk. The methods
    raise SQLite's own errors.
    """

    def __init__(self) -> None:
        self.disk: DiskStore | None = None
        self.hangs = False  # True: the disk does not answer the writer, so its events are not read either
        self.memory: MemoryStore | None = None
        self.open_events = OpenEvents()
        self.disk_backlog = Backlog()
        self.memory_backlog = Backlog()
        self.memory_media = MemoryMedia()
        self.media_backlog: MediaBacklog | None = None  # of the disk; None: not yet read from it
        self._counted_deliveries = 0  # deliveries of this disk already passed to the send cursors
        self._shed_before = 0  # events that were shed by stores that are closed now
        self._media_shed_before = 0
        self._damaged_before = 0

    @property
    def readable(self) -> DiskStore | None:
        return None if self.hangs else self.disk

    # --- replacing a store ---

    def close_disk(self) -> None:
        if self.disk is not None:
            self._shed_before += self.disk.counters.shed
            self._media_shed_before += self.disk.counters.media_shed
            self._damaged_before += self.disk.counters.damaged
            self.disk.close()
            self.disk, self._counted_deliveries = None, 0

    def disk_was_replaced(self) -> None:
        """Forget all row ids: the new database has other ones."""
        self.disk_backlog = Backlog()
        self.media_backlog = None
        if self.disk is not None:
            self.disk.damaged = set()

    def leave_memory(self) -> None:
        """Drop the memory store, because its events are on disk now."""
        if self.memory is not None:
            self._shed_before += self.memory.shed
        self.memory, self.memory_backlog = None, Backlog()

    def keep_media(self, request: AppendRequest) -> bool:
        """Keep the picture of a request in memory if it has no row on disk; return whether it was kept."""
        media = request.draft.media
        if media is None or request.stamp is None or (request.media_saved and self.memory is None):
            return False
        self.memory_media.add((request.stamp.sequence, request.stamp.epoch), media)
        return True

    # --- rows to delete from the disk ---

    @property
    def _media_deletes(self) -> set[int]:
        return self.media_backlog.pending_deletes if self.media_backlog is not None else set()

    def pending_deletes(self, max_rows: int = sys.maxsize) -> DeleteBatch:
        """Return the rows to delete, with at most ``max_rows`` rows of ranges that the centre confirmed."""
        deletes, sent = self.disk_backlog.pending_deletes, self.disk_backlog.send_cursors
        damaged = frozenset(self.disk.damaged) if self.disk is not None else frozenset()
        media, ranges = frozenset(self._media_deletes), deletes.first_ranges(max_rows)
        return DeleteBatch(deletes.single - damaged, damaged, media, ranges, sent.text, sent.count)

    def is_delivered(self, row: int) -> bool:
        """Return whether the row is delivered and only waits for its deletion."""
        damaged = self.disk is not None and row in self.disk.damaged
        return row in self.disk_backlog.pending_deletes and not damaged

    @property
    def pending_delete_count(self) -> int:
        """Upper bound of the number of rows to delete."""
        return self.disk_backlog.pending_deletes.max_count + len(self._media_deletes)

    def deletes_committed(self, deletes: DeleteBatch) -> None:
        """Remove these deletions from the pending ones, because the disk has committed them."""
        backlog = self.disk_backlog
        backlog.pending_deletes.committed(deletes.events | deletes.damaged, deletes.ranges)
        if self.media_backlog is not None:
            self.media_backlog.pending_deletes -= deletes.media
        if (disk := self.disk) is not None:
            disk.damaged -= deletes.damaged
            backlog.send_cursors.confirmed(disk.counters.delivered - self._counted_deliveries)
            self._counted_deliveries = disk.counters.delivered
            shed, disk.shed_rows = disk.shed_rows, []
            for row in shed:
                backlog.forget(row)
                backlog.send_cursors.remove(row)

    # --- health ---

    def stats(self, degraded: str | None, now: float) -> OutboxHealth:
        """Return the numbers that health reports; ``degraded`` is passed on."""
        disk, memory = self.readable, self.memory
        # Read the counters before ``_event_delete_count``: the writer may commit in between.
        counters = disk.counters if disk else None
        delete_count = self._event_delete_count(disk) if disk else 0
        depth = counters.depth - delete_count if counters else 0
        size = disk.bytes_used() if disk else 0
        media_depth = disk.counters.media - len(disk.stored("media", self._media_deletes)) if disk else 0
        media_depth += len(self.memory_media)
        shed = self._shed_before + (disk.counters.shed if disk else 0) + (memory.shed if memory else 0)
        if memory is not None:
            sequence, epoch = memory.sequence, memory.epoch
            depth, size = depth + memory.depth, size + memory.bytes + self.memory_media.bytes
        else:
            sequence, epoch = (disk.sequence, disk.epochs.current.name) if disk else (0, "")
        media_shed = self._media_shed_before + self.memory_media.shed
        media_shed += disk.counters.media_shed if disk else 0
        oldest_s, oldest_unconfirmed_s = self._oldest_s(now)
        return OutboxHealth(
            depth=depth,
            bytes=size,
            oldest_s=round(oldest_s, 1),
            sequence=sequence,
            epoch=epoch,
            media_depth=media_depth,
            degraded=degraded,
            shed=shed,
            media_shed=media_shed,
            unconfirmed=self._unconfirmed(delete_count),
            oldest_unconfirmed_s=round(oldest_unconfirmed_s, 1),
            damaged=self._damaged_before + (disk.counters.damaged if disk else 0),
        )

    def _event_delete_count(self, disk: DiskStore) -> int:
        # Only rows that are still stored: between a commit and ``deletes_committed`` they are gone already.
        deletes = self.disk_backlog.pending_deletes
        counted = sum(disk.count(low, high, MAX_COUNTED_ROWS) for low, high in deletes.ranges)
        return min(disk.counters.depth, len(disk.stored("event", deletes.single)) + counted)

    def _unconfirmed(self, delete_count: int) -> int:
        count = 0
        if self.memory is not None and self.memory_backlog.send_cursors.count:
            count = sum(entry.row in self.memory_backlog.send_cursors for entry in self.memory.entries())
        if self.disk is not None and self.disk_backlog.send_cursors.count:
            count += max(0, self.disk_backlog.send_cursors.count - delete_count)
        return count

    def _oldest_s(self, now: float) -> tuple[float, float]:
        """Return the age of the oldest waiting event, and of the oldest one that was sent."""
        ages, sent = [0.0], [0.0]
        if self.memory is not None and (mono := self.memory.oldest_mono()) is not None:
            ages.append(now - mono)
        disk = self.readable
        for rank in Rank if disk is not None else ():
            assert disk is not None
            if (oldest := disk.oldest(rank, self.disk_backlog.pending_deletes)) is not None:
                # The monotonic time of another boot cannot be compared; the event is older than this boot.
                age = now if oldest.mono is None else now - oldest.mono
                ages.append(age)
                if self.disk_backlog.send_cursors.count and oldest.row in self.disk_backlog.send_cursors:
                    sent.append(age)
        return max(ages), max(sent)
