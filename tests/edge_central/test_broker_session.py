"""The centre's broker session: its sending order at a real broker, and a broker that it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.clock import SystemClock
from edge_agent.mqtt.session.client import MqttMessage
from edge_central.config import load
from edge_central.ingest.broker_session import CentralBrokerSession
from tests.edge_central.parts import Centre
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.rogue_broker import RogueBroker, connack_with

WINDOW = 20
"""Default of mosquitto for messages in flight."""


def session_at(port: int, folder: Path) -> CentralBrokerSession:
    settings = load(Centre(folder / "centre", port).config)
    return CentralBrokerSession(
        settings.mqtt, "central", (), lambda _, __: MqttMessage("state", b""), SystemClock(), lambda: None
    )


def open_session(broker: Mosquitto, folder: Path) -> CentralBrokerSession:
    session = session_at(broker.port, folder)
    wait_until(lambda: session.poll() == [] and session.online, what="the session")
    return session


def test_confirmations_and_other_messages_alternate(tmp_path: Path) -> None:
    """A centre that first connects to a city has a message for each of its gateways."""
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "out/#") as subscriber:
        session = open_session(broker, tmp_path)

        def poll_until(until: int) -> bool:
            session.poll()
            return len(subscriber.messages) >= until

        for number in range(500):
            session.publish(MqttMessage("out/other", b"%d" % number))
        for number in range(100):
            session.publish_confirmation(MqttMessage("out/ack", b"%d" % number))
        assert session.has_unsent_confirmations
        wait_until(lambda: poll_until(600), what="all of it")
        session.close(None, 1.0)
    topics = [each.topic for each in subscriber.messages]
    acks = [place for place, topic in enumerate(topics) if topic == "out/ack"]
    assert acks[0] <= WINDOW + 1
    assert acks[-1] <= WINDOW + 201, "every other one is a confirmation"
    assert "out/other" in topics[acks[0] : acks[2]]
    sent = [each.payload for each in subscriber.messages if each.topic == "out/ack"]
    assert sent == [b"%d" % number for number in range(100)]


def test_hundreds_of_confirmations_are_sent_while_a_batch_is_stored(tmp_path: Path) -> None:
    """``poll`` is called only between two batches: with 4,650 gateways and a window of 50, confirmations
    took 40 s."""
    limits = ("max_inflight_messages 1000",)
    with Mosquitto(tmp_path, *limits) as broker, Subscriber(broker.port, "out/#") as subscriber:
        session = open_session(broker, tmp_path)
        for number in range(400):
            session.publish_confirmation(MqttMessage("out/ack", b"%d" % number))
        subscriber.wait_for(lambda: len(subscriber.messages) == 400)
        session.close(None, 1.0)


def test_a_broker_without_qos_1_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It would deliver events with QoS 0, so the centre could lose them."""
    maximum_qos = 0x24
    with RogueBroker(connack_with(maximum_qos, 0)) as broker:
        session = session_at(broker.port, tmp_path)
        wait_until(lambda: session.poll() == [] and "takes messages of QoS 0 only" in caplog.text)
        assert not session.online
        session.close(None, 1.0)
