"""What goes out first, at a real broker."""

from __future__ import annotations

import threading
from pathlib import Path

from edge_agent.central.config import load
from edge_agent.central.link import WINDOW, Link
from edge_agent.clock import SystemClock
from edge_agent.mqtt.client import Message
from tests.central.parts import Centre
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until


def test_a_confirmation_does_not_wait_for_all_else_nor_all_else_for_it(tmp_path: Path) -> None:
    """A centre that first hears a city has something to say to each of its gateways."""
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "out/#") as heard:
        settings = load(Centre(tmp_path / "centre", broker.port).config)
        news = threading.Event()
        link = Link(
            settings.mqtt, "central", (), lambda session, kind: Message("state", b""), SystemClock(), news.set
        )

        def step(until: int) -> bool:
            link.step()
            return len(heard.messages) >= until

        wait_until(lambda: link.step() == [] and link.online, what="the session")
        for number in range(500):
            link.publish(Message("out/other", b"%d" % number))
        for number in range(100):
            link.publish_confirmation(Message("out/ack", b"%d" % number))
        assert link.confirming
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
