"""Where events wait while the disk cannot take them. Bounded; gone when the agent stops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.core.delivery import GENESIS_HASH, Loss, Media, Stamp, StoredEvent
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.bookkeeping.chain import digest
from edge_agent.outbox.bookkeeping.numbering import (
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

    ``unsure``: nobody knows whether the disk has these. SQLite may find them in its log after a kill, so they
    keep the stamps and bytes that they were given for the disk.
    """

    def __init__(
        self,
        epoch: str,
        encode_loss: Callable[[Stamp, Loss], bytes],
        max_bytes: int = MAX_BYTES,
        unsure: Sequence[AppendRequest] = (),
    ) -> None:
        self.epoch = epoch
        self.sequence = 0
        self.unsure: dict[tuple[int, str], int] = {}  # key -> row, here and on disk alike but for its ``n``
        self.unsure_rows = frozenset(ticket.row for ticket in unsure)  # on disk, if they are there
        self.bytes = 0
        self.shed = 0
        self._head = GENESIS_HASH
        self._stored: list[StoredEvent] = []
        self._max_bytes = max_bytes
        self._encode_loss = encode_loss
        self._entries: dict[Rank, dict[int, MemoryEntry]] = {rank: {} for rank in Rank}
        self._unannounced: list[tuple[int, int]] = []
        for n, ticket in enumerate(unsure, start=1):
            self._keep_unsure(n, ticket)
        self._base = len(unsure)
        self._unsure_head = digest(unsure[-1].payload) if unsure else None

    def _keep_unsure(self, n: int, ticket: AppendRequest) -> None:
        draft, stamp = ticket.draft, ticket.stamp
        assert stamp is not None
        row = row_id(rank_of(ticket.row), n)
        key = (draft.camera, draft.kind, ticket.payload, stamp.sequence, stamp.epoch)
        entry = MemoryEntry(row, ticket.created_mono, *key)
        self._entries[rank_of(row)][row] = entry
        self.bytes += entry.size
        self.unsure[stamp.sequence, stamp.epoch] = row
        self._stored.append(_event(entry, 0))

    def write(self, ticket: AppendRequest) -> None:
        """Stamp and keep; sheds the least important, oldest first, when it does not fit."""
        draft = ticket.draft
        stamp = self._next_stamp()
        payload = ticket.encode(stamp)
        if payload is None:
            return
        rank = rank_for(draft.severity, draft.kind)
        self._add(rank, ticket.created_mono, draft.camera, draft.kind, payload)
        self._shed_excess()
        self.announce(ticket.created_mono)

    def announce(self, mono: float) -> None:
        """Say what was shed, unless an earlier loss event still waits."""
        if not self._unannounced or self._entries[Rank.LOSS]:
            return
        ranges = tuple(sorted(self._unannounced))
        self._unannounced = []
        loss = Loss(self.epoch, ranges, sum(b - a + 1 for a, b in ranges), REASON)
        payload = self._encode_loss(self._next_stamp(), loss)
        self._add(Rank.LOSS, mono, "gateway", LOSS_KIND, payload)

    def pop_stored(self) -> list[StoredEvent]:
        """What is new since the last call, in the order of the chain."""
        stored, self._stored = self._stored, []
        return stored

    # --- reading ---

    @property
    def head(self) -> str | None:
        """SHA-256 of the newest event; None: there was none."""
        return self._head if self.sequence else self._unsure_head

    @property
    def depth(self) -> int:
        return sum(len(entries) for entries in self._entries.values())

    def entries(self) -> list[MemoryEntry]:
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
        unsure = self.unsure.get(event.key)
        n = self._base + event.sequence
        return row_id(rank_of_event(event.priority, event.kind), n) if unsure is None else unsure

    def holds(self, row: int) -> bool:
        return row in self._entries[rank_of(row)]

    def load(self, row: int, attempts: int) -> StoredEvent | None:
        entry = self._entries[rank_of(row)].get(row)
        return None if entry is None else _event(entry, attempts)

    def knows(self, sequence: int, epoch: str) -> bool:
        """Whether that event was ever here."""
        return epoch == self.epoch or (sequence, epoch) in self.unsure

    def find(self, sequence: int, epoch: str) -> int | None:
        if (unsure := self.unsure.get((sequence, epoch))) is not None:
            return unsure if self.holds(unsure) else None
        if epoch != self.epoch:
            return None
        rows = (row_id(rank, self._base + sequence) for rank in Rank)
        return next((row for row in rows if self.holds(row)), None)

    def highest(self, epoch: str) -> int:
        """The last sequence of that epoch that was allotted here; 0: none."""
        if epoch == self.epoch:
            return self.sequence
        return max((sequence for sequence, name in self.unsure if name == epoch), default=0)

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

    def _add(self, rank: Rank, mono: float, camera: str, kind: str, payload: bytes) -> None:
        """The next event of the chain."""
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
                if self.bytes <= self._max_bytes:
                    return
                if n_of(row) > self._base:  # few are unsure, and another epoch would have to announce them
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
