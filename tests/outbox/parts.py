"""Drafts, pictures and a manual clock for the outbox tests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Draft, Loss, Media, OpenEvent, Stamp
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox


@dataclass
class HandClock:
    """A clock that only the test moves."""

    mono: float = 1000.0
    wall: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.mono

    def now(self) -> datetime:
        return self.wall

    def advance(self, seconds: float) -> None:
        self.mono += seconds
        self.wall += timedelta(seconds=seconds)


def encode_loss(stamp: Stamp, loss: Loss) -> bytes:
    document = {"epoch": loss.epoch, "ranges": loss.ranges, "count": loss.count, "reason": loss.reason}
    event = {"sequence": stamp.sequence, "stamp_epoch": stamp.epoch, "previous": stamp.previous}
    return json.dumps({**event, "loss": document}).encode()


def outbox_in(
    folder: Path,
    clock: Clock | None = None,
    max_bytes: int = 50_000_000,
    boot_id: str = "boot-1",
    **more: Any,  # other arguments of EventOutbox
) -> EventOutbox:
    usual: dict[str, Any] = {"max_bytes": max_bytes, "boot_id": boot_id, "encode_loss": encode_loss}
    return EventOutbox(folder, clock=clock or HandClock(), **usual | more)


def restamped(payload: bytes, stamp: Stamp) -> bytes:
    document = json.loads(payload)
    document |= {"sequence": stamp.sequence, "epoch": stamp.epoch, "previous": stamp.previous}
    return json.dumps(document).encode()


def draft(
    text: str = "",
    severity: Severity = Severity.INFO,
    *,
    size: int = 0,
    media: Media | None = None,
    opens: OpenEvent | None = None,
    closes: str | None = None,
) -> Draft:
    def encode(stamp: Stamp) -> bytes:
        stamped = {"sequence": stamp.sequence, "epoch": stamp.epoch, "previous": stamp.previous}
        document = {**stamped, "text": text}
        return json.dumps(document).encode().ljust(size)

    return Draft("cam-1", "object", severity, encode, media, opens, closes)


def append(outbox: EventOutbox, count: int, **what: Any) -> list[Stamp]:
    """Append events; ``what``: arguments of ``draft``. Return their stamps."""
    return [outbox.append(draft(**what)) for _ in range(count)]


def picture(name: str, size: int = 1000) -> Media:
    payload = name.encode().ljust(size, b".")
    return Media(name, f"event-of-{name}", "cam-1", hashlib.sha256(payload).hexdigest(), payload)


def sequences(outbox: EventOutbox, limit: int = 100_000) -> list[int]:
    return [event.sequence for event in outbox.pending(limit)]


def texts(outbox: EventOutbox) -> list[str]:
    """Return the texts of the waiting events."""
    return [json.loads(event.payload)["text"] for event in outbox.pending(100)]


def deliver_all(outbox: EventOutbox) -> list[tuple[int, str]]:
    """Deliver all events as a publisher with a window of 20; return their keys in this order."""
    keys = []
    while events := outbox.pending(20):
        for event in events:
            outbox.delivered(*event.key)
            keys.append(event.key)
    return keys
