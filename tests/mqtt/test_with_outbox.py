"""The publisher with the outbox on disk: the basis of the delivery guarantee."""

from __future__ import annotations

import json
from pathlib import Path

from edge_agent.core.delivery import Draft
from edge_agent.core.model import Severity
from tests.mqtt.conftest import TOPICS, ShiftedClock, mqtt_settings
from tests.outbox.parts import draft, outbox_in
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.publisher import make_publisher


def numbered(number: int) -> Draft:
    """An event; every tenth is an alarm."""
    return draft(severity=Severity.ALARM if number % 10 == 0 else Severity.INFO)


def test_every_event_arrives_once_in_one_epoch_over_restarts_of_both_sides(tmp_path: Path) -> None:
    clock = ShiftedClock()
    folder = tmp_path / "state"
    with (
        Mosquitto(tmp_path, persistent=True) as broker,
        Subscriber(broker.port, "tb/v1/+/+/up/event/#", "tb/v1/+/+/up/media/#") as centre,
    ):
        for round_number in range(3):
            with outbox_in(folder, clock) as outbox:
                publisher = make_publisher(mqtt_settings(broker.port), TOPICS, outbox, clock, tmp_path)
                publisher.loop.start()
                for number in range(40):
                    outbox.append(numbered(number))
                if round_number == 1:
                    broker.stop()
                    wait_until(lambda p=publisher: not p.online)  # type: ignore[misc]
                    for number in range(40):
                        outbox.append(numbered(number))
                    broker.start()
                    centre.wait_for(lambda: centre.subscriptions == 2)
                    clock.shift_s += 130
                    outbox.wake()
                elif round_number == 2:
                    clock.shift_s += 130
                    outbox.wake()
                    wait_until(lambda o=outbox: o.stats().depth == 0)  # type: ignore[misc]
                publisher.stop()
                assert publisher.loop.join(5)
        seen = {(m["sequence"], m["epoch"]) for m in (json.loads(e.payload) for e in centre.events())}
        assert sorted(sequence for sequence, _ in seen) == list(range(1, 161))
        assert len({epoch for _, epoch in seen}) == 1
