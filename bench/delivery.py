"""Measures the cost of the centre's confirmation beside the broker's alone: CPU and bytes written per event.

Events of 600 B at 100 a second go through a real outbox, mosquitto and the tests' ingest, which is another
process and confirms every event. Then one message confirms 10,000.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench.outbox import outbox_in, written_bytes
from bench.plan import Plan
from bench.result import Result
from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Draft, Stamp
from edge_agent.core.model import Severity
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.outbox import EventOutbox
from edge_agent.wire.topics import GatewayTopics
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.publisher import make_publisher

RATE = 100.0
CONFIRMED_AT_ONCE = 10_000


def measure(plan: Plan) -> list[Result]:
    folder, count = plan.own_folder("delivery"), int(plan.choose(3000, 500))
    ways = [_one_way(folder / delivery, delivery, count) for delivery in Delivery]
    return [*ways, _one_message(folder / "at-once")]


def _draft() -> Draft:
    def encode(stamp: Stamp) -> bytes:
        event = {"source": "/tb/bench-1", "id": f"{stamp.epoch}/{stamp.sequence}", "type": "bench.v1"}
        return json.dumps({**event, "epoch": stamp.epoch, "sequence": stamp.sequence}).encode().ljust(600)

    return Draft("cam-1", "object", Severity.INFO, encode)


def _one_way(folder: Path, delivery: Delivery, count: int) -> Result:
    folder.mkdir(parents=True)
    with Mosquitto(folder) as broker, outbox_in(folder / "state") as outbox:
        mute = ["mute"] if delivery is Delivery.BROKER else []
        command = [sys.executable, "-m", "tests.testbed.ingest", str(broker.port), *mute]
        with subprocess.Popen(command) as ingest:
            publisher = _publisher(broker.port, outbox, folder, delivery)
            publisher.loop.start()
            wait_until(lambda: publisher.online and "as ingest" in broker.log)
            cpu_s, written, began = time.process_time(), written_bytes(), time.monotonic()
            pause, draft = threading.Event(), _draft()
            for number in range(count):
                outbox.append(draft)
                pause.wait(max(0.0, began + (number + 1) / RATE - time.monotonic()))
            wait_until(lambda: outbox.stats().depth == 0, timeout_s=60)
            lasted_s = time.monotonic() - began
            cpu_s, written = time.process_time() - cpu_s, written_bytes() - written
            health = publisher.health()
            publisher.stop()
            publisher.loop.join(5)
            ingest.kill()
    figures = {
        "cpu_ms_each": cpu_s / count * 1e3,
        "bytes_each": written / count,
        "per_s": count / lasted_s,
        "resends": float(health.resends),
    }
    return Result("delivery", delivery.value, {name: round(value, 3) for name, value in figures.items()})


def _one_message(folder: Path) -> Result:
    """Measure one confirmation from the parsed message on: the publisher's thread, and the transaction that
    deletes."""
    with outbox_in(folder) as outbox:
        draft = _draft()
        stamp = [outbox.append(draft) for _ in range(CONFIRMED_AT_ONCE)][-1]
        while events := outbox.pending(20):
            for event in events:
                outbox.sent(event)
                outbox.unconfirmed(*event.key, 1e12)
        cpu_s = time.process_time()
        outbox.confirmed(stamp.epoch, CONFIRMED_AT_ONCE, [])
        taken_s = time.process_time() - cpu_s
        written, began = written_bytes(), time.monotonic()
        outbox.append(draft)
        lasted_s = time.monotonic() - began
        for _ in range(CONFIRMED_AT_ONCE // 1000):
            outbox.maintain()  # each call performs its share of the deletions
        written = written_bytes() - written
    figures = {"confirm_ms": taken_s * 1e3, "append_ms": lasted_s * 1e3, "bytes": float(written)}
    return Result("delivery", "10,000 at once", {name: round(value, 3) for name, value in figures.items()})


def _publisher(port: int, outbox: EventOutbox, folder: Path, delivery: Delivery) -> Publisher:
    settings = Mqtt((Broker("127.0.0.1", port, False),), "tb/v1", None, None, None, None, delivery, 0.0)
    return make_publisher(settings, GatewayTopics("tb/v1", "bench", "bench-1"), outbox, SystemClock(), folder)
