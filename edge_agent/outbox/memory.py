"""Stores events in memory while the disk fails. Bounded; lost when the agent stops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edge_agent.core.delivery import GENESIS_HASH, Draft, Loss, Media, OpenEvent, Stamp, StoredEvent
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.numbering import (
    LOSS_KIND,
    SHED_ORDER,
    Rank,
    digest,
    n_of,
    priority_of,
    rank_for,
    rank_of,
    rank_of_event,
    row_id,
)

log = logging.getLogger(__name__)

MAX_BYTES = 4_000_000
MAX_MEDIA_BYTES = 2_000_000
OVERHEAD_BYTES = 400  # of one entry beside its payload: Python objects and dict slots
REASON = "memory-full"


@dataclass(frozen=True, slots=True, eq=False)
class MemoryEntry:
    row: int
    mono: float
    camera: str
    kind: str
    payload: bytes
    sequence: int
    epoch: str

    @property
    def size(self) -> int:
        return len(self.payload) + OVERHEAD_BYTES


class MemoryStore:
    """The events of one epoch without a disk, and those whose commit failed. The caller locks.

    ``in_doubt``: events whose commit failed, so it is not known whether the disk has them. SQLite may find
    them in its log after a kill, so they keep the stamps and bytes that they had on the disk.
    """

    def __init__(
        self, epoch: str, encode_loss: Callable[[Stamp, Loss], bytes], in_doubt: Sequence[AppendRequest] = ()
    ) -> None:
        self.epoch = epoch
        self.sequence = 0
        self.in_doubt: dict[tuple[int, str], int] = {}  # key -> row in memory; the disk has another ``n``
        self.in_doubt_rows = frozenset(request.row for request in in_doubt)  # the rows on the disk
        self.bytes = 0
        self.shed = 0
        self._head = GENESIS_HASH
        self._stored: list[StoredEvent] = []
        self._encode_loss = encode_loss
        self._entries: dict[Rank, dict[int, MemoryEntry]] = {rank: {} for rank in Rank}
        self._unannounced: list[tuple[int, int]] = []
        for n, request in enumerate(in_doubt, start=1):
            self._add_in_doubt(n, request)
        self._base = len(in_doubt)
        self._in_doubt_head = digest(in_doubt[-1].payload) if in_doubt else None

    def _add_in_doubt(self, n: int, request: AppendRequest) -> None:
        draft, stamp = request.draft, request.stamp
        assert stamp is not None
        row = row_id(rank_of(request.row), n)
        key = (draft.camera, draft.kind, request.payload, stamp.sequence, stamp.epoch)
        entry = MemoryEntry(row, request.created_mono, *key)
        self._entries[rank_of(row)][row] = entry
        self.bytes += entry.size
        self.in_doubt[stamp.sequence, stamp.epoch] = row
        self._stored.append(_event(entry, 0))

    def write(self, request: AppendRequest) -> None:
        """Stamp and store the event; shed the least important ones, oldest first, when memory is full."""
        draft = request.draft
        stamp = self._next_stamp()
        payload = request.encode(stamp)
        if payload is None:
            return
        rank = rank_for(draft.severity, draft.kind)
        self._add(rank, request.created_mono, draft.camera, draft.kind, payload)
        self._shed_excess()
        self.announce(request.created_mono)

    def announce(self, mono: float) -> None:
        """Add a loss event for what was shed, unless an earlier loss event still waits."""
        if not self._unannounced or self._entries[Rank.LOSS]:
            return
        ranges = tuple(sorted(self._unannounced))
        self._unannounced = []
        loss = Loss(self.epoch, ranges, sum(b - a + 1 for a, b in ranges), REASON)
        payload = self._encode_loss(self._next_stamp(), loss)
        self._add(Rank.LOSS, mono, "gateway", LOSS_KIND, payload)

    def pop_stored(self) -> list[StoredEvent]:
        """Return the events stored since the last call, in the order of the chain."""
        stored, self._stored = self._stored, []
        return stored

    @property
    def head(self) -> str | None:
        """SHA-256 of the newest event; None when there was none."""
        return self._head if self.sequence else self._in_doubt_head

    @property
    def depth(self) -> int:
        return sum(len(entries) for entries in self._entries.values())

    def entries(self) -> list[MemoryEntry]:
        """Return all events in the order they were stored."""
        every = [entry for entries in self._entries.values() for entry in entries.values()]
        return sorted(every, key=lambda entry: n_of(entry.row))

    def shed_ranges(self) -> list[tuple[int, int]]:
        """Return ranges of sequences that were shed and not announced."""
        return sorted(self._unannounced)

    def rows(self, after: int, last: int) -> list[int]:
        """Return the rows after ``after`` and up to ``last``, ascending."""
        return [row for row in self._entries[rank_of(last)] if after < row <= last]

    def row_of(self, event: StoredEvent) -> int:
        in_doubt = self.in_doubt.get(event.key)
        n = self._base + event.sequence
        return row_id(rank_of_event(event.priority, event.kind), n) if in_doubt is None else in_doubt

    def holds(self, row: int) -> bool:
        return row in self._entries[rank_of(row)]

    def load(self, row: int, attempts: int) -> StoredEvent | None:
        entry = self._entries[rank_of(row)].get(row)
        return None if entry is None else _event(entry, attempts)

    def knows(self, sequence: int, epoch: str) -> bool:
        """Return whether that event is of this store: of its epoch, or one of those in doubt."""
        return epoch == self.epoch or (sequence, epoch) in self.in_doubt

    def find(self, sequence: int, epoch: str) -> int | None:
        if (in_doubt := self.in_doubt.get((sequence, epoch))) is not None:
            return in_doubt if self.holds(in_doubt) else None
        if epoch != self.epoch:
            return None
        rows = (row_id(rank, self._base + sequence) for rank in Rank)
        return next((row for row in rows if self.holds(row)), None)

    def highest(self, epoch: str) -> int:
        """Return the highest sequence of that epoch in this store; 0 for none."""
        if epoch == self.epoch:
            return self.sequence
        return max((sequence for sequence, name in self.in_doubt if name == epoch), default=0)

    def remove(self, row: int) -> None:
        entry = self._entries[rank_of(row)].pop(row, None)
        if entry is not None:
            self.bytes -= entry.size

    def oldest_mono(self) -> float | None:
        return min((entry.mono for entry in self.entries()), default=None)

    def _next_stamp(self) -> Stamp:
        return Stamp(self.sequence + 1, self.epoch, self._head)

    def _add(self, rank: Rank, mono: float, camera: str, kind: str, payload: bytes) -> None:
        """Add the next event of the chain."""
        self.sequence += 1
        row = row_id(rank, self._base + self.sequence)
        entry = MemoryEntry(row, mono, camera, kind, payload, self.sequence, self.epoch)
        self._entries[rank][row] = entry
        self.bytes += entry.size
        self._head = digest(payload)
        self._stored.append(_event(entry, 0))

    def _shed_excess(self) -> None:
        for rank in SHED_ORDER:
            for row in list(self._entries[rank]):
                if self.bytes <= MAX_BYTES:
                    return
                if n_of(row) > self._base:  # keeps those in doubt: they are few, and of another epoch
                    self.remove(row)
                    self._note(n_of(row) - self._base)

    def _note(self, sequence: int) -> None:
        self.shed += 1
        if self._unannounced and self._unannounced[-1][1] == sequence - 1:
            self._unannounced[-1] = (self._unannounced[-1][0], sequence)
        else:
            self._unannounced.append((sequence, sequence))


def _event(entry: MemoryEntry, attempts: int) -> StoredEvent:
    key, priority = (entry.sequence, entry.epoch), priority_of(entry.row)
    return StoredEvent(*key, entry.camera, entry.kind, priority, attempts, entry.payload)


class MemoryMedia:
    """Pictures whose file could not be written, by the key of their event. The caller locks.

    When it is full, the oldest picture is dropped with a log line: an event is worth more than a picture. A
    file that is larger than the whole limit is dropped itself.
    """

    def __init__(self, max_bytes: int = MAX_MEDIA_BYTES) -> None:
        self._max_bytes = max_bytes
        self._media: dict[tuple[int, str], Media] = {}
        self._not_before: dict[str, float] = {}  # of the deferred ones, by media id
        self.shed = 0

    def add(self, key: tuple[int, str], media: Media) -> None:
        if len(media.payload) > self._max_bytes:
            self.shed += 1
            log.warning("media %s: too large for memory; it is dropped", media.media_id)
            return
        self._media[key] = media
        while self.bytes > self._max_bytes:
            oldest = next(iter(self._media.values())).media_id
            self.remove(oldest)
            self.shed += 1
            log.warning("media %s: no room in memory; it is dropped", oldest)

    def remove(self, media_id: str) -> bool:
        self._not_before.pop(media_id, None)
        key = next((key for key, media in self._media.items() if media.media_id == media_id), None)
        return key is not None and self._media.pop(key) is not None

    def defer(self, media_id: str, not_before_mono: float) -> bool:
        """Return False when the picture is not in memory."""
        found = any(media.media_id == media_id for media in self._media.values())
        if found:
            self._not_before[media_id] = not_before_mono
        return found

    def due(self, now: float) -> list[tuple[tuple[int, str], Media]]:
        """Return the pictures that are not deferred, with the keys of their events, oldest first."""
        every = self._media.items()
        return [(key, media) for key, media in every if self._not_before.get(media.media_id, now) <= now]

    @property
    def bytes(self) -> int:
        return sum(len(media.payload) for media in self._media.values())

    def __len__(self) -> int:
        return len(self._media)


class OpenEvents:
    """The open events, to be written to a new database or to a disk that works again. The caller locks."""

    def __init__(self) -> None:
        self._open: dict[str, OpenEvent] = {}
        self._left: dict[str, OpenEvent] = {}  # the open events of an earlier run
        self._closed: set[str] = set()  # ids of ended events; their rows may still have to be deleted

    def restore(self, on_disk: Iterable[OpenEvent]) -> None:
        """Add a disk's open events. An earlier run left those open that this run did not open or close."""
        for event in on_disk:
            if event.event_id not in self._open and event.event_id not in self._closed:
                self._open[event.event_id] = self._left[event.event_id] = event

    def note(self, draft: Draft, *, on_disk: bool) -> None:
        """Apply a stored draft. ``on_disk``: whether the transaction has changed the rows as well."""
        if draft.opens is not None:
            self._open[draft.opens.event_id] = draft.opens
        if draft.closes is not None:
            self.close(draft.closes, on_disk=on_disk)

    def close(self, event_id: str, *, on_disk: bool) -> None:
        self._open.pop(event_id, None)
        self._left.pop(event_id, None)
        if not on_disk:
            self._closed.add(event_id)

    def row_deleted(self, event_id: str) -> None:
        self._closed.discard(event_id)

    def clear_closed(self) -> None:
        self._closed.clear()

    def all(self) -> list[OpenEvent]:
        return list(self._open.values())

    def left_open(self) -> list[OpenEvent]:
        return list(self._left.values())

    def closed(self) -> list[str]:
        """Return the ids whose rows are to be deleted."""
        return list(self._closed)
