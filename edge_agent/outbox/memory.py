"""Where events wait while the disk cannot take them. Bounded; gone when the agent stops."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.outbox.chain import digest
from edge_agent.outbox.order import (
    LOSS_KIND,
    SHED_ORDER,
    Rank,
    n_of,
    priority_of,
    rank_for,
    rank_of,
    rank_of_event,
    row_id,
)
from edge_agent.outbox.ticket import Ticket
from edge_agent.outbox_model import NOTHING_BEFORE, Loss, Media, Stamp, StoredEvent

log = logging.getLogger(__name__)

MAX_BYTES = 4_000_000
MAX_MEDIA_BYTES = 2_000_000
OVERHEAD_BYTES = 400  # of one entry beside its payload: Python objects and dict slots
REASON = "memory-full"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    row: int
    mono: float
    camera: str
    kind: str
    payload: bytes

    @property
    def size(self) -> int:
        return len(self.payload) + OVERHEAD_BYTES


class MemoryStore:
    """The events of one epoch without a disk. The caller locks."""

    def __init__(
        self, epoch: str, encode_loss: Callable[[Stamp, Loss], bytes], max_bytes: int = MAX_BYTES
    ) -> None:
        self.epoch = epoch
        self.sequence = 0
        self.bytes = 0
        self.shed = 0
        self._head = NOTHING_BEFORE
        self._stored: list[StoredEvent] = []
        self._max_bytes = max_bytes
        self._encode_loss = encode_loss
        self._entries: dict[Rank, dict[int, Entry]] = {rank: {} for rank in Rank}
        self._unannounced: list[tuple[int, int]] = []

    def write(self, ticket: Ticket) -> None:
        """Stamp and keep; sheds the least important, oldest first, when it does not fit."""
        draft = ticket.draft
        stamp = self._next_stamp()
        payload = ticket.encode(stamp)
        if payload is None:
            return
        ticket.stamp = stamp
        ticket.row = row_id(rank_for(draft.severity, draft.kind), stamp.sequence)
        self._add(Entry(ticket.row, ticket.created_mono, draft.camera, draft.kind, payload))
        self._make_room()
        self.announce(ticket.created_mono)

    def announce(self, mono: float) -> None:
        """Say what was shed, unless an earlier loss event still waits."""
        if not self._unannounced or self._entries[Rank.LOSS]:
            return
        ranges = tuple(sorted(self._unannounced))
        self._unannounced = []
        loss = Loss(self.epoch, ranges, sum(b - a + 1 for a, b in ranges), REASON)
        stamp = self._next_stamp()
        payload = self._encode_loss(stamp, loss)
        self._add(Entry(row_id(Rank.LOSS, stamp.sequence), mono, "gateway", LOSS_KIND, payload))

    def take_stored(self) -> list[StoredEvent]:
        """What is new since the last call, in the order of the chain."""
        stored, self._stored = self._stored, []
        return stored

    # --- reading ---

    @property
    def head(self) -> str:
        """SHA-256 of the newest event."""
        return self._head

    @property
    def depth(self) -> int:
        return sum(len(entries) for entries in self._entries.values())

    def entries(self) -> list[Entry]:
        """All of them in the order they were stored."""
        every = [entry for entries in self._entries.values() for entry in entries.values()]
        return sorted(every, key=lambda entry: n_of(entry.row))

    def shed_ranges(self) -> list[tuple[int, int]]:
        """Sequences that were shed and not announced."""
        return sorted(self._unannounced)

    def rows(self, after: int, last: int) -> list[int]:
        """Rows behind ``after`` and up to ``last``, ascending."""
        return [row for row in self._entries[rank_of(last)] if after < row <= last]

    def row_of(self, event: StoredEvent) -> int:
        return row_id(rank_of_event(event.priority, event.kind), event.sequence)

    def holds(self, row: int) -> bool:
        return row in self._entries[rank_of(row)]

    def load(self, row: int, attempts: int) -> StoredEvent | None:
        entry = self._entries[rank_of(row)].get(row)
        return None if entry is None else _event(entry, self.epoch, attempts)

    def find(self, sequence: int) -> int | None:
        rows = (row_id(rank, sequence) for rank in Rank)
        return next((row for row in rows if self.holds(row)), None)

    def remove(self, row: int) -> None:
        entry = self._entries[rank_of(row)].pop(row, None)
        if entry is not None:
            self.bytes -= entry.size

    def oldest_mono(self) -> float | None:
        return min(
            (entry.mono for entries in self._entries.values() for entry in entries.values()), default=None
        )

    # --- room ---

    def _next_stamp(self) -> Stamp:
        return Stamp(self.sequence + 1, self.epoch, self._head)

    def _add(self, entry: Entry) -> None:
        self._entries[rank_of(entry.row)][entry.row] = entry
        self.bytes += entry.size
        self.sequence = n_of(entry.row)
        self._head = digest(entry.payload)
        self._stored.append(_event(entry, self.epoch, 0))

    def _make_room(self) -> None:
        for rank in SHED_ORDER:
            while self.bytes > self._max_bytes and self._entries[rank]:
                row = next(iter(self._entries[rank]))
                self.remove(row)
                self._note(n_of(row))

    def _note(self, sequence: int) -> None:
        self.shed += 1
        if self._unannounced and self._unannounced[-1][1] == sequence - 1:
            self._unannounced[-1] = (self._unannounced[-1][0], sequence)
        else:
            self._unannounced.append((sequence, sequence))


def _event(entry: Entry, epoch: str, attempts: int) -> StoredEvent:
    priority = priority_of(entry.row)
    return StoredEvent(n_of(entry.row), epoch, entry.camera, entry.kind, priority, attempts, entry.payload)


class MemoryMedia:
    """Pictures whose file could not be written, by the key of their event. The caller locks.

    When full, the oldest goes, with a line in the log: a picture is worth less than an event.
    """

    def __init__(self, max_bytes: int = MAX_MEDIA_BYTES) -> None:
        self._max_bytes = max_bytes
        self._media: dict[tuple[int, str], Media] = {}
        self._not_before: dict[str, float] = {}  # of those that are held
        self.shed = 0

    def add(self, key: tuple[int, str], media: Media) -> None:
        self._media[key] = media
        while self.bytes > self._max_bytes:
            oldest = next(iter(self._media.values())).media_id
            self.remove(oldest)
            self.shed += 1
            log.warning("media %s: no room in memory, given up", oldest)

    def remove(self, media_id: str) -> bool:
        self._not_before.pop(media_id, None)
        key = next((key for key, media in self._media.items() if media.media_id == media_id), None)
        return key is not None and self._media.pop(key) is not None

    def defer(self, media_id: str, not_before_mono: float) -> bool:
        """False: it is not held here."""
        held = any(media.media_id == media_id for media in self._media.values())
        if held:
            self._not_before[media_id] = not_before_mono
        return held

    def due(self, now: float) -> list[tuple[tuple[int, str], Media]]:
        """Those that are not deferred, with the keys of their events, oldest first."""
        every = self._media.items()
        return [(key, media) for key, media in every if self._not_before.get(media.media_id, now) <= now]

    @property
    def bytes(self) -> int:
        return sum(len(media.payload) for media in self._media.values())

    def __len__(self) -> int:
        return len(self._media)
