"""Counts the events of a gateway, as its outbox sees them, and how long each took."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Confirmation, Draft, Stamp, StoredEvent
from edge_agent.outbox import EventOutbox

STEPS_A_DOUBLING = 4
SHORTEST_S = 0.001
BUCKETS = 100


class DeliveryCounts(msgspec.Struct):
    """Counts of one gateway or of many.

    ``latency`` counts events by duration, see ``bucket_of``: from storing an event until it leaves the
    outbox after a confirmation by the centre (or, without a centre, by the broker).
    """

    stored: int = 0
    sent: int = 0
    again: int = 0  # how many of ``sent`` were sent again
    at_broker: int = 0  # number of PUBACKs
    confirmed: int = 0
    acks: int = 0  # confirmations by the centre
    pictures: int = 0
    pictures_confirmed: int = 0
    latency: list[int] = msgspec.field(default_factory=lambda: [0] * BUCKETS)

    def add(self, other: DeliveryCounts) -> None:
        for name in (
            *("stored", "sent", "again", "at_broker", "confirmed", "acks"),
            *("pictures", "pictures_confirmed"),
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latency = [one + two for one, two in zip(self.latency, other.latency, strict=True)]


def bucket_of(seconds: float) -> int:
    """Return the index of a duration's bucket. There are four buckets for each doubling, from 1 ms on."""
    if seconds <= SHORTEST_S:
        return 0
    return min(BUCKETS - 1, math.ceil(STEPS_A_DOUBLING * math.log2(seconds / SHORTEST_S)))


def percentile_s(latency: list[int], share: float) -> float | None:
    """Return the duration that a ``share`` of the events did not exceed (up to a fifth too long), or None."""
    wanted = sum(latency) * share
    if wanted == 0:
        return None
    reached = 0
    for bucket, count in enumerate(latency):
        reached += count
        if reached >= wanted:
            return SHORTEST_S * float(2.0 ** (bucket / STEPS_A_DOUBLING))
    return None


class DeliveryLedger:
    """Records the delivery of one gateway's events over all its restarts. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self.counts = DeliveryCounts()
        self._clock = clock
        self._lock = threading.Lock()  # protects all fields
        self._waiting: dict[str, dict[int, float]] = {}  # epoch -> sequence -> when it was stored
        # Confirmations that arrived before ``append`` returned:
        self._early: set[tuple[int, str]] = set()
        self._upto: dict[str, int] = {}  # epoch -> confirmed up to this sequence

    def stored(self, stamp: Stamp, at_mono: float, picture: bool) -> None:
        with self._lock:
            self.counts.stored += 1
            self.counts.pictures += picture
            early = (stamp.sequence, stamp.epoch) in self._early
            if early or stamp.sequence <= self._upto.get(stamp.epoch, 0):
                self._early.discard((stamp.sequence, stamp.epoch))
                self._count(at_mono)
            else:
                self._waiting.setdefault(stamp.epoch, {})[stamp.sequence] = at_mono

    def sent(self, again: bool) -> None:
        with self._lock:
            self.counts.sent += 1
            self.counts.again += again

    def at_broker(self) -> None:
        with self._lock:
            self.counts.at_broker += 1

    def acked(self) -> None:
        with self._lock:
            self.counts.acks += 1

    def picture_confirmed(self) -> None:
        with self._lock:
            self.counts.pictures_confirmed += 1

    def delivered(self, sequence: int, epoch: str) -> None:
        with self._lock:
            at_mono = self._waiting.get(epoch, {}).pop(sequence, None)
            if at_mono is None:
                self._early.add((sequence, epoch))
            else:
                self._count(at_mono)

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> None:
        with self._lock:
            waiting = self._waiting.get(epoch, {})
            self._upto[epoch] = max(upto, self._upto.get(epoch, 0))
            covered = [sequence for sequence in waiting if sequence <= upto]
            for sequence in {*covered, *also}:
                if (at_mono := waiting.pop(sequence, None)) is not None:
                    self._count(at_mono)

    def _count(self, at_mono: float) -> None:
        self.counts.confirmed += 1
        self.counts.latency[bucket_of(self._clock.monotonic() - at_mono)] += 1


class CountedOutbox(EventOutbox):
    """The agent's outbox, which here also records its events in a ``DeliveryLedger``."""

    def __init__(self, state_dir: Path, ledger: DeliveryLedger, clock: Clock, **more: Any) -> None:
        super().__init__(state_dir, clock=clock, **more)
        self._ledger = ledger
        self._now = clock.monotonic

    def append(self, draft: Draft) -> Stamp:
        at_mono = self._now()
        stamp = super().append(draft)
        self._ledger.stored(stamp, at_mono, draft.media is not None)
        return stamp

    def append_all(self, drafts: Sequence[Draft]) -> list[Stamp | None]:
        at_mono = self._now()
        stamps = super().append_all(drafts)
        for draft, stamp in zip(drafts, stamps, strict=True):
            if stamp is not None:
                self._ledger.stored(stamp, at_mono, draft.media is not None)
        return stamps

    def sent(self, event: StoredEvent) -> None:
        super().sent(event)
        self._ledger.sent(event.resend)

    def unconfirmed(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        super().unconfirmed(sequence, epoch, not_before_mono)
        self._ledger.at_broker()

    def delivered(self, sequence: int, epoch: str) -> None:
        super().delivered(sequence, epoch)
        self._ledger.sent(again=False)
        self._ledger.at_broker()
        self._ledger.delivered(sequence, epoch)

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        self._ledger.acked()
        outcome = super().confirmed(epoch, upto, also)
        if outcome is Confirmation.NEWS:
            self._ledger.confirmed(epoch, upto, also)
        return outcome

    def media_delivered(self, media_id: str) -> None:
        super().media_delivered(media_id)
        self._ledger.picture_confirmed()
