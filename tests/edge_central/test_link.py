"""The sending order of the centre's broker session, at a real broker."""

from __future__ import annotations

import threading
from pathlib import Path

from edge_agent.core.clock import SystemClock
from edge_agent.mqtt.session.client import MqttMessage
from edge_central.config import load
from edge_central.ingest.broker_session import CentralBrokerSession
from tests.edge_central.parts import Centre
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

WINDOW = 20
"""Default of mosquitto for messages in flight."""


def link_to(broker: Mosquitto, folder: Path) -> CentralBrokerSession:
    settings = load(Centre(folder / "centre", broker.port).config)
    wake = threading.Event().set
    link = CentralBrokerSession(
        settings.mqtt, "central", (), lambda _, __: MqttMessage("state", b""), SystemClock(), wake
    )
    wait_until(lambda: link.poll() == [] and link.online, what="the session")
    return link


def test_a_confirmation_does_not_wait_for_all_else_nor_all_else_for_it(tmp_path: Path) -> None:
    """A centre that first connects to a city has a message for each of its gateways."""
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "out/#") as heard:
        link = link_to(broker, tmp_path)

        def step(until: int) -> bool:
            link.poll()
            return len(heard.messages) >= until

        for number in range(500):
            link.publish(MqttMessage("out/other", b"%d" % number))
        for number in range(100):
            link.publish_confirmation(MqttMessage("out/ack", b"%d" % number))
        assert link.has_unsent_confirmations
        wait_until(lambda: step(600), what="all of it")
        link.close(None, 1.0)
    topics = [each.topic for each in heard.messages]
    acks = [place for place, topic in enumerate(topics) if topic == "out/ack"]
    assert acks[0] <= WINDOW + 1
    assert acks[-1] <= WINDOW + 201, "every other one is a confirmation"
    assert "out/other" in topics[acks[0] : acks[2]]
    assert [each.payload for each in heard.messages if each.topic == "out/ack"] == [
        b"%d" % n for n in range(100)
    ]


def test_hundreds_of_confirmations_go_out_while_a_batch_is_stored(tmp_path: Path) -> None:
    """``poll`` is called only between two batches: with 4,650 gateways and a window of 50, confirmations
    took 40 s."""
    limits = ("max_inflight_messages 1000",)
    with Mosquitto(tmp_path, *limits) as broker, Subscriber(broker.port, "out/#") as heard:
        link = link_to(broker, tmp_path)
        for number in range(400):
            link.publish_confirmation(MqttMessage("out/ack", b"%d" % number))
        heard.wait_for(lambda: len(heard.messages) == 400)
        link.close(None, 1.0)
