"""The server of ``GET /metrics``, without a login: for loopback or a separate network.

Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CentralError
from edge_agent.wire.received.health import ReceivedHealth
from edge_central.console.site_names import Names
from edge_central.metrics.central_metrics import ACKNOWLEDGED_S, CentralMetrics, GatewayMetrics, OpenAlarms
from edge_central.metrics.histogram import DurationHistogram
from edge_central.settings import ListenAddress
from edge_central.store.presence_reports import PRESENT, PresenceState

FRESH_S = 1_800.0
"""Values of an older heartbeat are left out. With an uplink budget, heartbeats come every 300 s."""

CAMERA_STATES = ("starting", "online", "degraded", "offline")
WITH_PICTURE = ("online", "degraded")
MAX_CAMERAS = 10_000  # limit of cameras with series if no sheet lists the cameras
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class IngestHealth:
    """The state of the ingest at this moment."""

    connected: bool
    storing: bool
    webhook_waiting: int | None = None  # alerts not yet accepted by the webhook; None: no webhook


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
    "clock_synchronised": (
        "1: the gateway's clock is synchronised",
        lambda health: bool(health.clock.synced),
    ),
    "certificate_days": ("days left of the gateway's certificate or of its CA", _days),
    "uplink_used_bytes": (
        "bytes used in the billing period, if there is a budget",
        lambda health: health.uplink.used_bytes if health.uplink.monthly_bytes else None,
    ),
    "modem_signal_ratio": (
        "signal strength as the modem reports it",
        lambda health: None if health.modem is None else _share(health.modem.signal_percent),
    ),
    "modem_registered": (
        "1: the modem is registered in a network",
        lambda health: None if health.modem is None else health.modem.registration in ("home", "roaming"),
    ),
    "modem_bytes": (
        "bytes of the billing period as the modem counts them, of all programs",
        lambda health: (
            None if health.modem is None else health.modem.sent_bytes + health.modem.received_bytes
        ),
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
        get_names: Callable[[], Names] = Names,
    ) -> None:
        """``get_names``: returns the names of the sheet; they are empty without a sheet."""
        self._central_metrics = metrics
        self._ingest_health = get_health
        self._wards = tuple(wards)
        self._clock = clock
        self._names = get_names

    def collect(self) -> Iterator[Metric]:
        names = self._names()  # before the lock: it may read the sheet again
        with self._central_metrics.lock:
            metrics = [
                *(*self._of_centre(), *self._of_wards(), *self._of_alarms()),
                *(*self._of_gateways(), self._of_cameras(names)),
            ]
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

    def _of_alarms(self) -> Iterator[Metric]:
        metrics, nothing = self._central_metrics, OpenAlarms()
        counts: dict[tuple[str, ...], float] = {}
        for ward in self._wards:
            found = metrics.open_alarms.get(ward, nothing)
            counts |= {
                (ward, "alarm", "waiting"): found.waiting,
                (ward, "alarm", "acknowledged"): found.acknowledged,
                (ward, "lower", "waiting"): found.lower_waiting,
                (ward, "lower", "acknowledged"): found.lower_acknowledged,
            }
        what = "alarms that are open in the console; lower: alerts below severity alarm"
        yield _labelled("edge_ward_open_alarms", what, ("ward", "severity", "state"), counts)
        what = "time until an alarm was acknowledged, since the start of the centre"
        times = HistogramMetricFamily("edge_ward_acknowledge_seconds", what, labels=("ward",))
        for ward in self._wards:
            histogram = metrics.acknowledged.get(ward) or DurationHistogram(ACKNOWLEDGED_S)
            times.add_metric([ward], histogram.buckets(), histogram.sum_s)
        yield times

    def _of_cameras(self, names: Names) -> Metric:
        """Return one series for each camera of the sheet, even if it has never reported. Without a sheet: one
        for each camera that its gateway reports, or reported before the centre was started."""
        oldest_s = self._clock.now().timestamp() - FRESH_S
        up: dict[tuple[str, ...], float] = {}
        for id_, ward, cameras in self._listed_cameras(names):
            gateway = self._central_metrics.gateways.get(id_)
            health = None
            if gateway is not None and gateway.state in PRESENT and gateway.heartbeat_s > oldest_s:
                health = gateway.health
            states = {} if health is None else health.cameras
            for camera in cameras:
                reported = states.get(camera)
                up[ward, id_, camera] = reported is not None and reported.state in WITH_PICTURE
        what = "1: the camera has a picture, and its gateway is online"
        return _labelled("edge_camera_up", what, ("ward", "gateway", "camera"), up)

    def _listed_cameras(self, names: Names) -> Iterator[tuple[str, str, Sequence[str]]]:
        """Return gateway, ward and cameras of each site of this centre."""
        gateways = self._central_metrics.gateways
        if names.sites:
            for id_, site in names.sites.items():
                ward = gateways[id_].ward if id_ in gateways else site.ward
                if ward in self._wards:
                    yield id_, ward, tuple(site.cameras)
            return
        left = MAX_CAMERAS
        for id_, gateway in gateways.items():
            found = gateway.cameras if gateway.health is None else gateway.health.cameras
            cameras = [camera for camera in found if _ID.fullmatch(camera)][:left]
            left -= len(cameras)
            yield id_, gateway.ward, cameras

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
        get_names: Callable[[], Names] = Names,
    ) -> None:
        self._listen = listen
        self._registry = CollectorRegistry()
        self._registry.register(CentralCollector(metrics, get_health, wards, clock, get_names))
        self._server: WSGIServer | None = None

    def start(self) -> None:
        """Start the server. Raises CentralError if the address cannot be used."""
        try:
            self._server, _ = start_http_server(self._listen.port, self._listen.host, self._registry)
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
