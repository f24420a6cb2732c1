"""The metrics that Prometheus reads from a centre, and its shipped alert rules."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import edge_central
from edge_agent.core.errors import CentralError
from edge_agent.wire.received.health import ReceivedHealth
from edge_agent.wire.received.messages import HeartbeatMessage
from edge_central.ingest.batch_result import BatchResult
from edge_central.metrics.central_metrics import MAX_GATEWAYS, MAX_VERSIONS, CentralMetrics
from edge_central.metrics.server import FRESH_S, CentralCollector, IngestHealth
from edge_central.presence.presence import PresenceThresholds
from edge_central.store.presence_reports import GatewayReport, PresenceState
from tests.edge_central.parts import Centre, FakeGateway, FakeGateways
from tests.host.fakes import FakeClock
from tests.testbed.mosquitto import Mosquitto, free_port, wait_until

RULES = Path(edge_central.__file__).parent / "prometheus" / "edge-central.rules.yml"
QUICK = [{"id": "disk", "for_s": 0}]


def at(time_s: float) -> FakeClock:
    return FakeClock(datetime.fromtimestamp(time_s, UTC))


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read(), "utf-8")


def samples(text: str) -> dict[str, float]:
    """Values by name and labels, such as ``edge_ward_gateways state=online ward=de-tham``."""
    return {
        " ".join([each.name, *(f"{key}={value}" for key, value in sorted(each.labels.items()))]): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def promtool(*words: str, given: str = "", folder: Path | None = None) -> tuple[int, str]:
    """Return its exit code and all that it prints."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: tests/testbed/install.sh")
    done = subprocess.run(
        ["promtool", *words], input=given, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_centre_serves_its_metrics_where_configured(broker: Mosquitto, tmp_path: Path) -> None:
    port, gateway = free_port(), FakeGateway()
    metrics = {"listen": f"127.0.0.1:{port}"}
    centre = Centre(tmp_path / "centre", broker.port, "de-tham", "bo-xuyen", metrics=metrics, alerts=QUICK)
    centre.thresholds = PresenceThresholds(hold_s=0.5, grace_s=0.0)
    with FakeGateways(broker) as gateways, centre:
        gateways.wait_state("online")
        gateways.publish_all(gateway.state("online", "s-1"), *map(gateway.event, (1, 2, 2)))
        gateways.publish_all(gateway.heartbeat("s-1", box={"disk_percent": 97.0}, version="0.2.0"))
        gateways.wait_for(lambda: bool(gateways.on("/dt-001/disk")))
        wait_until(lambda: "edge_alerts rule=disk severity=warning ward=de-tham" in samples(scraped(port)))
        text = scraped(port)
        found, dt = samples(text), "gateway=dt-001"
        assert found["edge_central_events_total"] == 2
        assert found["edge_central_duplicates_total"] == 1
        assert found["edge_central_connected"] == found["edge_central_storing"] == 1
        assert found["edge_central_database_bytes"] > 10_000
        assert found[f"edge_gateway_online {dt} ward=de-tham"] == 1
        since_s = found[f"edge_gateway_state_since_time_seconds {dt} state=online ward=de-tham"]
        assert 0 <= time.time() - since_s < 60
        assert found[f"edge_gateway_disk_used_ratio {dt} ward=de-tham"] == 0.97
        assert found[f"edge_gateway_cameras {dt} state=online ward=de-tham"] == 1
        assert found[f"edge_gateway_info {dt} version=0.2.0 ward=de-tham"] == 1
        assert found["edge_ward_gateways state=online ward=bo-xuyen"] == 0
        assert not any(name.startswith("edge_gateway_temperature") for name in found), "it is not known"
        gateways.publish_all(gateway.state("offline", "s-1"))
        wait_until(lambda: samples(scraped(port))[f"edge_gateway_online {dt} ward=de-tham"] == 0)
        assert promtool("check", "metrics", given=text) == (0, "")


def test_a_port_in_use_is_named_and_nothing_is_started(broker: Mosquitto, tmp_path: Path) -> None:
    centre = Centre(tmp_path / "centre", broker.port, metrics={"listen": f"127.0.0.1:{broker.port}"})
    with pytest.raises(CentralError, match=r"metrics\.listen .* cannot be used: Address already in use"):
        centre.run_here()


def test_values_of_old_heartbeats_are_left_out_and_series_are_bounded() -> None:
    metrics = CentralMetrics(0.0)
    gateways = (f"g-{number}" for number in range(MAX_GATEWAYS + 100))
    metrics.record_presence(GatewayReport(each, "de-tham", PresenceState.ONLINE, "", 0) for each in gateways)
    assert len(metrics.gateways) == MAX_GATEWAYS
    metrics.record_presence([GatewayReport("g-0", "de-tham", None, "", 0)])
    assert "g-0" not in metrics.gateways
    for number, heard_s in ((1, 1000.0), (2, 1000.0 - FRESH_S)):
        gateway = metrics.gateways[f"g-{number}"]
        gateway.health, gateway.heartbeat_s = ReceivedHealth("", "s-1"), heard_s
    collector = CentralCollector(metrics, lambda: IngestHealth(True, False), ["de-tham"], at(1100.0))
    found = [(metric.name, sample) for metric in collector.collect() for sample in metric.samples]
    counts = Counter(name for name, sample in found if sample.labels.get("gateway"))
    assert counts["edge_gateway_online"] == MAX_GATEWAYS - 1
    assert (counts["edge_gateway_heartbeat_time_seconds"], counts["edge_gateway_outbox_events"]) == (2, 1)


def test_a_gateway_that_says_another_version_each_time_makes_a_bounded_number_of_series() -> None:
    metrics, labels = CentralMetrics(0.0), set[str]()
    collector = CentralCollector(metrics, lambda: IngestHealth(True, True), ["de-tham"], at(0.0))
    for version in ("0.2.0", *(f"9.{number}" for number in range(100)), "0.2.0\n", "no version", "0.2.0"):
        health = ReceivedHealth("", "s-1", version=version)
        heartbeat = HeartbeatMessage("de-tham", "dt-001", health, b"")
        metrics.record_batch(BatchResult(status_messages=[heartbeat]), 0.0)
        (info,) = (metric for metric in collector.collect() if metric.name == "edge_gateway_info")
        labels |= {sample.labels["version"] for sample in info.samples}
    assert labels == {"0.2.0", "other", *(f"9.{number}" for number in range(MAX_VERSIONS - 1))}


def test_the_rules_that_ship_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    shutil.copy(Path(__file__).with_name("prometheus.yml"), tmp_path)
    for words in (["check", "rules", RULES.name], ["test", "rules", "prometheus.yml"]):
        code, printed = promtool(*words, folder=tmp_path)
        assert code == 0, printed


def test_the_rules_that_ship_use_existing_series() -> None:
    health = IngestHealth(True, True, 0)
    collector = CentralCollector(CentralMetrics(0.0), lambda: health, ["de-tham"], at(0.0))
    names = {metric.name for metric in collector.collect()}
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    expressions = " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    used = {name.removesuffix("_total") for name in re.findall(r"\bedge_\w+", expressions)}
    assert used <= names
    assert len(used) >= 6
