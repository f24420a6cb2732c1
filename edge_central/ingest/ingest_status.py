"""The ingest's own status: a row in the database for ``status``, and log lines about gaps that stay open."""

from __future__ import annotations

import logging
import math
import os
from collections import deque
from collections.abc import Collection

import msgspec

from edge_agent import __version__
from edge_agent.core.clock import Clock, wall_ms
from edge_central.ingest.batch_result import BatchResult
from edge_central.store.fleet_state import FleetState, GapReason

log = logging.getLogger(__name__)

GAP_PATIENCE_MS = 1_800_000
"""A gap is logged after this time: gateways resend events within 15 min, alarms before a day's backlog."""
RATE_OVER_S = 60.0
REJECTED_LOG_EVERY_S = 60.0


class IngestStatus(msgspec.Struct, kw_only=True):
    """The row ``running_key`` of the table ``meta``, updated every ten seconds."""

    time_ms: int
    since_ms: int
    pid: int
    version: str
    session: str
    connected: bool
    events: int  # number of events since the start
    duplicates: int
    rejected: int
    events_s: float  # events per second, over the last minute
    wards: list[str] = []


class IngestCounters:
    """Counters since the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_mono = clock.monotonic()
        self._since_ms = wall_ms(clock)
        self._events = self._duplicates = self._rejected = 0
        self._recent: deque[tuple[float, int]] = deque()
        self._rejected_logged_mono = -math.inf

    def count(self, result: BatchResult) -> None:
        self._events += result.events.total()
        self._duplicates += result.duplicates
        self._rejected += result.rejected
        now = self._clock.monotonic()
        # Limited, so that a flood of rejected messages does not fill the log.
        if result.rejected and now - self._rejected_logged_mono >= REJECTED_LOG_EVERY_S:
            self._rejected_logged_mono = now
            text = "%s; rejected (%d since the start, see edge-agent central status)"
            log.warning(text, result.first_rejected, self._rejected)

    def status(self, connected: bool, session: str, wards: Collection[str] = ()) -> IngestStatus:
        now = self._clock.monotonic()
        self._recent.append((now, self._events))
        while len(self._recent) > 2 and now - self._recent[1][0] >= RATE_OVER_S:
            self._recent.popleft()
        before_mono, before = self._recent[0] if len(self._recent) > 1 else (self._since_mono, 0)
        return IngestStatus(
            time_ms=wall_ms(self._clock),
            since_ms=self._since_ms,
            pid=os.getpid(),
            version=__version__,
            session=session,
            connected=connected,
            events=self._events,
            duplicates=self._duplicates,
            rejected=self._rejected,
            wards=sorted(wards),
            events_s=round((self._events - before) / max(1e-3, now - before_mono), 2),
        )


class GapLogger:
    """Logs each gap once, if it is still open after GAP_PATIENCE_MS."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged_ms = wall_ms(clock) - GAP_PATIENCE_MS

    def log_open_gaps(self, fleet: FleetState) -> None:
        old_ms = wall_ms(self._clock) - GAP_PATIENCE_MS
        for stream in fleet.streams.values():
            for gap in stream.gaps:
                if gap.why is GapReason.MISSING and self._logged_ms < gap.found_ms <= old_ms:
                    log.error(
                        "%s: %d events are missing without an explanation, %d to %d of epoch %s",
                        stream.gateway, len(gap), gap.first, gap.last, stream.epoch,
                    )  # fmt: skip
        self._logged_ms = max(self._logged_ms, old_ms)
