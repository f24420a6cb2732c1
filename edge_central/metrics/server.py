"""The server of ``GET /metrics``, without a login: for loopback or a separate network.

Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CentralError
from edge_agent.wire.received.health import ReceivedHealth
from edge_central.metrics.central_metrics import CentralMetrics, GatewayMetrics
from edge_central.settings import ListenAddress
from edge_central.store.presence_reports import PRESENT, PresenceState

FRESH_S = 1_800.0
"""Values of an older heartbeat are left out. With an uplink budget heartbeats come every 300 s."""

CAMERA_STATES = ("starting", "online", "degraded", "offline")


@dataclass(frozen=True, slots=True)
class IngestHealth:
    """The state of the ingest at this moment."""

    connected: bool
    storing: bool
    webhook_waiting: int | None = None  # alerts that it has not accepted yet; None: no webhook


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100.0


def _days(health: ReceivedHealth) -> float | None:
    days = [
        each for each in (health.certificates.client_days, health.certificates.ca_days) if each is not None
    ]
    return min(days) if days else None


HEALTH_GAUGES: dict[str, tuple[str, Callable[[ReceivedHealth], float | None]]] = {
    "temperature_celsius": ("temperature of the processor", lambda health: health.box.temperature_c),
    "cpu_used_ratio": ("load of all cores together", lambda health: _share(health.box.cpu_percent)),
    "memory_used_ratio": ("", lambda health: _share(health.box.memory_percent)),
    "disk_used_ratio": ("", lambda health: _share(health.box.disk_percent)),
    "outbox_events": ("events that wait in the gateway", lambda health: health.outbox.depth),
    "outbox_oldest_seconds": ("age of the oldest waiting event", lambda health: health.outbox.oldest_s),
    "clock_synchronised": ("1: the gateway's clock is synchronised", lambda health: health.clock.synced),
    "certificate_days": ("days left of the gateway's certificate or of its CA", _days),
    "uplink_used_bytes": (
        "bytes used in the billing period, if there is a budget",
        lambda health: health.uplink.used_bytes if health.uplink.monthly_bytes else None,
    ),
    "uplink_budget_bytes": ("budget of the billing period", lambda health: health.uplink.monthly_bytes),
}
"""Gauges of each gateway: name without ``edge_gateway_`` -> (help, value)."""


class CentralCollector(Collector):
    """Makes the metrics of one scrape, on a thread of the server."""

    def __init__(
        self,
        metrics: CentralMetrics,
        get_health: Callable[[], IngestHealth],
        wards: Sequence[str],
        clock: Clock,
    ) -> None:
        self._central_metrics = metrics
        self._ingest_health = get_health
        self._wards = tuple(wards)
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        with self._central_metrics.lock:
            metrics = [*self._of_centre(), *self._of_wards(), *self._of_gateways()]
        yield from metrics

    def _of_centre(self) -> Iterator[Metric]:
        metrics, health = self._central_metrics, self._ingest_health()
        for name, value, what in (
            ("events", metrics.events, "events stored since the start"),
            ("duplicates", metrics.duplicates, "events that were stored already"),
            ("rejected", metrics.rejected, "messages that were rejected"),
        ):
            yield CounterMetricFamily(f"edge_central_{name}", what, value=value)
        for name, number, what in (
            ("connected", health.connected, "1: a broker session exists"),
            ("storing", health.storing, "1: the database accepts writes"),
            ("waiting_messages", metrics.waiting, "messages that are not stored yet"),
            (
                "database_bytes",
                metrics.database_bytes,
                "size of the database, without its log and media files",
            ),
            ("start_time_seconds", metrics.started_s, "start of the centre, Unix time"),
        ):
            yield GaugeMetricFamily(f"edge_central_{name}", what, value=float(number))
        if health.webhook_waiting is not None:
            what = "alerts that wait for the webhook"
            yield GaugeMetricFamily("edge_central_webhook_waiting", what, value=health.webhook_waiting)

    def _of_wards(self) -> Iterator[Metric]:
        metrics = self._central_metrics
        gateways = Counter((gateway.ward, gateway.state) for gateway in metrics.gateways.values())
        yield _labelled(
            "edge_ward_gateways",
            "gateways by published presence",
            ("ward", "state"),
            {(ward, state.value): gateways[ward, state] for ward in self._wards for state in PresenceState},
        )
        yield _labelled(
            "edge_ward_outage_gateways",
            "gateways of the ward's outage; 0: no outage",
            ("ward",),
            {(ward,): metrics.outages.get(ward, 0) for ward in self._wards},
        )
        yield _labelled(
            "edge_alerts",
            "open alerts, without folded ones",
            ("ward", "rule", "severity"),
            {(each.ward, each.rule, each.severity.name.lower()): n for each, n in metrics.alerts.items()},
        )

    def _of_gateways(self) -> Iterator[Metric]:
        gateways = self._central_metrics.gateways
        names = ("ward", "gateway")
        reported = {
            (gateway.ward, id_): gateway for id_, gateway in gateways.items() if gateway.state is not None
        }
        yield _labelled(
            "edge_gateway_online",
            "1: published as online, booting or unstable",
            names,
            {key: gateway.state in PRESENT for key, gateway in reported.items()},
        )
        yield _labelled(
            "edge_gateway_state_since_time_seconds",
            "since when the gateway is in its published state, Unix time",
            (*names, "state"),
            {
                (*key, gateway.state.value): gateway.since_ms / 1000
                for key, gateway in reported.items()
                if gateway.state is not None
            },
        )
        events = CounterMetricFamily("edge_gateway_events", "events stored since the start", labels=names)
        for id_, gateway in gateways.items():
            events.add_metric([gateway.ward, id_], gateway.events)
        yield events
        heard = {
            (gateway.ward, id_): gateway for id_, gateway in gateways.items() if gateway.health is not None
        }
        yield _labelled(
            "edge_gateway_heartbeat_time_seconds",
            "arrival of the newest heartbeat, Unix time",
            names,
            {key: gateway.heartbeat_s for key, gateway in heard.items()},
        )
        oldest_s = self._clock.now().timestamp() - FRESH_S
        yield from self._of_health(
            {key: gateway for key, gateway in heard.items() if gateway.heartbeat_s > oldest_s}
        )

    def _of_health(self, gateways: Mapping[tuple[str, str], GatewayMetrics]) -> Iterator[Metric]:
        names = ("ward", "gateway")
        health = {key: gateway.health for key, gateway in gateways.items() if gateway.health is not None}
        for name, (what, read) in HEALTH_GAUGES.items():
            values = {key: read(each) for key, each in health.items()}
            known: dict[tuple[str, ...], float] = {
                key: value for key, value in values.items() if value is not None
            }
            yield _labelled(f"edge_gateway_{name}", what, names, known)
        cameras: dict[tuple[str, ...], float] = {}
        for key, each in health.items():
            states = Counter(camera.state for camera in each.cameras.values())
            cameras |= {(*key, state): states[state] for state in CAMERA_STATES}
        yield _labelled("edge_gateway_cameras", "", (*names, "state"), cameras)
        versions: dict[tuple[str, ...], float] = {
            (*key, gateway.version): 1 for key, gateway in gateways.items() if gateway.health is not None
        }
        yield _labelled("edge_gateway_info", "version of the agent", (*names, "version"), versions)


def _labelled(
    name: str, what: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what or name.replace("_", " "), labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), float(value))
    return family


log = logging.getLogger(__name__)


class MetricsServer:
    """The HTTP server; each scrape runs on its own thread."""

    def __init__(
        self,
        listen: ListenAddress,
        metrics: CentralMetrics,
        get_health: Callable[[], IngestHealth],
        wards: Sequence[str],
        clock: Clock,
    ) -> None:
        self._listen = listen
        self._registry = CollectorRegistry()
        self._registry.register(CentralCollector(metrics, get_health, wards, clock))
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Raises CentralError when the address cannot be used."""
        try:
            self._server, self._thread = start_http_server(
                self._listen.port, self._listen.host, self._registry
            )
        except OSError as error:
            raise CentralError(
                f"metrics.listen {self._listen} cannot be used: {error.strerror}; nothing was started"
            ) from error
        log.info("metrics: http://%s/metrics", self._listen)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
