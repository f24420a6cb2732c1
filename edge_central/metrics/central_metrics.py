"""Counters and states for the metrics, written by the ingest thread and read by the metrics server."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge_agent.core.model import Severity
from edge_agent.wire.received.health import ReceivedHealth
from edge_agent.wire.received.messages import HeartbeatMessage
from edge_central.alerts.model import Alert
from edge_central.ingest.batch_result import BatchResult
from edge_central.metrics.histogram import DurationHistogram
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceReport, PresenceState

MAX_GATEWAYS = 5_000
"""At most this many gateways get series: a broker without access control must not fill the memory of the
centre and of Prometheus."""

MAX_VERSIONS = 8
"""Limit for the versions of one gateway since the start of the centre: Prometheus keeps the series of each
version for months."""
OTHER_VERSION = "other"
ACKNOWLEDGED_S = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0)
"""Bounds of the times until an alarm was acknowledged."""
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,39}")


@dataclass(slots=True)
class GatewayMetrics:
    ward: str
    state: PresenceState | None = None
    since_ms: int = 0  # begin of this state, milliseconds since 1970
    health: ReceivedHealth | None = None
    cameras: tuple[str, ...] = ()  # ids of the stored birth; used until there is a heartbeat
    versions: list[str] = field(default_factory=list)  # reported since the start
    heartbeat_s: float = 0.0  # Unix time of the newest heartbeat
    events: int = 0  # stored since the start

    def add_version(self, text: str) -> None:
        if _VERSION.fullmatch(text) and text not in self.versions and len(self.versions) < MAX_VERSIONS:
            self.versions.append(text)

    @property
    def version(self) -> str:
        """The gateway's version as a label; ``other`` for an invalid text, and for versions beyond
        MAX_VERSIONS."""
        text = "" if self.health is None else self.health.version
        return text if not text or text in self.versions else OTHER_VERSION


@dataclass(frozen=True, slots=True)
class AlertCount:
    ward: str
    rule: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class OpenAlarms:
    """Counts of the single alarms that are open in the console, and of alerts below severity alarm."""

    waiting: int = 0
    acknowledged: int = 0
    lower_waiting: int = 0
    lower_acknowledged: int = 0


@dataclass(slots=True)
class CentralMetrics:
    """The metrics of the centre. ``lock`` protects all fields."""

    started_s: float  # Unix time
    is_served: bool = True  # whether anything can scrape them
    lock: threading.Lock = field(default_factory=threading.Lock)
    gateways: dict[str, GatewayMetrics] = field(default_factory=dict)
    outages: dict[str, int] = field(default_factory=dict)  # ward -> number of gateways in its outage
    alerts: Counter[AlertCount] = field(default_factory=Counter)  # open and not folded into another alert
    open_alarms: dict[str, OpenAlarms] = field(default_factory=dict)  # by ward
    acknowledged: dict[str, DurationHistogram] = field(default_factory=dict)  # by ward, since the start
    events: int = 0
    duplicates: int = 0
    rejected: int = 0
    waiting: int = 0
    database_bytes: int = 0

    def record_batch(self, result: BatchResult, now_s: float) -> None:
        with self.lock:
            self.events += result.events.total()
            self.duplicates += result.duplicates
            self.rejected += result.rejected
            for status in result.status_messages:
                if isinstance(status, HeartbeatMessage) and (
                    metrics := self._gateway(status.gateway, status.ward)
                ):
                    metrics.health, metrics.heartbeat_s = status.health, now_s
                    metrics.add_version(status.health.version)
            for gateway, count in result.events.items():
                if metrics := self._gateway(gateway, result.wards[gateway]):
                    metrics.events += count

    def record_presence(self, reports: Iterable[PresenceReport]) -> None:
        """Store the presence states that were just published."""
        with self.lock:
            for report in reports:
                match report:
                    case GatewayReport(gateway, _, None):
                        self.gateways.pop(gateway, None)
                    case GatewayReport(gateway, ward, state):
                        if metrics := self._gateway(gateway, ward):
                            metrics.state, metrics.since_ms = state, report.since_ms
                    case OutageReport(ward, ()):
                        self.outages.pop(ward, None)
                    case OutageReport(ward, gateways):
                        self.outages[ward] = len(gateways)

    def record_cameras(self, cameras: Mapping[str, tuple[str, ...]]) -> None:
        """Store the ids of the cameras by gateway; gateways without a published state are left out."""
        with self.lock:
            for gateway, metrics in self.gateways.items():
                metrics.cameras = cameras.get(gateway, ())

    def record_alerts(self, alerts: Iterable[Alert], waiting: int) -> None:
        """Count the open alerts. ``waiting``: number of messages that are not stored yet."""
        count = Counter(
            AlertCount(alert.key.ward, alert.key.rule, alert.severity) for alert in alerts if not alert.folded
        )
        with self.lock:
            self.alerts, self.waiting = count, waiting

    def record_open_alarms(
        self, open_alarms: Mapping[str, OpenAlarms], acknowledged: Iterable[tuple[str, float]]
    ) -> None:
        """Store the open alarms, by ward, and count new acknowledgements: ward, and seconds since the alarm
        arrived."""
        with self.lock:
            self.open_alarms = dict(open_alarms)
            for ward, seconds in acknowledged:
                self.acknowledged.setdefault(ward, DurationHistogram(ACKNOWLEDGED_S)).observe(seconds)

    def _gateway(self, gateway: str, ward: str) -> GatewayMetrics | None:
        metrics = self.gateways.get(gateway)
        if metrics is None:
            if len(self.gateways) >= MAX_GATEWAYS:
                return None
            metrics = self.gateways[gateway] = GatewayMetrics(ward)
        metrics.ward = ward
        return metrics
