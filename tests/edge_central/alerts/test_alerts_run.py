"""Alerts of a running centre: in the table, on MQTT, at the webhook, and over restarts."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import select, update

from edge_agent.core.backoff import Backoff
from edge_agent.core.secrets import Secret
from edge_agent.wire.json_schema import schema_of
from edge_central.alerts.webhook import WebhookPoster
from edge_central.cli.status import status_lines
from edge_central.presence.presence import PresenceThresholds
from edge_central.settings import Webhook
from edge_central.store import tables
from edge_central.store.database import open_engine, write_transaction
from tests.edge_central.parts import Box, Boxes, Centre
from tests.testbed.mosquitto import Authority, Mosquitto, Subscriber, wait_until
from tests.testbed.receiver import Receiver

QUICK = [
    {"id": "disk", "for_s": 0},
    {"id": "box-offline", "for_s": 0},
    {"id": "clock", "enabled": False},
    {"id": "tamper", "clear_s": 0},
    {"id": "rule-muted", "clear_s": 0},
    {"id": "retained", "clear_s": 0},
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, persistent=True) as started:
        yield started


@pytest.fixture
def boxes(broker: Mosquitto) -> Iterator[Boxes]:
    with Boxes(broker) as talking:
        yield talking


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
def centre(broker: Mosquitto, boxes: Boxes, tmp_path: Path) -> Iterator[Centre]:
    with centre_of(tmp_path, broker) as started:
        boxes.wait_standing("online")
        yield started


def alerts(boxes: Subscriber, box: Box, about: str) -> list[dict[str, Any]]:
    """The documents published about an alert; ``{}``: the topic was cleared."""
    alert = boxes.on(f"central/alert/{box.ward}/{box.id}/{about}")
    return [json.loads(message.payload) if message.payload else {} for message in alert]


def rows(centre: Centre) -> list[Any]:
    engine = open_engine(centre.database, read_only=True)
    with engine.connect() as connection:
        found = list(connection.execute(select(tables.alert).order_by(tables.alert.c.id)))
    engine.dispose()
    return found


FULL: dict[str, Any] = {"box": {"disk_percent": 97.0}}


def test_a_rule_that_was_disarmed_is_an_alert_with_its_event(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    boxes.say(box.heartbeat("s-1"))
    boxes.say(box.override(1, "start"))
    boxes.wait_for(lambda: alerts(boxes, box, "rule-muted/cam-1") != [])
    (alert,) = alerts(boxes, box, "rule-muted/cam-1")
    assert (alert["camera"], alert["text"]) == ("cam-1", "changed by hand: yard (disarm)")
    boxes.say(box.override(2, "end"))
    boxes.wait_for(lambda: len(alerts(boxes, box, "rule-muted/cam-1")) == 3)
    assert alerts(boxes, box, "rule-muted/cam-1")[1]["state"] == "cleared"


def test_an_alert_is_stored_published_and_cleared(centre: Centre, boxes: Boxes, broker: Mosquitto) -> None:
    box = Box()
    boxes.say(box.heartbeat("s-1", **FULL))
    boxes.wait_for(lambda: alerts(boxes, box, "disk") != [])
    (alert,) = alerts(boxes, box, "disk")
    jsonschema.validate(alert, schema_of("central-alert"))
    assert (alert["state"], alert["severity"], alert["gateway"], alert["camera"]) == (
        *("open", "warning"),
        *("dt-001", None),
    )
    assert alert["text"] == "disk 97 % full, above 90"
    assert "alert      dt-001: disk for 0 s: disk 97 % full, above 90" in status_lines(centre.status())
    boxes.say(box.heartbeat("s-1"))
    boxes.wait_for(lambda: len(alerts(boxes, box, "disk")) == 3)
    opened, over, nothing = alerts(boxes, box, "disk")
    assert (over["id"], over["state"], nothing) == (opened["id"], "cleared", {})
    jsonschema.validate(over, schema_of("central-alert"))
    with Subscriber(broker.port, "tb/v1/central/alert/#", "tb/v1/central/state", client_id="later") as later:
        later.wait_for(lambda: bool(later.on("central/state")))
        assert alerts(later, box, "disk") == [], "nothing is retained"
    (row,) = rows(centre)
    assert row.cleared_ms >= row.opened_ms >= row.since_ms


def test_a_restart_tells_only_what_is_new_and_the_broker_what_holds(centre: Centre, boxes: Boxes) -> None:
    box, other = Box(), Box("dt-002")
    boxes.say(box.state("online", "s-1"), box.heartbeat("s-1", **FULL), other.heartbeat("s-1", **FULL))
    boxes.wait_for(lambda: bool(alerts(boxes, box, "disk") and alerts(boxes, other, "disk")))
    centre.stop()
    boxes.publish(
        f"tb/v1/central/alert/{box.ward}/{box.id}/disk", b"", retain=True
    )  # as a broker that lost it
    centre.start()
    boxes.wait_for(lambda: len(alerts(boxes, box, "disk")) == 3)
    first, _, again = alerts(boxes, box, "disk")
    assert again == first
    boxes.say(box.heartbeat("s-1", **FULL), other.heartbeat("s-1"))
    boxes.wait_for(lambda: alerts(boxes, other, "disk")[-1] == {})
    assert [(row.gateway, row.cleared_ms is None) for row in rows(centre)] == [
        ("dt-001", True),
        ("dt-002", False),
    ]


def test_an_alert_cleared_just_before_a_kill_is_cleared_at_the_broker(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    boxes.say(box.heartbeat("s-1", **FULL))
    boxes.wait_for(lambda: bool(alerts(boxes, box, "disk")))
    centre.stop()
    with write_transaction(centre.database) as connection:
        connection.execute(update(tables.alert).values(cleared_ms=round(time.time() * 1000)))
    centre.start()
    boxes.wait_for(lambda: alerts(boxes, box, "disk")[-1] == {})


def test_a_ward_that_is_out_is_one_alert(centre: Centre, boxes: Boxes) -> None:
    five = [Box(f"dt-00{number}") for number in range(1, 6)]
    boxes.say(*(box.state("online", "s-1") for box in five), five[0].heartbeat("s-1", **FULL))
    boxes.wait_for(lambda: bool(alerts(boxes, five[0], "disk")))
    boxes.wait_for(lambda: [boxes.presence(box) for box in five] == ["online"] * 5)
    boxes.say(*(box.state("offline", "s-1") for box in five))
    ward = replace(five[0], id="_ward")
    boxes.wait_for(lambda: bool(alerts(boxes, ward, "ward-outage")))
    boxes.wait_for(lambda: alerts(boxes, five[0], "disk")[-1]["folded"])
    assert alerts(boxes, ward, "ward-outage")[0]["gateway"] is None
    boxes.say(*(box.state("online", "s-2") for box in five))
    boxes.wait_for(lambda: alerts(boxes, ward, "ward-outage")[-1] == {})
    boxes.say(five[0].heartbeat("s-2", **FULL))
    boxes.wait_for(lambda: not alerts(boxes, five[0], "disk")[-1]["folded"])
    assert [row.rule for row in rows(centre)] == ["disk", "ward-outage"]


def test_a_covered_camera_is_reported_with_its_event(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    boxes.say(box.heartbeat("s-1"))
    boxes.say(box.view(1, "covered", "start"))
    boxes.wait_for(lambda: bool(alerts(boxes, box, "tamper/cam-1")))
    assert alerts(boxes, box, "tamper/cam-1")[0]["text"] == "view covered"
    boxes.say(box.view(2, "covered", "end"))
    boxes.wait_for(lambda: alerts(boxes, box, "tamper/cam-1")[-1] == {})


def test_the_webhook_gets_each_alert_once_and_in_order_also_what_waited_over_a_restart(
    broker: Mosquitto, boxes: Boxes, receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    (tmp_path / "token").chmod(0o600)
    hook = {"url": receiver.url, "secret_file": str(tmp_path / "token"), "ca_file": str(ca_of(tmp_path))}
    box = Box()
    with centre_of(tmp_path, broker, webhook=hook) as centre:
        boxes.wait_standing("online")
        boxes.say(box.heartbeat("s-1", **FULL))
        receiver.wait_posted(1)
        headers, body = receiver.posted[0]
        assert headers["Authorization"] == "Bearer hunter2"
        jsonschema.validate(body, schema_of("central-alert"))
        receiver.close()
        boxes.say(box.heartbeat("s-1"))
        boxes.wait_for(lambda: alerts(boxes, box, "disk")[-1] == {})
        boxes.say(box.event(1))
        boxes.wait_confirmed(box, 1)  # the webhook delays nothing
        centre.stop()
        receiver.open()
        centre.start()
        receiver.wait_posted(2)
        wait_until(lambda: waiting(centre) == 0, what="an empty queue")
    assert receiver.words == ["open disk", "cleared disk"]


def waiting(centre: Centre) -> int:
    engine = open_engine(centre.database, read_only=True)
    with engine.connect() as connection:
        found = len(connection.execute(select(tables.notification.c.id)).all())
    engine.dispose()
    return found


def ca_of(folder: Path) -> Path:
    return folder / "receivers-CA" / "ca.pem"


def poster(receiver: Receiver, ca_file: Path | None) -> WebhookPoster:
    settings = Webhook(receiver.url, Secret("hunter2"), ca_file)
    return WebhookPoster(settings, Backoff(0.02, 0.05, floor_s=0.01))


def body(number: int) -> bytes:
    return json.dumps({"state": "open", "rule": f"r-{number}"}).encode()


def test_a_failed_post_is_repeated_and_a_rejected_alert_blocks_no_other(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [503, 429, 401, 200, 422]
    posting = poster(receiver, ca_of(tmp_path))
    posting.submit([(1, body(1)), (2, body(2)), (3, body(3))])
    posting.loop.start()
    taken: list[int] = []
    wait_until(lambda: taken.extend(posting.delivered()) or taken == [1, 2, 3])  # type: ignore[func-returns-value]
    posting.stop()
    assert posting.loop.join(10)
    assert receiver.words == ["open r-1", "open r-3"]


def test_a_receiver_that_answers_a_byte_at_a_time_is_left(caplog: pytest.LogCaptureFixture) -> None:
    over = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not over.wait(0.02):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=[server])
        thread.start()
        hook = Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/", None, None)
        posting = WebhookPoster(hook, Backoff(60, 60, floor_s=60), deadline_s=0.3)
        posting.submit([(1, body(1))])
        posting.loop.start()
        wait_until(lambda: "1 alerts are waiting, next attempt in 60 s" in caplog.text)
        posting.stop()
        assert posting.loop.join(10)
        over.set()
        thread.join(10)
    assert posting.waiting == 1


def test_a_receiver_without_a_trusted_certificate_gets_nothing_and_the_log_no_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    posting = poster(receiver, None)
    posting.submit([(1, body(1))])
    posting.loop.start()
    wait_until(lambda: "certificate is not trusted" in caplog.text)
    posting.stop()
    assert posting.loop.join(10)
    assert (receiver.asked, posting.delivered()) == (0, [])
    assert "hunter2" not in caplog.text
    assert receiver.url not in caplog.text


def test_what_a_gateway_leaves_at_the_broker_is_an_alert_until_it_is_cleared(
    centre: Centre, boxes: Boxes, broker: Mosquitto
) -> None:
    box = Box()
    boxes.say(box.heartbeat("s-1"))
    for camera in ("cam-1", "cam-2"):
        boxes.publish(f"{box.up}/event/{camera}", b"junk", retain=True)
    boxes.publish(*box.state("online", "s-1"), retain=True)
    boxes.wait_for(lambda: alerts(boxes, box, "retained") != [])
    assert "retained at the broker" in alerts(boxes, box, "retained")[0]["text"]
    centre.stop()
    centre.start()
    boxes.publish(f"{box.up}/event/cam-1", b"", retain=True)
    assert alerts(boxes, box, "retained")[-1]["state"] == "open"
    boxes.publish(f"{box.up}/event/cam-2", b"", retain=True)
    boxes.wait_for(lambda: alerts(boxes, box, "retained")[-1] == {})
