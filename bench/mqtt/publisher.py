"""What the MQTT side costs, at a real mosquitto on loopback.

    python -m bench.mqtt.publisher --idle-s 60 --events 5000

Prints CPU seconds a minute of an idle connected publisher with a heartbeat every 30 s, and the rate at
which a backlog of 600 B events leaves a real outbox.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.clock import SystemClock
from edge_agent.config.settings import Broker, Delivery, Mqtt
from edge_agent.model import Severity
from edge_agent.mqtt.publisher import Publisher
from edge_agent.mqtt.topics import Topics
from edge_agent.mqtt.usage import Usage
from edge_agent.outbox import Outbox
from edge_agent.outbox_model import Draft, Loss, Stamp
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until


def make_publisher(port: int, outbox: Outbox, folder: Path) -> Publisher:
    clock = SystemClock()
    settings = Mqtt(
        (Broker("127.0.0.1", port, False),), "tb/v1", None, None, None, None, Delivery.BROKER, spread_s=0.0
    )
    return Publisher(
        settings,
        Topics("tb/v1", "bench", "bench-1"),
        outbox,
        usage=Usage(folder / "mqtt-usage.json", ZoneInfo("UTC"), clock, lambda: True),
        clock=clock,
        birth=lambda session: b"{}",
        on_down=lambda message: None,
        clock_trusted=lambda: True,
    )


def encode_loss(stamp: Stamp, loss: Loss) -> bytes:
    return b"{}"


def idle(publisher: Publisher, seconds: float) -> None:
    wait_until(lambda: publisher.online)
    stop, began, cpu = threading.Event(), time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        publisher.publish_heartbeat(b"h" * 1200)
        stop.wait(min(30.0, seconds))
    spent, lasted = time.process_time() - cpu, time.monotonic() - began
    print(f"idle: {spent / lasted * 60:.3f} CPU s/min (whole process, {lasted:.0f} s)")


def throughput(folder: Path, count: int) -> None:
    with Mosquitto(folder) as broker, Subscriber(broker.port, "tb/v1/+/+/up/event/#") as centre:
        with Outbox(
            folder / "state", max_bytes=256_000_000, clock=SystemClock(), boot_id="b", encode_loss=encode_loss
        ) as outbox:
            draft = Draft("cam-1", "object", Severity.INFO, lambda stamp: b"e" * 600)
            for _ in range(count):
                outbox.append(draft)
            publisher = make_publisher(broker.port, outbox, folder)
            began, cpu = time.monotonic(), time.process_time()
            publisher.start()
            wait_until(lambda: outbox.stats().depth == 0, timeout_s=120)
            lasted, spent = time.monotonic() - began, time.process_time() - cpu
            publisher.stop()
            publisher.join(5)
        print(
            f"backlog of {count}: {count / lasted:.0f} events/s; {spent / count * 1e6:.0f} CPU us an event, "
            f"the receiving subscriber in this process included; received {len(centre.events())}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--idle-s", type=float, default=60.0)
    parser.add_argument("--events", type=int, default=5000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            Mosquitto(folder) as broker,
            Outbox(
                folder / "idle",
                max_bytes=256_000_000,
                clock=SystemClock(),
                boot_id="b",
                encode_loss=encode_loss,
            ) as outbox,
        ):
            publisher = make_publisher(broker.port, outbox, folder)
            publisher.start()
            idle(publisher, arguments.idle_s)
            publisher.stop()
            publisher.join(5)
        throughput(folder, arguments.events)


if __name__ == "__main__":
    main()
