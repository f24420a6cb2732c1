"""Feeds the presence state machine, publishes its reports, and stores them for the next start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec
from sqlalchemy import Connection

from edge_agent.core.clock import Clock, instant_of, rfc3339_of_ms
from edge_agent.core.problems import CodedProblem, optional_problem
from edge_agent.core.problems.problem import encode_json
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.received.bounds import with_problem
from edge_agent.wire.received.messages import HeartbeatMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest.batch_result import BatchResult
from edge_central.presence.presence import PresenceThresholds, PresenceTracker
from edge_central.store.presence_reports import (
    GatewayReport,
    OutageReport,
    PresenceReport,
    PresenceState,
    write_report,
)
from edge_central.trusted_time.clock import Correction

log = logging.getLogger(__name__)


class PresenceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Retained message that says whether a gateway is there; published once for each lasting change."""

    schema: Literal["central-presence/1"] = "central-presence/1"
    gateway: str
    ward: str
    state: Literal["online", "booting", "unstable", "offline", "cut", "stopped"]
    since: str  # start of this state; of ``online`` and ``booting``: start of the presence
    why: str
    problem: CodedProblem | msgspec.UnsetType = msgspec.UNSET  # ``why`` as a code with figures


class OutageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Message that many gateways of a ward went offline at once; retained until the outage is over."""

    schema: Literal["central-outage/1"] = "central-outage/1"
    ward: str
    since: str
    gateways: list[str]
    of: int


class PresencePublisher:
    """Publishes presence reports. Call ``restore`` first. Not thread-safe."""

    def __init__(
        self, topics: CentralTopics, clock: Clock, thresholds: PresenceThresholds | None = None
    ) -> None:
        self._topics = topics
        self._clock = clock
        self._thresholds = thresholds
        self._presence = PresenceTracker(thresholds=thresholds)
        self._session = ""
        self._unwritten: list[PresenceReport] = []
        self._wards: dict[str, str] = {}  # gateway -> ward of its topic

    def restore(
        self, reports: list[PresenceReport], sessions: Mapping[str, str | None] | None = None
    ) -> None:
        """Start from the stored reports. ``sessions``: the session in the newest stored state message of each
        gateway."""
        self._presence = PresenceTracker(reports, self._thresholds, instant_of(self._clock), sessions)
        self._wards = {each.gateway: each.ward for each in reports if isinstance(each, GatewayReport)}

    def apply_correction(self, correction: Correction) -> list[PresenceReport]:
        """Correct published times that were wrong, publish all states again, and return them."""
        self._presence.apply_correction(correction)
        self._session = ""
        return self._presence.current_reports()

    def record(self, result: BatchResult) -> None:
        """Record the heartbeats and states of a committed batch."""
        at = instant_of(self._clock)
        for status in result.status_messages:
            if isinstance(status, HeartbeatMessage):
                health = status.health
                self._presence.record_heartbeat(
                    *(status.gateway, status.ward, health.session, health.uplink.heartbeat_s),
                    *(at, health.box.uptime_s),
                )
            elif status.document is None:
                self._presence.remove(status.gateway, status.ward, at.ms)
            else:
                document = status.document
                why = with_problem(document.reason[:200].replace("\0", ""), document.problem)
                self._presence.record_state(
                    status.gateway, status.ward, document.state, document.session, why, at
                )

    def tick(
        self, session: str, connected_mono: float | None, publish: Callable[[MqttMessage], None]
    ) -> list[PresenceReport]:
        """Publish the new reports and return them. In a new broker session publish all current reports,
        because the broker may have lost them."""
        reports = new = self._presence.tick(instant_of(self._clock), connected_mono)
        for report in new:
            _log(report)
        self._unwritten += new
        if connected_mono is not None and session != self._session:
            self._session = session
            ended = [
                each for each in new if not (each.gateways if isinstance(each, OutageReport) else each.state)
            ]
            reports = [*ended, *self._presence.current_reports()]
        if connected_mono is not None:
            for report in reports:
                for message in self._messages(report):
                    publish(message)
        return new

    @property
    def has_unwritten(self) -> bool:
        return bool(self._unwritten)

    def write(self, connection: Connection) -> int:
        """Write the new reports; return their count for ``mark_written``."""
        for report in self._unwritten:
            write_report(connection, report)
        return len(self._unwritten)

    def mark_written(self, count: int) -> None:
        """Drop the first ``count`` reports, after the commit."""
        del self._unwritten[:count]

    def _messages(self, report: PresenceReport) -> Iterator[MqttMessage]:
        """Yield a report's messages; if the gateway has moved, one clears the topic of its former ward."""
        if isinstance(report, GatewayReport):
            ward = self._wards.pop(report.gateway, report.ward)
            if ward != report.ward:
                yield MqttMessage(self._topics.presence(ward, report.gateway), b"", retain=True)
            if report.state is not None:
                self._wards[report.gateway] = report.ward
        yield self._message(report)

    def _message(self, report: PresenceReport) -> MqttMessage:
        """Return the retained message of a report. It is empty, and so clears the topic, if the gateway was
        removed or the outage is over."""
        since = rfc3339_of_ms(report.since_ms)
        match report:
            case GatewayReport(gateway, ward, state):
                topic = self._topics.presence(ward, gateway)
                if state is None:
                    return MqttMessage(topic, b"", retain=True)
                document: msgspec.Struct = PresenceDocument(
                    gateway=gateway,
                    ward=ward,
                    state=state.value,
                    since=since,
                    why=str(report.why),
                    problem=optional_problem(report.why),
                )
            case OutageReport(ward, gateways, of):
                topic = self._topics.outage(ward)
                if not gateways:
                    return MqttMessage(topic, b"", retain=True)
                document = OutageDocument(ward=ward, since=since, gateways=list(gateways), of=of)
        return MqttMessage(topic, encode_json(document), retain=True)


def _log(report: PresenceReport) -> None:
    match report:
        case GatewayReport(gateway, ward, PresenceState.CUT):
            log.debug("%s (%s): went with its ward", gateway, ward)  # the outage has one line in the log
        case GatewayReport(gateway, ward, state, why):
            bad = state in (PresenceState.OFFLINE, PresenceState.UNSTABLE)
            log.log(logging.WARNING if bad else logging.INFO, "%s (%s): %s: %s", gateway, ward, state, why)
        case OutageReport(ward, (), of):
            log.warning("%s: the outage of the ward is over", ward)
        case OutageReport(ward, gateways, of):
            log.error("%s: %d of %d gateways went offline at once", ward, len(gateways), of)
