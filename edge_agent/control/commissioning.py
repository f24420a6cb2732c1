"""Sends the commissioning report to the centre, because it is made at a pole that may have no uplink yet.

``edge-agent doctor --report`` leaves a copy in ``state_dir/reports``. The newest copy is sent once, gzipped,
as a file after an ``evidence`` event; the outbox keeps it until the centre has received it. The report that a
technician signed on the phone (``commissioning.papers``) and the page of the final examination
(``commissioning.examination``) are sent in the same way, with event ids that tell them apart.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.config.model.settings import Settings, SnapshotPolicy
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import (
    EXAMINATION_EVENT,
    REPORT_EVENT,
    SIGNED_REPORT_EVENT,
    EventAppender,
    Media,
)
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import GATEWAY, EventFactory
from edge_agent.evidence.seal import seal

FOLDER = "reports"
SIGNED, FINAL = ".signed.html", ".final.html"
"""Ends of the file names of reports that a technician has signed on the phone, and of those that the gateway
makes by itself after the signed report. The names of other reports end with their time: ``Z.html``."""

log = logging.getLogger(__name__)

CHECK_EVERY_S = 60.0  # how often ``tick`` is called
SETTLED_S = 600.0  # a technician makes several reports until all checks pass: only the last one is sent
MAX_BYTES = 1_900_000  # largest file through the broker, as for commands


class SentReport(msgspec.Struct, frozen=True):
    name: str
    earlier: tuple[str, ...] = ()  # other reports that were sent and are still in the folder

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.name, *self.earlier))


@dataclass(frozen=True, slots=True)
class ReportKind:
    end: str  # end of the names of its pages
    event: str  # beginning of the ids of its events
    sent_file: str  # in ``state_dir``


KINDS = (
    ReportKind("Z.html", REPORT_EVENT, "reports-sent.json"),
    ReportKind(SIGNED, SIGNED_REPORT_EVENT, "signed-reports-sent.json"),
    ReportKind(FINAL, EXAMINATION_EVENT, "final-report-sent.json"),
)


class CommissioningReports:
    """Sends the newest page of each of ``KINDS``, and every signed page. An unsigned report that is older
    than a signed one is not sent. The main thread calls ``tick`` every ``CHECK_EVERY_S``."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        clock: Clock,
        events: EventFactory,
        outbox: EventAppender,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._candidates: dict[str, float] = {}  # by name: when the page was found
        self._handled: set[str] = set()  # names of pages that were sent, or refused and logged, in this run
        self._is_readable = True  # at the last ``tick``

    def tick(self) -> None:
        now, settings = self._clock.monotonic(), self._settings()
        try:
            found = list(_wanted(settings.state_dir))
        except OSError as error:
            if self._is_readable:
                log.error("%s cannot be read: %s", settings.state_dir / FOLDER, error)
            self._is_readable = False
            return
        self._is_readable = True
        wanted = [(kind, page) for kind, page in found if page.name not in self._handled]
        self._candidates = {page.name: self._candidates.get(page.name, now) for _, page in wanted}
        for kind, page in wanted:
            if now - self._candidates[page.name] >= SETTLED_S:
                self._send_once(page, kind, settings)

    def _send_once(self, report: Path, kind: ReportKind, settings: Settings) -> None:
        sent_file = settings.state_dir / kind.sent_file
        sent = read_record(sent_file, SentReport)
        names = frozenset[str]() if sent is None else sent.names
        if report.name not in names:
            try:
                self._outbox.append(self._events.file(_media(report, settings, kind), None))
            except (EdgeAgentError, OSError) as error:
                log.error("%s is not sent: %s; the file is kept", report, error)
            else:
                earlier = sorted(name for name in names if _may_exist(report.with_name(name)))
                write_record(sent_file, SentReport(report.name, tuple(earlier)))
                log.info("%s is in the outbox for the centre", report.name)
        self._handled.add(report.name)


def _may_exist(page: Path) -> bool:
    try:
        return page.exists()
    except OSError:
        return True  # otherwise it would be sent again


def _wanted(state_dir: Path) -> Iterator[tuple[ReportKind, Path]]:
    """Yield the pages to send, also those sent before. Raises OSError."""
    # By file time: a report that was signed before the clock was set has no time in its name.
    pages = by_age((state_dir / FOLDER).glob("*.html"))
    reports, signed, final = ([page for page in pages if page.name.endswith(kind.end)] for kind in KINDS)
    if reports and signed and pages.index(signed[-1]) > pages.index(reports[-1]):
        reports = []
    for kind, wanted in zip(KINDS, (reports[-1:], signed, final[-1:]), strict=True):
        yield from ((kind, page) for page in wanted)


def by_age(files: Iterable[Path]) -> list[Path]:
    """Return the files that still exist, oldest first."""
    found = []
    for path in files:
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def _media(report: Path, settings: Settings, kind: ReportKind) -> Media:
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
    # The digest is that of the page, so a report that is sent again after a power cut has the same id.
    digest = hashlib.sha256(page).hexdigest()
    event_id = f"{kind.event}{digest[:20]}"
    return Media(digest[:20], event_id, GATEWAY, hashlib.sha256(payload).hexdigest(), payload)
