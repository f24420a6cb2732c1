"""A real outbox and publisher with ``delivery: confirmed``, and a real centre."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent import wire
from edge_agent.config.model.settings import Broker, Delivery, Gateway, Mqtt
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.delivery import Media
from edge_agent.core.model import Severity
from edge_agent.events.envelope import Envelope
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.outbox import EventOutbox
from edge_agent.wire.topics import GatewayTopics
from tests.edge_central.parts import JPEG, Centre, FakeGateway, FakeGateways
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.publisher import make_publisher

BOX = FakeGateway()
CLOCK = SystemClock()
EVENTS = 40


def publisher(folder: Path, port: int, outbox: EventOutbox) -> Publisher:
    mqtt = Mqtt(
        (Broker("127.0.0.1", port, False),), "tb/v1", None, None, None, None, Delivery.CONFIRMED, spread_s=0.0
    )
    topics = GatewayTopics("tb/v1", BOX.ward, BOX.id)
    return make_publisher(mqtt, topics, outbox, CLOCK, folder, birth=lambda session: BOX.birth(session)[1])


def fill(outbox: EventOutbox) -> None:
    """Append events of two priorities, so that they are sent in another order than appended; one has a
    picture."""
    envelope = Envelope(
        Gateway(BOX.id, BOX.ward, "Đề Thám", ZoneInfo("UTC")),
        clock=CLOCK,
        boot_id="boot",
        clock_synced=lambda: True,
    )
    for number in range(EVENTS):
        severity = Severity.ALARM if number % 3 == 0 else Severity.INFO
        data = wire.ClockCorrectionData(offset_ms=number, source="ntp", corrected_at=rfc3339(CLOCK.now()))
        media = None
        if number == 5:
            digest = hashlib.sha256(JPEG).hexdigest()
            media = Media("m-5", "e-5", "cam-1", digest, JPEG)
        outbox.append(envelope.draft("gateway", severity, envelope.now(), data, media=media))


def test_an_outbox_is_empty_when_the_centre_has_everything_in_its_database(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        FakeGateways(broker) as gateways,
        Centre(tmp_path / "centre", broker.port) as centre,
        EventOutbox(
            tmp_path / "outbox",
            max_bytes=10**8,
            clock=CLOCK,
            boot_id="boot",
            encode_loss=lambda stamp, loss: b"",
        ) as outbox,
    ):
        gateways.wait_state("online")
        fill(outbox)
        sender = publisher(tmp_path, broker.port, outbox)
        sender.start()
        try:
            wait_until(lambda: outbox.stats().depth == 0 and outbox.stats().media_depth == 0, 30, "empty")
        finally:
            sender.stop()
            sender.join(5)
        assert sorted(centre.numbers(BOX)) == list(range(1, EVENTS + 1))
        status = centre.status()
        assert (status.missing, status.rejected, status.media) == (0, 0, 1)
        wait_until(lambda: centre.status().gateways[0].presence == "stopped")
