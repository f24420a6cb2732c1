"""Measures how fast a backlog of 600 B events is sent from a real outbox to a real mosquitto on loopback.

The subscriber is a thread of the same process, so its CPU time is part of the figure.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.outbox import outbox_in
from bench.plan import Plan
from bench.result import Result
from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Draft
from edge_agent.core.model import Severity
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.outbox import EventOutbox
from edge_agent.wire.topics import GatewayTopics
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.publisher import make_publisher

EVENT = b"e" * 600


def measure(plan: Plan) -> list[Result]:
    folder, count = plan.own_folder("backlog"), int(plan.choose(5000, 1000))
    with (
        Mosquitto(folder) as broker,
        Subscriber(broker.port, "tb/v1/+/+/up/event/#") as centre,
        outbox_in(folder / "state") as outbox,
    ):
        draft = Draft("cam-1", "object", Severity.INFO, lambda stamp: EVENT)
        for _ in range(count):
            outbox.append(draft)
        publisher = _publisher(broker.port, outbox, folder)
        began, cpu_s = time.monotonic(), time.process_time()
        publisher.loop.start()
        wait_until(lambda: outbox.stats().depth == 0, timeout_s=120)
        lasted_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
        publisher.stop()
        publisher.loop.join(5)
        received = len(centre.events())
    figures = {"per_s": count / lasted_s, "cpu_ms_each": cpu_s / count * 1e3, "events": float(received)}
    return [Result("backlog", "publisher", {name: round(value, 3) for name, value in figures.items()})]


def _publisher(port: int, outbox: EventOutbox, folder: Path) -> Publisher:
    settings = Mqtt(
        (Broker("127.0.0.1", port, False),), "tb/v1", None, None, None, None, Delivery.BROKER, spread_s=0.0
    )
    return make_publisher(settings, GatewayTopics("tb/v1", "bench", "bench-1"), outbox, SystemClock(), folder)
