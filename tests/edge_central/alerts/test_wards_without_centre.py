"""Open alerts of a ward that no centre has any more end at the next start of a centre."""

from __future__ import annotations

from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.alert_settings import AlertSettings, default_rules
from edge_central.alerts.service import AlertService
from edge_central.store import tables
from edge_central.store.centres import running_key
from edge_central.store.database import write_record
from edge_central.trusted_time.clock import TrustedClockRecord
from edge_central.trusted_time.clock_store import record_key
from tests.edge_central.ingest_harness import IngestHarness, alert_row, ran_last


def ended_at_a_start(ingest: IngestHarness) -> tuple[dict[str, str], list[MqttMessage]]:
    """Start the centre of de-tham. Return why the alerts of each ward have ended, and what is published."""
    service = AlertService(AlertSettings(tuple(default_rules()), 0.0), ["de-tham"], TOPICS, SystemClock())
    service.restore(ingest.store.query(service.read), [])
    published: list[MqttMessage] = []
    with ingest.store.batch() as batch:
        service.write(batch.connection)
    service.publish_written("s-1", published.append)
    ended = (row for row in ingest.rows(tables.alert) if row.cleared_ms is not None)
    return {row.ward: row.cleared_text for row in ended}, published


TOPICS = CentralTopics("tb/v1", "central")
NOW_MS = wall_ms(SystemClock())
ALERTS = [alert_row(NOW_MS, ward=ward) for ward in ("de-tham", "bo-xuyen", "tran-lam")]


def test_alerts_of_a_ward_end_that_no_centre_has(ingest: IngestHarness) -> None:
    ingest.insert(tables.alert, *ALERTS)
    with ingest.store.batch() as batch:
        write_record(batch.connection, running_key("city-b"), ran_last("bo-xuyen", at_ms=NOW_MS))
    ended, published = ended_at_a_start(ingest)
    assert ended == {"tran-lam": "no centre has this ward any more"}
    assert published[-1] == MqttMessage(TOPICS.alert("tran-lam", "dt-001", "disk", ""), b"", retain=True)


def test_nothing_ends_while_the_wards_of_an_older_centre_are_not_known(ingest: IngestHarness) -> None:
    ingest.insert(tables.alert, *ALERTS)
    clock = TrustedClockRecord(time_ms=NOW_MS, mono_ms=5, boot_id="b-0")
    with ingest.store.batch() as batch:
        write_record(batch.connection, record_key("city-b"), clock)
    assert ended_at_a_start(ingest) == ({}, [])
