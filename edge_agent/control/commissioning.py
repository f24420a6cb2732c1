"""The commissioning report goes to the centre by itself: it is made at a pole that may have no uplink yet.

``edge-agent doctor --report`` leaves a copy in ``state_dir/reports``. The newest one is sent once, gzipped,
as a file after an ``evidence`` event; the outbox keeps it until somebody takes it.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.config.model.settings import Settings, SnapshotPolicy
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Media
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import GATEWAY, EventAppender, EventFactory
from edge_agent.evidence.seal import seal

FOLDER = "reports"


log = logging.getLogger(__name__)

SENT_FILE = "reports-sent.json"
CHECK_EVERY_S = 60.0
SETTLED_S = 600.0
"""A technician makes several until all is green: only the last one is sent."""
MOST_BYTES = 1_900_000
"""Of one file through the broker, as for commands."""


class SentReport(msgspec.Struct, frozen=True):
    name: str


class CommissioningReports:
    """For the main thread, which asks about once a second."""

    def __init__(
        self, settings: Callable[[], Settings], clock: Clock, events: EventFactory, outbox: EventAppender
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._next_mono = clock.monotonic()
        self._seen: str | None = None
        self._seen_mono = 0.0
        self._done: str | None = None  # in this run: one that cannot be sent is told once

    def tick(self) -> None:
        now = self._clock.monotonic()
        if now < self._next_mono:
            return
        self._next_mono = now + CHECK_EVERY_S
        settings = self._settings()
        newest = _newest(settings.state_dir / FOLDER)
        if newest is None or newest.name == self._done:
            return
        if newest.name != self._seen:
            self._seen, self._seen_mono = newest.name, now
        elif now - self._seen_mono >= SETTLED_S:
            self._send_once(newest, settings)

    def _send_once(self, report: Path, settings: Settings) -> None:
        mark = settings.state_dir / SENT_FILE
        if read_record(mark, SentReport) != SentReport(report.name):
            try:
                self._outbox.append(self._events.file(_media(report, settings), None))
            except (EdgeAgentError, OSError) as error:
                log.error("%s is not sent: %s; it stays where it is", report, error)
            else:
                write_record(mark, SentReport(report.name))
                log.info("%s is on its way to the centre", report.name)
        self._done = report.name


def _newest(folder: Path) -> Path | None:
    """The name ends with the time of the report."""
    return max(folder.glob("*.html"), key=lambda path: path.name, default=None)


def _media(report: Path, settings: Settings) -> Media:
    """Raises EdgeAgentError and OSError."""
    for camera in settings.cameras:
        if camera.report.snapshots is SnapshotPolicy.NONE:
            raise EdgeAgentError(f"no pictures of {camera.id} leave the box (report.snapshots is none)")
    page = report.read_bytes()
    payload = gzip.compress(page, mtime=0)
    if settings.storage.seal_to is not None:
        payload = seal(payload, settings.storage.seal_to)
    if len(payload) > MOST_BYTES:
        raise EdgeAgentError(f"it has {len(payload)} bytes, and {MOST_BYTES} go through the broker")
    # Of the page, so that one that is sent a second time after a power cut has the same name.
    digest = hashlib.sha256(page).hexdigest()
    event_id = f"report-{digest[:20]}"
    return Media(digest[:20], event_id, GATEWAY, hashlib.sha256(payload).hexdigest(), payload)
