"""Feeds the alert engine, stores its changes in the database, and publishes them after the commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from edge_agent import wire
from edge_agent.core.clock import Clock, Instant, instant_of, wall_ms
from edge_agent.core.facts import TAMPER
from edge_agent.core.model import Severity
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.received.health import read_health
from edge_agent.wire.received.messages import EventMessage, HeartbeatMessage
from edge_agent.wire.topics import DEFAULT_ID, CentralTopics
from edge_central.alert_settings import AlertSettings
from edge_central.alerts import notifications, rows
from edge_central.alerts.engine import AlertEngine
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind, AlertKey
from edge_central.alerts.notifications import WebhookPoster
from edge_central.alerts.rows import CONFLICT_MS, SequenceConflict, StoredAlerts
from edge_central.ingest.batch_result import BatchResult
from edge_central.ingest.ingest_status import GAP_PATIENCE_MS
from edge_central.measures import Measure, Measurement
from edge_central.store.centres import wards_of_others
from edge_central.store.fleet_state import FleetState, GapReason
from edge_central.store.presence_reports import PresenceReport
from edge_central.trusted_time.clock import Correction

log = logging.getLogger(__name__)

MISSING_FOR_MS = 86_400_000  # for this long an open gap is an alert; afterwards only ``status`` shows it
PENDING_FROM_S = 3_600.0  # pending conditions of rules with at least this ``for_s`` survive a restart
PENDING_EVERY_S = 60.0
FRESH_MS = 600_000
"""An older view or override event is ignored: it waited in an outbox and no longer describes the present."""
MAX_CLEARED = 2_000
MAX_RETAINED = 1_000  # retained topics counted per gateway

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ALARM: logging.ERROR}


class _View(msgspec.Struct):
    data: wire.CameraViewData


class _Override(msgspec.Struct):
    data: wire.RuleOverrideData


class _RuleChange(msgspec.Struct):
    data: wire.RuleChangeData


_T = TypeVar("_T", _View, _Override, _RuleChange)


class AlertService:
    """The alerts of the centre: call ``restore`` first. Not thread-safe."""

    def __init__(
        self,
        settings: AlertSettings,
        wards: Sequence[str],
        topics: CentralTopics,
        clock: Clock,
        webhook: WebhookPoster | None = None,
    ) -> None:
        self._settings = settings
        self._wards = wards
        self._topics = topics
        self._clock = clock
        self._webhook = webhook
        self._engine = AlertEngine(settings)
        self.restored = False
        self._changes: list[AlertChange] = []  # not in the database yet
        self._queued: list[tuple[int, bytes]] = []
        self._delivered: list[int] = []
        self._cleared: dict[AlertKey, None] = {}
        self._pending: dict[AlertKey, int] = {}  # as in the table
        self._new_pending: dict[AlertKey, int] | None = None
        self._pending_mono = clock.monotonic()
        self._session = self._heard_session = ""
        self._retained: dict[str, set[str]] = {}  # gateway -> topics retained in this broker session
        self._conflicts: dict[str, SequenceConflict] = {}  # by gateway

    @property
    def open_alerts(self) -> list[Alert]:
        return self._engine.open_alerts()

    def read(self, connection: Connection, central_id: str = DEFAULT_ID) -> StoredAlerts:
        now_ms = wall_ms(self._clock)
        others = wards_of_others(connection, central_id, now_ms)
        return rows.read(connection, self._wards, now_ms, others)

    def restore(self, stored_alerts: StoredAlerts, reports: Iterable[PresenceReport]) -> None:
        """Start from the stored alerts and presence reports."""
        self.restored = True
        at = instant_of(self._clock)
        self._engine = AlertEngine(self._settings, stored_alerts.alerts, stored_alerts.pending, at)
        self._pending = dict(stored_alerts.pending)
        self._conflicts = dict(stored_alerts.conflicts)
        self._cleared = dict.fromkeys(stored_alerts.cleared[-MAX_CLEARED:])
        for gateway, ward, heartbeat in stored_alerts.heartbeats:
            try:
                version = read_health(heartbeat).version
            except (msgspec.DecodeError, RecursionError):  # written by another version of the centre
                continue
            self._engine.record_version(gateway, ward, version)
        for report in reports:
            self._changes += self._engine.record_presence(report, at)
        for alert in stored_alerts.without_centre:
            over = replace(alert, cleared_ms=at.ms, cleared_text="no centre has this ward any more")
            self._changes.append(AlertChange(AlertChangeKind.CLEARED, over))
        if self._webhook is not None:
            self._webhook.submit(stored_alerts.notifications)

    def record(self, result: BatchResult, session: str = "") -> None:
        """Judge a committed batch that was received in the broker session ``session``."""
        if session != self._heard_session:  # in a new session the broker sends its retained messages again
            self._heard_session = session
            self._retained.clear()
        at = instant_of(self._clock)
        for status in result.status_messages:
            if isinstance(status, HeartbeatMessage):
                self._changes += self._engine.record_heartbeat(status.gateway, status.ward, status.health, at)
        for (gateway, ward), count in result.alarms.items():
            self._changes += self._engine.judge_alarms(gateway, ward, count, result.received_ms, at)
        for gateway, topics in result.retained.items():
            retained = self._retained.setdefault(gateway, set())
            retained.difference_update(topic for topic, is_there in topics.items() if not is_there)
            new = [topic for topic, is_there in topics.items() if is_there and topic not in retained]
            retained.update(new[: MAX_RETAINED - len(retained)])
        for event in result.views:
            self._view(event, at)
        for event in result.overrides:
            self._override(event, at)
        for event in result.rule_changes:
            self._rule_change(event, at)
        for gateway, events in result.conflicts.items():
            before = self._conflicts.get(gateway, SequenceConflict(0, at.ms))
            self._conflicts[gateway] = SequenceConflict(before.events + events, at.ms)
        if result.conflicts:
            self._judge_conflicts(at)

    def _judge_conflicts(self, at: Instant) -> None:
        for gateway, conflict in list(self._conflicts.items()):
            if at.ms - conflict.last_ms >= CONFLICT_MS:
                del self._conflicts[gateway]
        events = {gateway: conflict.events for gateway, conflict in self._conflicts.items()}
        self._changes += self._engine.judge_conflicts(events, at)

    def apply_correction(self, correction: Correction) -> None:
        """Correct the open alerts after the stored times were corrected, and publish them again."""
        self._engine.apply_correction(correction)
        self._changes = [
            replace(change, alert=change.alert.corrected(correction)) for change in self._changes
        ]
        self._conflicts = {
            gateway: replace(conflict, last_ms=correction.of(conflict.last_ms))
            for gateway, conflict in self._conflicts.items()
        }
        self._session = ""

    def check_gaps(self, fleet: FleetState) -> None:
        """Judge gaps that should have closed by now, and sequence conflicts of the last day."""
        at, counts = instant_of(self._clock), dict[str, int]()
        for stream in fleet.streams.values():
            for gap in stream.gaps:
                if gap.why is GapReason.MISSING and GAP_PATIENCE_MS <= at.ms - gap.found_ms < MISSING_FOR_MS:
                    counts[stream.gateway] = counts.get(stream.gateway, 0) + len(gap)
        self._changes += self._engine.judge_counts(Measure.MISSING_EVENTS, counts, at)
        self._judge_conflicts(at)

    def judge_centre(self, measure: Measure, problem: str | None) -> None:
        """Judge a problem of the centre itself; None: no problem."""
        if self._wards:
            at = instant_of(self._clock)
            self._changes += self._engine.judge_centre(self._wards[0], measure, problem, at)

    def judge_wards(self, measured: Mapping[Measure, Mapping[str, Measurement]]) -> None:
        """Judge what the centre measures for each ward."""
        at = instant_of(self._clock)
        for measure, by_ward in measured.items():
            self._changes += self._engine.judge_wards(measure, by_ward, at)

    def tick(self, reports: Iterable[PresenceReport], connected_mono: float | None) -> None:
        """Judge what depends on time. ``reports``: the newest presence report of each gateway."""
        at = instant_of(self._clock)
        for report in reports:
            self._changes += self._engine.record_presence(report, at)
        retained = {gateway: len(topics) for gateway, topics in self._retained.items()}
        self._changes += self._engine.judge_counts(Measure.RETAINED_MESSAGES, retained, at)
        self._changes += self._engine.tick(at, connected_mono)
        if at.mono - self._pending_mono >= PENDING_EVERY_S:
            self._pending_mono = at.mono
            pending = self._engine.pending(PENDING_FROM_S)
            self._new_pending = pending if pending != self._pending else None
        if self._webhook is not None:
            self._delivered += self._webhook.delivered()

    @property
    def has_unwritten(self) -> bool:
        return bool(self._changes or self._delivered) or self._new_pending is not None

    def write(self, connection: Connection) -> None:
        """Write all changes; ``publish_written`` follows after the commit."""
        self._queued = []
        for change in self._changes:
            rows.write(connection, change)
        if self._new_pending is not None:
            rows.write_pending(connection, self._new_pending, self._pending)
        if self._webhook is not None:
            bodies = [
                (each.alert.key.ward, notifications.encode_alert(each.alert))
                for each in self._changes
                if each.kind is not AlertChangeKind.CHANGED
            ]
            self._queued = rows.queue(connection, bodies, wall_ms(self._clock))
            lost = rows.unqueue(connection, self._delivered) if bodies or self._delivered else 0
            if lost:
                log.error("webhook: dropped the %d oldest alerts: too many are waiting", lost)

    def publish_written(self, session: str | None, publish: Callable[[MqttMessage], None]) -> None:
        """Publish the committed changes; ``session``: the broker session, None without one."""
        changes, self._changes, self._delivered = self._changes, [], []
        if self._new_pending is not None:
            self._pending, self._new_pending = self._new_pending, None
        if self._webhook is not None:
            self._webhook.submit(self._queued)
        for change in changes:
            _log(change)
            key = change.alert.key
            self._cleared.pop(key, None)
            if change.kind is AlertChangeKind.CLEARED:
                self._cleared[key] = None
                while len(self._cleared) > MAX_CLEARED:
                    del self._cleared[next(iter(self._cleared))]
            # ``publish_open`` publishes open alerts to a new session.
            if session is not None and (session == self._session or change.kind is AlertChangeKind.CLEARED):
                for message in notifications.messages_for(change, self._topics):
                    publish(message)

    def publish_open(self, session: str, publish: Callable[[MqttMessage], None]) -> None:
        """In a new broker session publish all open alerts and clear the topics of cleared alerts: the broker
        may have lost the open alerts, and may have missed the end of the cleared ones."""
        if session == self._session:
            return
        self._session = session
        for key in self._cleared:
            publish(notifications.clearing_message(key, self._topics))
        for alert in self._engine.open_alerts():
            publish(notifications.retained_message(alert, self._topics))

    def _view(self, event: EventMessage, at: Instant) -> None:
        view = _read_fresh(event, _View, at.ms)
        if view is not None and view.data.state in TAMPER and view.data.phase in ("start", "end"):
            present = view.data.phase == "start"
            self._changes += self._engine.record_view(
                event.gateway, event.camera, view.data.state, present, at
            )

    def _override(self, event: EventMessage, at: Instant) -> None:
        override = _read_fresh(event, _Override, at.ms)
        if override is not None:
            self._changes += self._engine.record_override(event.gateway, event.camera, override.data, at)

    def _rule_change(self, event: EventMessage, at: Instant) -> None:
        change = _read_fresh(event, _RuleChange, at.ms)
        if change is not None:
            self._changes += self._engine.record_rule_change(event.gateway, event.camera, change.data, at)


def _read_fresh(event: EventMessage, document_type: type[_T], now_ms: int) -> _T | None:
    """Return the decoded event; None: old, or a newer agent's form. The next heartbeat reports the same."""
    if abs(now_ms - event.time_ms) > FRESH_MS:
        return None
    try:
        return msgspec.json.decode(event.payload, type=document_type)
    except (msgspec.DecodeError, RecursionError):
        return None


def _about(alert: Alert) -> str:
    key = alert.key
    return f"{key.gateway}/{key.camera}" if key.camera else key.gateway or f"ward {key.ward}"


def _log(change: AlertChange) -> None:
    alert = change.alert
    if change.kind is AlertChangeKind.OPENED:
        level = _LEVELS[alert.severity]
        log.log(level, "%s: alert %s: %s", _about(alert), alert.key.rule, alert.text)
    elif change.kind is AlertChangeKind.CLEARED:
        log.info("%s: alert %s is over: %s", _about(alert), alert.key.rule, alert.cleared_text)
