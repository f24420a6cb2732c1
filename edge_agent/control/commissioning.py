"""Sends the commissioning report to the centre: it is made at a pole that may have no uplink yet.

``edge-agent doctor --report`` leaves a copy in ``state_dir/reports``. The newest one is sent once, gzipped,
as a file after an ``evidence`` event; the outbox keeps it until the centre has received it.
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
from edge_agent.core.delivery import EventAppender, Media
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import GATEWAY, EventFactory
from edge_agent.evidence.seal import seal

FOLDER = "reports"


log = logging.getLogger(__name__)

SENT_FILE = "reports-sent.json"
CHECK_EVERY_S = 60.0
"""How often ``tick`` is called."""
SETTLED_S = 600.0
"""A technician makes several reports until all checks pass: only the last one is sent."""
MAX_BYTES = 1_900_000
"""Largest file through the broker, as for commands."""


class SentReport(msgspec.Struct, frozen=True):
    name: str


class CommissioningReports:
    """Sends the newest report. The main thread calls ``tick`` every ``CHECK_EVERY_S``."""

    def __init__(
        self, settings: Callable[[], Settings], clock: Clock, events: EventFactory, outbox: EventAppender
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._candidate: str | None = None
        self._candidate_mono = 0.0
        self._handled: str | None = None  # sent, or refused and logged once in this run

    def tick(self) -> None:
        now = self._clock.monotonic()
        settings = self._settings()
        newest = _newest(settings.state_dir / FOLDER)
        if newest is None or newest.name == self._handled:
            return
        if newest.name != self._candidate:
            self._candidate, self._candidate_mono = newest.name, now
        elif now - self._candidate_mono >= SETTLED_S:
            self._send_once(newest, settings)

    def _send_once(self, report: Path, settings: Settings) -> None:
        sent_file = settings.state_dir / SENT_FILE
        if read_record(sent_file, SentReport) != SentReport(report.name):
            try:
                self._outbox.append(self._events.file(_media(report, settings), None))
            except (EdgeAgentError, OSError) as error:
                log.error("%s is not sent: %s; the file is kept", report, error)
            else:
                write_record(sent_file, SentReport(report.name))
                log.info("%s is in the outbox for the centre", report.name)
        self._handled = report.name


def _newest(folder: Path) -> Path | None:
    # The name ends with the time of the report.
    return max(folder.glob("*.html"), key=lambda path: path.name, default=None)


def _media(report: Path, settings: Settings) -> Media:
    """Make the file to send. Raises EdgeAgentError and OSError."""
    for camera in settings.cameras:
        if camera.report.snapshots is SnapshotPolicy.NONE:
            raise EdgeAgentError(f"no pictures of {camera.id} leave the gateway (report.snapshots is none)")
    page = report.read_bytes()
    payload = gzip.compress(page, mtime=0)
    if settings.storage.seal_to is not None:
        payload = seal(payload, settings.storage.seal_to)
    if len(payload) > MAX_BYTES:
        raise EdgeAgentError(f"it has {len(payload)} bytes, and {MAX_BYTES} go through the broker")
    # Of the page, not the payload: a report that is sent again after a power cut has the same id.
    digest = hashlib.sha256(page).hexdigest()
    event_id = f"report-{digest[:20]}"
    return Media(digest[:20], event_id, GATEWAY, hashlib.sha256(payload).hexdigest(), payload)
