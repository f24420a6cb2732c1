"""How many bytes went to the broker, by class, today and this month: what a SIM card is billed for.

Each message is counted at the size of its MQTT packet. ``other`` is the rest of what TCP really carried
for the connection (TLS, sign-on, pings, state, birth), as the kernel counts it; IP and TCP headers are not
in any of these figures.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from edge_agent import wire
from edge_agent.clock import Clock
from edge_agent.state_file import read_record, write_record

SAVE_EVERY_S = 300.0
"""A few hundred bytes each time: SD cards wear. A power cut loses at most this much of the count."""


class TrafficClass(StrEnum):
    HEARTBEAT = "heartbeat"
    EVENT = "event"
    MEDIA = "media"
    REPLY = "reply"
    OTHER = "other"


Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]  # of a damaged file; more could not be sent


class Counted(msgspec.Struct, kw_only=True):
    """Bytes of one day or month: sent by class, and received."""

    heartbeat: Bytes = 0
    event: Bytes = 0
    media: Bytes = 0
    reply: Bytes = 0
    other: Bytes = 0
    received: Bytes = 0

    def add(self, kind: TrafficClass, size_bytes: int) -> None:
        setattr(self, kind.value, getattr(self, kind.value) + size_bytes)

    def to_wire(self) -> wire.BytesByClass:
        return wire.BytesByClass(**msgspec.structs.asdict(self))


class _Saved(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The file: ``day`` is the gateway's local date that ``today`` belongs to; None until one is known."""

    day: date | None
    today: Counted
    month: Counted


class Usage:
    """The counters. Thread-safe.

    A day ends at midnight of ``timezone``, but only by a clock that ``clock_trusted`` vouches for: until
    then everything is added to the day that was saved last. A step back over midnight keeps the day.
    """

    def __init__(
        self,
        path: Path,
        timezone: ZoneInfo,
        clock: Clock,
        clock_trusted: Callable[[], bool],
        save_every_s: float = SAVE_EVERY_S,
    ) -> None:
        self._path = path
        self._timezone = timezone
        self._clock = clock
        self._clock_trusted = clock_trusted
        self._save_every_s = save_every_s
        self._saved_mono = clock.monotonic()
        self._lock = threading.Lock()  # protects the two below
        self._dirty = False
        self._state = read_record(path, _Saved) or _Saved(day=None, today=Counted(), month=Counted())

    def sent(self, kind: TrafficClass, size_bytes: int) -> None:
        with self._lock:
            self._roll()
            self._state.today.add(kind, size_bytes)
            self._state.month.add(kind, size_bytes)
            self._dirty = True

    def received(self, size_bytes: int) -> None:
        with self._lock:
            self._roll()
            self._state.today.received += size_bytes
            self._state.month.received += size_bytes
            self._dirty = True

    def totals(self) -> tuple[wire.BytesByClass, wire.BytesByClass]:
        """Today and this month."""
        with self._lock:
            self._roll()
            return self._state.today.to_wire(), self._state.month.to_wire()

    def save_if_due(self) -> None:
        if self._clock.monotonic() - self._saved_mono >= self._save_every_s:
            self.save()

    def save(self) -> None:
        """Write the file if anything changed; a full or read-only disk is logged, and tried again later."""
        self._saved_mono = self._clock.monotonic()
        with self._lock:
            if not self._dirty:
                return
            self._dirty = False
            state = copy.deepcopy(self._state)
        if not write_record(self._path, state):
            with self._lock:
                self._dirty = True

    def _roll(self) -> None:
        if not self._clock_trusted():
            return
        day, saved = self._clock.now().astimezone(self._timezone).date(), self._state.day
        if saved is not None and day == saved - timedelta(days=1):
            return
        if saved is not None and (day.year, day.month) != (saved.year, saved.month):
            self._state.month = Counted()
        if saved is not None and day != saved:
            self._state.today = Counted()
        self._dirty = self._dirty or day != saved
        self._state.day = day
