"""What the publisher of presence sends to the broker."""

from __future__ import annotations

import msgspec

from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.received.health import ReceivedHealth
from edge_agent.wire.received.messages import HeartbeatMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest.batch_result import BatchResult
from edge_central.presence.presence_publisher import PresencePublisher
from edge_central.store.presence_reports import GatewayReport, PresenceState
from tests.host.fakes import FakeClock

TOPIC = "tb/v1/central/presence"


def publisher() -> tuple[PresencePublisher, list[MqttMessage]]:
    """A publisher that has published ``dt-1`` of de-tham before a restart, and what it sends."""
    made, sent = PresencePublisher(CentralTopics("tb/v1", "central"), FakeClock()), list[MqttMessage]()
    made.restore([GatewayReport("dt-1", "de-tham", PresenceState.ONLINE, "heartbeat", 1_000)])
    made.tick("session", 0.0, sent.append)
    return made, sent


def test_a_gateway_that_has_moved_is_published_in_one_ward_only_and_since_the_same_time() -> None:
    made, sent = publisher()
    assert [message.topic for message in sent] == [f"{TOPIC}/de-tham/dt-1"]
    moved = HeartbeatMessage("bo-xuyen", "dt-1", ReceivedHealth("", "s-1"), b"")
    made.record(BatchResult(status_messages=[moved]))
    sent.clear()
    made.tick("session", 0.0, sent.append)
    cleared, published = sent
    assert (cleared.topic, cleared.payload, cleared.retain) == (f"{TOPIC}/de-tham/dt-1", b"", True)
    assert published.topic == f"{TOPIC}/bo-xuyen/dt-1"
    document = msgspec.json.decode(published.payload)
    assert (document["state"], document["since"]) == ("online", "1970-01-01T00:00:01.000Z")
    sent.clear()
    made.tick("session", 0.0, sent.append)
    assert sent == []
