"""Metrics of alarms, acknowledgements, cameras and requests; the dashboard uses only series that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from edge_agent.core.model import Severity
from edge_agent.wire.received.health import (
    ReceivedCameraHealth,
    ReceivedHealth,
    ReceivedModemHealth,
    ReceivedUplinkHealth,
)
from edge_central.alerts.model import Alert, AlertKey
from edge_central.console.incident_log import IncidentOutcome, LogAuthor, acknowledge_all, close_all
from edge_central.console.site_names import CameraNames, Names, SiteNames
from edge_central.metrics import server
from edge_central.metrics.alarm_figures import AlarmFigures
from edge_central.metrics.central_metrics import CentralMetrics, OpenAlarms
from edge_central.metrics.console_collector import ConsoleCollector
from edge_central.metrics.histogram import DurationHistogram
from edge_central.metrics.request_metrics import RequestMetrics
from edge_central.metrics.server import FRESH_S, CentralCollector, IngestHealth
from edge_central.metrics.stored_cameras import read_cameras
from edge_central.store import tables
from edge_central.store.database import read_transaction
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.web.auth.accounts import Role
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness, alert_row
from tests.edge_central.parts import OURS, THEIRS, WARD, FakeGateway
from tests.edge_central.test_metrics import promtool, samples
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import House
from tests.host.fakes import FakeClock

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "docs/reference/grafana/edge-agent.json"
WARDS = ("de-tham", "bo-xuyen")
NOW_S = 1_700_000_000.0


def collector(metrics: CentralMetrics, names: Names | None = None) -> CentralCollector:
    clock = FakeClock(datetime.fromtimestamp(NOW_S, UTC))
    health = IngestHealth(True, True, 0)
    return CentralCollector(metrics, lambda: health, WARDS, clock, lambda: names or Names())


def labelled(collected: Any, name: str) -> dict[tuple[str, ...], float]:
    """Values of the samples of one name, by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for metric in collected.collect()
        for sample in metric.samples
        if sample.name == name
    }


# --- alarms ---


def alarm(box: FakeGateway, number: int, camera: str = "cam-1") -> tuple[str, bytes]:
    return event(box, number, {"phase": "start", "event_id": f"a{number}", "why": "why"}, camera=camera)


def test_open_alarms_and_acknowledgements_are_counted_by_ward(ingest: IngestHarness) -> None:
    metrics = CentralMetrics(0.0)
    figures = AlarmFigures(WARDS, metrics)

    def read(later_s: int) -> None:
        ingest.store.query(lambda each: figures.read(each, NOW_MS + later_s * 1000))

    ingest.write(*(alarm(OURS, number) for number in range(1, 4)), alarm(THEIRS, 1))
    ingest.insert(tables.alert, alert_row(NOW_MS), alert_row(NOW_MS, rule="offline", severity=17))
    read(0)
    assert metrics.open_alarms == {"de-tham": OpenAlarms(4, 0, 1, 0), "bo-xuyen": OpenAlarms(1, 0, 0, 0)}
    with ingest.store.batch() as batch:
        by = LogAuthor("lan", NOW_MS + 20_000)
        subjects = {f"event dt-001 a{number}": WARD for number in (1, 2)} | {"alert 1": WARD}
        acknowledge_all(batch.connection, by, subjects)
        late = LogAuthor("lan", NOW_MS + 400_000)
        close_all(batch.connection, late, {"event bx-001 a1": "bo-xuyen"}, IncidentOutcome.REAL, "")
        close_all(batch.connection, late, {"alert 2": WARD}, IncidentOutcome.REAL, "")
    read(400)
    read(401)
    assert metrics.open_alarms == {"de-tham": OpenAlarms(1, 2, 0, 1)}
    ours, theirs = metrics.acknowledged["de-tham"], metrics.acknowledged["bo-xuyen"]
    assert (ours.count, ours.sum_s) == (3, 20 + 20 + 400), "the alert below severity alarm does not count"
    assert (theirs.count, theirs.sum_s) == (1, 400), "closed at once, so no longer in the list of open alarms"
    times_of = dict(metrics.acknowledged["de-tham"].buckets())
    assert (times_of["10"], times_of["30"], times_of["600"], times_of["+Inf"]) == (0, 2, 3, 3)


def test_many_acknowledgements_are_read_some_at_a_time(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_central.metrics.alarm_figures.MAX_STEPS", 2)
    metrics = CentralMetrics(0.0)
    figures = AlarmFigures(WARDS, metrics)
    ingest.write(*(alarm(OURS, number) for number in range(1, 6)))
    ingest.store.query(lambda each: figures.read(each, NOW_MS))
    with ingest.store.batch() as batch:
        subjects = {f"event dt-001 a{number}": WARD for number in range(1, 6)}
        acknowledge_all(batch.connection, LogAuthor("lan", NOW_MS + 1_000), subjects)
    for expected in (2, 4, 5, 5):
        ingest.store.query(lambda each: figures.read(each, NOW_MS))
        assert metrics.acknowledged["de-tham"].count == expected


def test_nothing_is_read_where_no_metrics_are_served(ingest: IngestHarness) -> None:
    metrics = CentralMetrics(0.0, is_served=False)
    ingest.write(alarm(OURS, 1))
    ingest.store.query(lambda each: AlarmFigures(WARDS, metrics).read(each, NOW_MS))
    assert metrics.open_alarms == {}


def test_every_ward_has_its_series_also_without_alarms() -> None:
    found = labelled(collector(CentralMetrics(0.0)), "edge_ward_open_alarms")
    assert found == {
        (ward, severity, state): 0
        for ward in WARDS
        for severity in ("alarm", "lower")
        for state in ("waiting", "acknowledged")
    }


def test_a_duration_on_a_bound_is_in_its_bucket_and_a_negative_one_is_0() -> None:
    histogram = DurationHistogram((1.0, 5.0))
    for seconds in (-3.0, 1.0, 1.5, 5.0, 900.0):
        histogram.observe(seconds)
    assert histogram.buckets() == [("1", 2), ("5", 4), ("+Inf", 5)]
    assert histogram.sum_s == 907.5


# --- cameras ---


def reporting(metrics: CentralMetrics, gateway: str, ward: str, **cameras: str) -> None:
    metrics.record_presence([GatewayReport(gateway, ward, PresenceState.ONLINE, "", 0)])
    health = ReceivedHealth("", "s-1", version="0.2.0")
    health.cameras = {name.replace("_", "-"): ReceivedCameraHealth(state) for name, state in cameras.items()}
    metrics.gateways[gateway].health, metrics.gateways[gateway].heartbeat_s = health, NOW_S


def sheet_of(**sites: tuple[str, tuple[str, ...]]) -> Names:
    return Names(
        sites={
            id_.replace("_", "-"): SiteNames(ward, cameras={name: CameraNames(name) for name in cameras})
            for id_, (ward, cameras) in sites.items()
        }
    )


def test_cameras_of_the_sheet_are_up_while_they_have_a_picture() -> None:
    metrics = CentralMetrics(0.0)
    seen = {"cam_1": "online", "cam_2": "offline", "cam_3": "degraded", "invented": "online"}
    reporting(metrics, "dt-001", "de-tham", **seen)
    reporting(metrics, "dt-002", "de-tham", cam_1="online")
    metrics.record_presence([GatewayReport("dt-002", "de-tham", PresenceState.CUT, "", 0)])
    reporting(metrics, "dt-003", "de-tham", cam_1="online")
    metrics.gateways["dt-003"].heartbeat_s = NOW_S - FRESH_S
    sheet = sheet_of(
        dt_001=("", ("cam-1", "cam-2", "cam-3", "cam-4")),
        dt_002=("de-tham", ("cam-1",)),
        dt_003=("de-tham", ("cam-1",)),
        bx_009=("bo-xuyen", ("cam-1",)),
        hn_001=("ha-noi", ("cam-1",)),
    )
    assert labelled(collector(metrics, sheet), "edge_camera_up") == {
        ("de-tham", "dt-001", "cam-1"): 1,
        ("de-tham", "dt-001", "cam-2"): 0,
        ("de-tham", "dt-001", "cam-3"): 1,
        ("de-tham", "dt-001", "cam-4"): 0,
        ("de-tham", "dt-002", "cam-1"): 0,
        ("de-tham", "dt-003", "cam-1"): 0,
        ("bo-xuyen", "bx-009", "cam-1"): 0,
    }


def test_without_a_sheet_the_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CAMERAS", 3)
    metrics = CentralMetrics(0.0)
    reporting(metrics, "dt-001", "de-tham", cam_1="online", CAM_2="online", cam_3="offline")
    reporting(metrics, "dt-002", "de-tham", cam_1="online", cam_2="online", cam_3="online")
    found = labelled(collector(metrics), "edge_camera_up")
    assert [key[1:] for key in found] == [("dt-001", "cam-1"), ("dt-001", "cam-3"), ("dt-002", "cam-1")]


def test_cameras_of_a_gateway_that_is_offline_have_series_after_a_restart_too(ingest: IngestHarness) -> None:
    ingest.write(OURS.birth("s", cameras=[{"id": "cam-1"}, {"id": "cam-2"}]))
    metrics = CentralMetrics(0.0)
    metrics.record_presence([GatewayReport("dt-001", "de-tham", PresenceState.OFFLINE, "", 0)])
    with read_transaction(ingest.database) as connection:
        metrics.record_cameras(read_cameras(connection, ["de-tham"]))
    assert labelled(collector(metrics), "edge_camera_up") == {
        ("de-tham", "dt-001", "cam-1"): 0,
        ("de-tham", "dt-001", "cam-2"): 0,
    }


# --- requests ---


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as built:
        yield built.start()


def test_requests_are_timed_by_their_route_and_never_by_their_path(house: House) -> None:
    house.take(OURS.event(1), OURS.heartbeat("s"))
    client = house.program(house.token("app", WARD))
    for path in (
        "/api/inventory", "/api/events?limit=1", "/api/events?wait=0", "/sites/dt-001", "/sites/secret-name",
        "/no/such/page",
    ):  # fmt: skip
        client.get(path)
    text = client.get("/metrics").text
    name = "edge_console_request_duration_seconds_count"
    counts = {each: value for each, value in samples(text).items() if each.startswith(name)}
    expected = {"/api/inventory": 1, "/api/events": 1, "/sites/{gateway}": 2}
    assert counts == {f"{name} method=GET route={route}": count for route, count in expected.items()}
    assert 'edge_console_responses_total{status="2xx"} 2.0' in text
    assert 'edge_console_responses_total{status="4xx"} 2.0' in text
    assert "edge_console_streams 0.0" in text
    assert "secret-name" not in text
    assert house.anybody().get("/metrics").status_code == 401
    assert house.login("lan", Role.OFFICER, WARD).get("/metrics").status_code == 403


def test_the_modem_of_a_gateway_has_figures_where_there_is_one() -> None:
    metrics = CentralMetrics(0.0)
    reporting(metrics, "dt-001", "de-tham", cam_1="online")
    health = metrics.gateways["dt-001"].health
    assert health is not None
    names = ("edge_gateway_modem_signal_ratio", "edge_gateway_modem_registered", "edge_gateway_modem_bytes")

    def figures() -> list[float]:
        found = {
            sample.name: sample.value for each in collector(metrics).collect() for sample in each.samples
        }
        return [found[name] for name in names if name in found]

    assert figures() == []
    health.modem = ReceivedModemHealth(registration="home", signal_percent=67, sent_bytes=2, received_bytes=5)
    assert figures() == [0.67, 1.0, 7.0]


# --- the dashboard ---


def all_series() -> dict[str, set[str]]:
    """The labels of every series that the centre and its console have, by name."""
    metrics = CentralMetrics(0.0)
    reporting(metrics, "dt-001", "de-tham", cam_1="online")
    health = metrics.gateways["dt-001"].health
    assert health is not None
    for figure in ("temperature_c", "cpu_percent", "memory_percent", "disk_percent"):
        setattr(health.box, figure, 1.0)
    health.certificates.client_days, health.outbox.oldest_s = 1, 1.0
    health.uplink = ReceivedUplinkHealth(monthly_bytes=2, used_bytes=1)
    metrics.gateways["dt-001"].add_version("0.2.0")
    key = AlertKey("de-tham", "dt-001", "disk", "")
    metrics.record_alerts([Alert(key, Severity.WARNING, "full", None, 0, 0)], 0)
    requests = RequestMetrics()
    requests.record(("GET", "/"), 200, 0.1)
    found: dict[str, set[str]] = {}
    for each in (collector(metrics), ConsoleCollector(requests, lambda: 0)):
        for metric in each.collect():
            for sample in metric.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def dashboard() -> Any:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


def expressions(value: Any) -> Iterator[str]:
    """Every expression of the dashboard, also of its variables."""
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key in ("expr", "definition") and each)
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from expressions(each)


SERIES = re.compile(r"\b(edge_\w+)(?:\{([^}]*)\})?")


def test_the_dashboard_uses_series_and_labels_that_exist() -> None:
    series, found = all_series(), list(expressions(dashboard()))
    assert len(found) > 30
    used = [(name, labels) for each in found for name, labels in SERIES.findall(each)]
    assert {name for name, _ in used} <= series.keys()
    for name, labels in used:
        assert set(re.findall(r"(\w+)\s*[=!]~?", labels)) <= series[name], (name, labels)
    for each in found:
        of_each = set().union(*(series[name] for name, _ in SERIES.findall(each)))
        for by in re.findall(r"\bby \(([^)]*)\)", each):
            assert {label.strip() for label in by.split(",")} <= of_each, each


def test_a_wrong_name_would_be_noticed() -> None:
    assert "edge_camera_up" in all_series()
    assert "edge_cameras_up" not in all_series()


def test_prometheus_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    found = [each for each in expressions(dashboard()) if not each.startswith("label_values(")]
    queries = [each.replace("$__rate_interval", "5m").replace("$__range", "1h") for each in found]
    rules = [{"record": f"dashboard:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    code, printed = promtool("check", "rules", str(file))
    assert code == 0, printed


def test_panels_have_ids_and_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for each in panels:
        place = each["gridPos"]
        assert place["x"] + place["w"] <= 24, each["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, each["title"]
        taken |= cells


def test_the_series_pass_promtool() -> None:
    registry, requests = CollectorRegistry(), RequestMetrics()
    requests.record(("GET", "/sites/{gateway}"), 200, 0.1)
    registry.register(ConsoleCollector(requests, lambda: 0))
    metrics = CentralMetrics(0.0)
    reporting(metrics, "dt-001", "de-tham", cam_1="online")
    metrics.record_open_alarms({}, [("de-tham", 12.0)])
    registry.register(collector(metrics))
    assert promtool("check", "metrics", given=generate_latest(registry).decode()) == (0, "")
