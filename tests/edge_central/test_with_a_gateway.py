"""A real centre with a real outbox and publisher: an event leaves the outbox only after it is stored at
the centre."""

from __future__ import annotations

from pathlib import Path

from edge_agent.outbox.sqlite.database import waiting_count
from tests.chaos.stored import store_events
from tests.edge_central.parts import Centre, FakeGateway
from tests.mqtt.test_confirmed import box_at
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

EVENTS = 60


def test_the_outbox_is_empty_when_the_centre_has_everything(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    store_events(state_dir, EVENTS)
    with (
        Mosquitto(tmp_path, "max_inflight_messages 100") as broker,
        Subscriber(broker.port, "tb/v1/central/state") as subscriber,
        Centre(tmp_path / "centre", broker.port) as centre,
    ):
        subscriber.wait_for(lambda: any(b"online" in message.payload for message in subscriber.messages))
        with box_at(broker.port, tmp_path, per_s=1000) as gateway:
            wait_until(lambda: gateway.depth == 0 or gateway.publisher.health().no_subscriber)
            if gateway.depth:
                gateway.later(61)  # the centre subscribes just after it is online
            wait_until(lambda: gateway.depth == 0, timeout_s=20)
            assert gateway.publisher.health().ignored_acks == 0
            assert len(centre.numbers(FakeGateway())) == EVENTS
    assert waiting_count(state_dir) == 0
