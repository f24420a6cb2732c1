"""Reports when the certificates of the broker connection expire, in health and as events.

The heartbeat has the days that are left. With fewer than 30 days an event starts. It is repeated at most once
a day, as a warning, and with fewer than 7 days as an alarm. It ends when the certificate has been renewed, or
when a wrong clock was corrected and 30 days or more are left. It continues over restarts of the agent.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, structs

from edge_agent.config.model.settings import Mqtt, Settings
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import EventAppender
from edge_agent.core.facts import Phase
from edge_agent.core.model import Severity
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import EventFactory
from edge_agent.events.event_fields import why_fields
from edge_agent.host.health.clock_sync import ClockSync
from edge_agent.host.health.degraded import CERTIFICATE_WARN_DAYS
from edge_agent.mqtt.connect_errors import CertificateFileError
from edge_agent.mqtt.tls.certificates import CertificateValidity, ca_validity, own_validity
from edge_agent.mqtt.tls.rotation import CertificateRotation, file_stamps
from edge_agent.wire import CertificateData, CertificatesHealth
from edge_agent.wire.base import Time

log = logging.getLogger(__name__)

FILE = "certificate-events.json"
CHECK_EVERY_S = 10.0  # how often ``tick`` is called
READ_EVERY_S = 3600.0
WARN = timedelta(days=CERTIFICATE_WARN_DAYS)
ALARM = timedelta(days=7)
REPORT_EVERY = timedelta(days=1)

Which = Literal["client", "ca"]
EndReason = Literal["renewed", "over"]


class OpenCertificateEvent(Struct, frozen=True):
    """An event that has started and not ended yet."""

    event_id: str
    expires_at: Time
    started_at: Time
    told_at: Time


class _Record(Struct, frozen=True):
    """The content of the state file."""

    client: OpenCertificateEvent | None = None
    ca: OpenCertificateEvent | None = None
    false_alarms: int = 0
    """Number of events that began under a wrong time. The next event needs another id than theirs."""


class CertificateWatch:
    """Reports certificates that expire soon.

    The main thread calls ``tick`` every ``CHECK_EVERY_S``; any thread may call ``health``."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        clock_sync: ClockSync,
        events: EventFactory,
        outbox: EventAppender,
    ) -> None:
        mqtt, state_dir = settings.mqtt, settings.state_dir
        self.rotation = CertificateRotation(mqtt, settings.gateway.id, state_dir, clock_sync.trusted)
        self._first = mqtt
        self._path = state_dir / FILE
        self._clock = clock
        self._clock_sync = clock_sync
        self._events = events
        self._outbox = outbox
        self._uses_tls = mqtt.cert_file is not None and any(broker.tls for broker in mqtt.brokers)
        self._record = read_record(self._path, _Record) or _Record()
        self._valid: dict[Which, CertificateValidity] = {}  # replaced, never changed
        self._stamps: tuple[object, ...] = ()
        self._read_mono = 0.0

    def health(self) -> CertificatesHealth:
        now, valid = self._clock.now(), self._valid
        days: dict[Which, int | None] = dict.fromkeys(("client", "ca"))
        if self._clock_sync.synced:
            days |= {which: _days(each, now) for which, each in valid.items()}
        return CertificatesHealth(
            client_days=days["client"], ca_days=days["ca"], next_trouble=self.rotation.notice
        )

    def tick(self) -> None:
        if not self._uses_tls:
            return
        now_mono = self._clock.monotonic()
        in_force = self.rotation.in_force
        stamps = (in_force.cert_file, in_force.ca_file, file_stamps(self._first))
        if stamps != self._stamps or now_mono - self._read_mono >= READ_EVERY_S:
            self._stamps, self._read_mono = stamps, now_mono
            self._valid = _read(in_force)
        # With a wrong clock every certificate may look expired.
        if self._clock_sync.synced:
            for which, valid in self._valid.items():
                self._follow(which, valid, self._clock.now())

    def _follow(self, which: Which, valid: CertificateValidity, now: datetime) -> None:
        event: OpenCertificateEvent | None = getattr(self._record, which)
        expires_at = rfc3339(valid.end)
        is_near = valid.end - now < WARN
        if event is not None and event.expires_at != expires_at:
            self._report(Phase.END, which, event, valid, now, "renewed")
            event = self._remember(which, None)
        elif event is not None and not is_near:
            self._report(Phase.END, which, event, valid, now, "over")
            self._record = structs.replace(self._record, false_alarms=self._record.false_alarms + 1)
            event = self._remember(which, None)
        if not is_near:
            return
        if event is None:
            at, event_id = rfc3339(now), f"certificate-{which}-{valid.end:%Y%m%dT%H%M%SZ}"
            if self._record.false_alarms:
                event_id = f"{event_id}-{self._record.false_alarms}"
            event = OpenCertificateEvent(event_id, expires_at, at, at)
            self._report(Phase.START, which, event, valid, now)
            self._remember(which, event)
        elif abs(now - datetime.fromisoformat(event.told_at)) >= REPORT_EVERY:
            self._report(Phase.UPDATE, which, event, valid, now)
            self._remember(which, structs.replace(event, told_at=rfc3339(now)))

    def _report(
        self,
        phase: Phase,
        which: Which,
        event: OpenCertificateEvent,
        valid: CertificateValidity,
        now: datetime,
        end_reason: EndReason | None = None,
    ) -> None:
        days, ended = _days(valid, now), phase is Phase.END
        data = CertificateData(
            phase=phase.value,  # type: ignore[arg-type]  # certificates have no moments
            event_id=event.event_id,
            certificate=which,
            days_left=days,
            expires_at=rfc3339(valid.end),
            **why_fields(_why(which, days, valid.end, end_reason)),
            started_at=event.started_at,
            ended_at=rfc3339(now) if ended else None,
            end_reason=end_reason,
        )
        grave = Severity.ALARM if valid.end - now < ALARM else Severity.WARNING
        self._outbox.append(self._events.of_gateway(data, Severity.INFO if ended else grave))

    def _remember(self, which: Which, event: OpenCertificateEvent | None) -> OpenCertificateEvent | None:
        """Write the record after the event is durable: a power cut in between repeats the event's id."""
        self._record = structs.replace(self._record, **{which: event})
        write_record(self._path, self._record)
        return event


def _read(slot: Mqtt) -> dict[Which, CertificateValidity]:
    """Return the validity of the files that can be read. The connection reports why others cannot be read."""
    found: dict[Which, CertificateValidity] = {}
    try:
        found["client"] = own_validity(slot)
        if slot.ca_file is not None:
            found["ca"] = ca_validity(slot.ca_file)
    except CertificateFileError as error:
        log.debug("certificates: %s", error)
    return found


def _days(valid: CertificateValidity, now: datetime) -> int:
    """Return the whole days that are left; negative once the certificate has expired."""
    return (valid.end - now).days


def _why(which: Which, days: int, end: datetime, end_reason: EndReason | None) -> ProblemText:
    name, day = "own" if which == "client" else "ca", f"{end:%Y-%m-%d}"
    if end_reason == "over":
        return problem_text(f"{name}-certificate-good", day=day)
    if end_reason == "renewed":
        return problem_text(f"{name}-certificate-renewed", day=day)
    if days < 0:
        return problem_text(f"{name}-certificate-expired", day=day)
    return problem_text(f"{name}-certificate-ends", day=day, days=days)
