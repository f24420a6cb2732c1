"""Alerts of a running centre: in the table, on MQTT, at the webhook, and over restarts."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from edge_agent.core.clock import Backoff
from edge_agent.core.secrets import Secret
from edge_central.alerts.notifications import WebhookPoster
from edge_central.cli.status import status_lines
from edge_central.presence.presence import PresenceThresholds
from edge_central.settings import Webhook
from edge_central.store import tables
from edge_central.store.database import read_transaction, write_transaction
from tests.edge_central.parts import OURS, Centre, FakeGateway, FakeGateways
from tests.testbed.mosquitto import Authority, Mosquitto, Subscriber, wait_until
from tests.testbed.receiver import Receiver
from tests.testbed.schemas import check_message

QUICK = [
    {"id": "clock", "enabled": False},
    *({"id": rule, "for_s": 0} for rule in ("disk", "box-offline")),
    *({"id": rule, "clear_s": 0} for rule in ("tamper", "rule-muted", "retained")),
]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    ca = Authority(tmp_path, "receivers CA")
    with Receiver(ca.issue("receiver", san="IP:127.0.0.1")) as started:
        yield started


def centre_of(folder: Path, broker: Mosquitto, **keys: Any) -> Centre:
    made = Centre(folder / "centre", broker.port, alerts=QUICK, boot_grace_s=0, **keys)
    made.thresholds = PresenceThresholds(hold_s=0.5, outage_hold_s=0.5, grace_s=0.0)
    return made


@pytest.fixture
def centre(broker: Mosquitto, gateways: FakeGateways, tmp_path: Path) -> Iterator[Centre]:
    with centre_of(tmp_path, broker) as started:
        gateways.wait_state("online")
        yield started


def alerts(gateways: Subscriber, gateway: FakeGateway, about: str) -> list[dict[str, Any]]:
    """The documents published about an alert; ``{}``: the topic was cleared."""
    alert = gateways.on(f"central/alert/{gateway.ward}/{gateway.id}/{about}")
    return [json.loads(message.payload) if message.payload else {} for message in alert]


def wait_alerts(
    gateways: Subscriber, about: str, count: int = 1, gateway: FakeGateway = OURS
) -> list[dict[str, Any]]:
    gateways.wait_for(lambda: len(alerts(gateways, gateway, about)) >= count)
    return alerts(gateways, gateway, about)


def rows(centre: Centre, table: Table = tables.alert) -> list[Any]:
    with read_transaction(centre.database) as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))


FULL: dict[str, Any] = {"box": {"disk_percent": 97.0}}


def test_a_rule_that_was_disarmed_is_an_alert_with_its_event(centre: Centre, gateways: FakeGateways) -> None:
    gateways.publish_all(OURS.heartbeat("s-1"), OURS.override(1, "start"))
    (alert,) = wait_alerts(gateways, "rule-muted/cam-1")
    assert (alert["camera"], alert["text"]) == ("cam-1", "changed by hand: yard (disarm)")
    gateways.publish_all(OURS.override(2, "end"))
    _, cleared, _ = wait_alerts(gateways, "rule-muted/cam-1", 3)
    assert cleared["state"] == "cleared"
    gateways.publish_all(OURS.rule_change(3, enabled=False))
    _, _, _, off = wait_alerts(gateways, "rule-muted/cam-1", 4)
    assert off["text"] == "changed by hand: yard (off)"


def test_an_alert_is_stored_published_and_cleared(
    centre: Centre, gateways: FakeGateways, broker: Mosquitto
) -> None:
    gateways.publish_all(OURS.heartbeat("s-1", **FULL))
    (alert,) = wait_alerts(gateways, "disk")
    check_message(alert, "central-alert")
    shown = {"state": "open", "severity": "warning", "gateway": "dt-001", "camera": None}
    assert alert.items() >= (shown | {"text": "disk 97 % full, above 90"}).items()
    assert "alert      dt-001: disk for 0 s: disk 97 % full, above 90" in status_lines(centre.status())
    gateways.publish_all(OURS.heartbeat("s-1"))
    opened, over, nothing = wait_alerts(gateways, "disk", 3)
    assert (over["id"], over["state"], nothing) == (opened["id"], "cleared", {})
    check_message(over, "central-alert")
    with Subscriber(broker.port, "tb/v1/central/alert/#", "tb/v1/central/state", client_id="later") as later:
        later.wait_for(lambda: bool(later.on("central/state")))
        assert alerts(later, OURS, "disk") == [], "nothing is retained"
    (row,) = rows(centre)
    assert row.cleared_ms >= row.opened_ms >= row.since_ms


def test_a_restart_publishes_only_new_alerts_and_restores_the_open_ones(
    centre: Centre, gateways: FakeGateways
) -> None:
    other = FakeGateway("dt-002")
    gateways.publish_all(OURS.state("online", "s-1"))
    gateways.publish_all(OURS.heartbeat("s-1", **FULL), other.heartbeat("s-1", **FULL))
    for each in (OURS, other):
        wait_alerts(gateways, "disk", gateway=each)
    centre.stop()
    # as a broker that lost it
    gateways.publish(f"tb/v1/central/alert/{OURS.ward}/{OURS.id}/disk", b"", retain=True)
    centre.start()
    first, _, again = wait_alerts(gateways, "disk", 3)
    assert again == first
    gateways.publish_all(OURS.heartbeat("s-1", **FULL), other.heartbeat("s-1"))
    gateways.wait_for(lambda: alerts(gateways, other, "disk")[-1:] == [{}])
    found = [(row.gateway, row.cleared_ms is None) for row in rows(centre)]
    assert found == [("dt-001", True), ("dt-002", False)]


def test_an_alert_cleared_just_before_a_kill_is_cleared_at_the_broker(
    centre: Centre, gateways: FakeGateways
) -> None:
    gateways.publish_all(OURS.heartbeat("s-1", **FULL))
    wait_alerts(gateways, "disk")
    centre.stop()
    with write_transaction(centre.database) as connection:
        connection.execute(update(tables.alert).values(cleared_ms=round(time.time() * 1000)))
    centre.start()
    gateways.wait_for(lambda: alerts(gateways, OURS, "disk")[-1:] == [{}])


def test_a_ward_outage_is_one_alert(centre: Centre, gateways: FakeGateways) -> None:
    five = [FakeGateway(f"dt-00{number}") for number in range(1, 6)]
    gateways.publish_all(*(each.state("online", "s-1") for each in five), five[0].heartbeat("s-1", **FULL))
    wait_alerts(gateways, "disk", gateway=five[0])
    gateways.wait_for(lambda: [gateways.presence(gateway) for gateway in five] == ["online"] * 5)
    gateways.publish_all(*(gateway.state("offline", "s-1") for gateway in five))
    ward = replace(five[0], id="_ward")
    assert wait_alerts(gateways, "ward-outage", gateway=ward)[0]["gateway"] is None
    gateways.wait_for(lambda: alerts(gateways, five[0], "disk")[-1]["folded"])
    gateways.publish_all(*(gateway.state("online", "s-2") for gateway in five))
    gateways.wait_for(lambda: alerts(gateways, ward, "ward-outage")[-1] == {})
    gateways.publish_all(five[0].heartbeat("s-2", **FULL))
    gateways.wait_for(lambda: not alerts(gateways, five[0], "disk")[-1]["folded"])
    assert [row.rule for row in rows(centre)] == ["disk", "ward-outage"]


def test_a_covered_camera_is_reported_with_its_event(centre: Centre, gateways: FakeGateways) -> None:
    gateways.publish_all(OURS.heartbeat("s-1"), OURS.view(1, "covered", "start"))
    assert wait_alerts(gateways, "tamper/cam-1")[0]["text"] == "view covered"
    gateways.publish_all(OURS.view(2, "covered", "end"))
    gateways.wait_for(lambda: alerts(gateways, OURS, "tamper/cam-1")[-1] == {})


def test_the_webhook_gets_each_alert_once_in_order_and_across_a_restart(
    broker: Mosquitto, gateways: FakeGateways, receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    (tmp_path / "token").chmod(0o600)
    hook = {"url": receiver.url, "secret_file": str(tmp_path / "token"), "ca_file": str(ca_of(tmp_path))}
    with centre_of(tmp_path, broker, webhook=hook) as centre:
        gateways.wait_state("online")
        gateways.publish_all(OURS.heartbeat("s-1", **FULL))
        receiver.wait_posted(1)
        headers, body = receiver.posted[0]
        assert headers["Authorization"] == "Bearer hunter2"
        check_message(body, "central-alert")
        receiver.close()
        gateways.publish_all(OURS.heartbeat("s-1"))
        gateways.wait_for(lambda: alerts(gateways, OURS, "disk")[-1:] == [{}])
        gateways.deliver(OURS, 1)  # the webhook delays nothing
        centre.stop()
        receiver.open()
        centre.start()
        receiver.wait_posted(2)
        wait_until(lambda: rows(centre, tables.notification) == [], what="an empty queue")
    assert receiver.words == ["open disk", "cleared disk"]


def ca_of(folder: Path) -> Path:
    return folder / "receivers-CA" / "ca.pem"


@contextmanager
def posting(url: str, ca_file: Path | None, *bodies: int, deadline_s: float = 10) -> Iterator[WebhookPoster]:
    """A poster that runs, with alerts to post."""
    hook, backoff = Webhook(url, Secret("hunter2"), ca_file), Backoff(0.02, 0.05, floor_s=0.01)
    poster = WebhookPoster(hook, backoff, deadline_s=deadline_s)
    poster.submit([(number, body(number)) for number in bodies])
    poster.loop.start()
    yield poster
    poster.stop()
    assert poster.loop.join(10)


def body(number: int) -> bytes:
    return json.dumps({"state": "open", "rule": f"r-{number}"}).encode()


def test_a_failed_post_is_repeated_and_a_rejected_alert_blocks_no_other(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [503, 429, 401, 200, 422]
    taken: list[int] = []
    with posting(receiver.url, ca_of(tmp_path), 1, 2, 3) as poster:
        wait_until(lambda: taken.extend(poster.delivered()) or taken == [1, 2, 3])  # type: ignore[func-returns-value]
    assert receiver.words == ["open r-1", "open r-3"]


def test_a_receiver_that_answers_byte_by_byte_is_disconnected(caplog: pytest.LogCaptureFixture) -> None:
    over = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not over.wait(0.02):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=[server])
        thread.start()
        with posting(f"http://127.0.0.1:{server.getsockname()[1]}/", None, 1, deadline_s=0.3) as poster:
            wait_until(lambda: "1 alerts are waiting, next attempt in" in caplog.text)
        over.set()
        thread.join(10)
    assert poster.waiting == 1


def test_a_receiver_without_a_trusted_certificate_gets_nothing_and_the_log_no_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with posting(receiver.url, None, 1) as poster:
        wait_until(lambda: "certificate is not trusted" in caplog.text)
    assert (receiver.asked, poster.delivered()) == (0, [])
    assert [secret for secret in ("hunter2", receiver.url) if secret in caplog.text] == []


def test_what_a_gateway_leaves_at_the_broker_is_an_alert_until_it_is_cleared(
    centre: Centre, gateways: FakeGateways, broker: Mosquitto
) -> None:
    gateways.publish_all(OURS.heartbeat("s-1"))
    for camera in ("cam-1", "cam-2"):
        gateways.publish(f"{OURS.up}/event/{camera}", b"junk", retain=True)
    gateways.publish(*OURS.state("online", "s-1"), retain=True)
    assert "retained at the broker" in wait_alerts(gateways, "retained")[0]["text"]
    centre.stop()
    centre.start()
    gateways.publish(f"{OURS.up}/event/cam-1", b"", retain=True)
    assert alerts(gateways, OURS, "retained")[-1]["state"] == "open"
    gateways.publish(f"{OURS.up}/event/cam-2", b"", retain=True)
    gateways.wait_for(lambda: alerts(gateways, OURS, "retained")[-1] == {})
