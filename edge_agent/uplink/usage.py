"""Bytes sent to the broker and received, by class: today, this month and in the billing period.

Each message counts with the size of its MQTT packet. ``other`` is the rest of the connection's bytes in TCP,
by the kernel's count (TLS, sign-on, pings, state, birth). ``headers`` are the headers of IP and TCP in both
directions, computed from the kernel's count of segments.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from edge_agent import wire
from edge_agent.core.clock import Clock
from edge_agent.core.state_file import read_record, write_record
from edge_agent.uplink.budget import BillingPeriod, ByteCounts, PeriodUse, advance_period, period_use

SAVE_EVERY_S = 300.0
"""Least time between saves, which wear out SD cards; a power cut loses the count of at most this time."""


class TrafficClass(StrEnum):
    HEARTBEAT = "heartbeat"
    EVENT = "event"
    MEDIA = "media"
    REPLY = "reply"
    OTHER = "other"
    HEADERS = "headers"


class _Saved(msgspec.Struct, kw_only=True):
    """The file's content. ``day``: the local date of ``today``'s counts; None before a clock is trusted."""

    day: date | None
    today: ByteCounts
    month: ByteCounts
    period: BillingPeriod | None = None  # None: written by a version without billing periods
    before: BillingPeriod | None = None  # the period before, for a clock that is set back


class DataUsage:
    """Counts the bytes of day, month and billing period. Thread-safe.

    A day ends at midnight of ``timezone``. While ``clock_trusted`` returns False, no day ends, and all bytes
    are added to the day that was saved last. A clock that is set back over midnight does not change the day.
    """

    def __init__(
        self,
        path: Path,
        timezone: ZoneInfo,
        clock: Clock,
        clock_trusted: Callable[[], bool],
        reset_day: int = 1,
    ) -> None:
        """``reset_day``: the day of the month on which a billing period begins."""
        self._path = path
        self._timezone = timezone
        self._clock = clock
        self._clock_trusted = clock_trusted
        self._reset_day = reset_day
        self._saved_mono = clock.monotonic()
        self._lock = threading.Lock()  # protects the fields below
        self._dirty = False
        self._state = read_record(path, _Saved) or _Saved(day=None, today=ByteCounts(), month=ByteCounts())
        self._period = self._state.period or self._older_period()

    def _older_period(self) -> BillingPeriod:
        """Return the period for a file without one; its bytes are known only if it is the calendar month."""
        saved = self._state
        if saved.day is None or self._reset_day != 1:
            return BillingPeriod()
        return BillingPeriod(first_day=saved.day.replace(day=1), used=copy.copy(saved.month))

    def sent(self, kind: TrafficClass, size_bytes: int) -> None:
        with self._lock:
            self._roll_over()
            self._add(kind.value, size_bytes)

    def received(self, size_bytes: int) -> None:
        with self._lock:
            self._roll_over()
            self._add("received", size_bytes)

    def _add(self, kind: str, size_bytes: int) -> None:
        for counted in (self._state.today, self._state.month, self._period.used):
            counted.add(kind, size_bytes)
        self._dirty = True

    def totals(self) -> tuple[wire.BytesByClass, wire.BytesByClass]:
        """Return the bytes of today and of this month."""
        with self._lock:
            self._roll_over()
            return self._state.today.to_wire(), self._state.month.to_wire()

    def period(self) -> PeriodUse:
        """Return the use of the billing period until now."""
        with self._lock:
            now = self._roll_over()
            return period_use(self._period, now, self._reset_day, self._timezone)

    def save_if_due(self) -> None:
        if self._clock.monotonic() - self._saved_mono >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the file if anything changed. A failing disk is logged, and the next save tries again."""
        self._saved_mono = self._clock.monotonic()
        with self._lock:
            if not self._dirty:
                return
            self._dirty = False
            self._state.period = self._period
            state = copy.deepcopy(self._state)
        if not write_record(self._path, state):
            with self._lock:
                self._dirty = True

    def _roll_over(self) -> datetime | None:
        """Begin a new day, month or period if due. Return local time; None without a trusted clock."""
        if not self._clock_trusted():
            return None
        now = self._clock.now().astimezone(self._timezone)
        day, saved = now.date(), self._state.day
        if day == saved and self._period.first_day is not None:
            return now
        self._period, self._state.before = advance_period(
            self._period, self._state.before, now, self._reset_day, saved
        )
        if saved is not None and day == saved - timedelta(days=1):
            return now
        if saved is not None and (day.year, day.month) != (saved.year, saved.month):
            self._state.month = ByteCounts()
        if saved is not None and day != saved:
            self._state.today = ByteCounts()
        self._dirty = self._dirty or day != saved
        self._state.day = day
        return now
