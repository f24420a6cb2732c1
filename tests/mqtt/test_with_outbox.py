"""The publisher with the outbox on disk: the basis of the delivery guarantee."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from edge_agent.core.delivery import Draft, Loss, Media, Stamp
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox
from tests.mqtt.conftest import TOPICS, ShiftedClock, mqtt_settings
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.publisher import make_publisher


def encode(stamp: Stamp) -> bytes:
    return json.dumps({"sequence": stamp.sequence, "epoch": stamp.epoch}).encode()


def encode_loss(stamp: Stamp, loss: Loss) -> bytes:
    return encode(stamp)


def draft(number: int, media: Media | None = None) -> Draft:
    severity = Severity.ALARM if number % 10 == 0 else Severity.INFO
    return Draft("cam-1", "object", severity, encode, media=media)


def open_outbox(folder: Path, clock: ShiftedClock) -> EventOutbox:
    return EventOutbox(folder, max_bytes=50_000_000, clock=clock, boot_id="boot", encode_loss=encode_loss)


def test_every_event_arrives_once_in_one_epoch_over_restarts_of_both_sides(tmp_path: Path) -> None:
    clock = ShiftedClock()
    folder = tmp_path / "state"
    with (
        Mosquitto(tmp_path, persistent=True) as broker,
        Subscriber(broker.port, "tb/v1/+/+/up/event/#", "tb/v1/+/+/up/media/#") as centre,
    ):
        for round_number in range(3):
            with open_outbox(folder, clock) as outbox:
                publisher = make_publisher(mqtt_settings(broker.port), TOPICS, outbox, clock, tmp_path)
                publisher.start()
                for number in range(40):
                    outbox.append(draft(number))
                if round_number == 1:
                    broker.stop()
                    wait_until(lambda p=publisher: not p.online)  # type: ignore[misc]
                    for number in range(40):
                        outbox.append(draft(number))
                    broker.start()
                    centre.wait_for(lambda: centre.subscriptions == 2)
                    clock.shift_s += 130
                    outbox.wake()
                elif round_number == 2:
                    clock.shift_s += 130
                    outbox.wake()
                    wait_until(lambda o=outbox: o.stats().depth == 0)  # type: ignore[misc]
                publisher.stop()
                assert publisher.join(5)
        seen = {(m["sequence"], m["epoch"]) for m in (json.loads(e.payload) for e in centre.events())}
        assert sorted(sequence for sequence, _ in seen) == list(range(1, 161))
        assert len({epoch for _, epoch in seen}) == 1


def test_a_picture_follows_its_event(tmp_path: Path) -> None:
    clock = ShiftedClock()
    jpeg = b"\xff\xd8" + bytes(1000)
    sha256 = hashlib.sha256(jpeg).hexdigest()
    with (
        Mosquitto(tmp_path) as broker,
        Subscriber(broker.port) as centre,
        open_outbox(tmp_path / "state", clock) as outbox,
    ):
        publisher = make_publisher(mqtt_settings(broker.port), TOPICS, outbox, clock, tmp_path)
        publisher.start()
        outbox.append(draft(1, Media("m-1", "e-1", "cam-1", sha256, jpeg)))
        centre.wait_for(lambda: bool(centre.on("/up/media/m-1")))
        wait_until(lambda: outbox.stats().media_depth == 0)
        assert len(centre.events()) == 1
        assert centre.on("/up/media/m-1")[0].payload == jpeg
        publisher.stop()
        assert publisher.join(5)
