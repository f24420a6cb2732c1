"""Measures how fast the centre stores events of a whole fleet from a real mosquitto, on one core, with
SQLite.

The events are at the broker before the measurement begins, so that the publisher costs nothing in the
measured time. The broker works beside the centre, on any core. The disk is that of the temporary folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.plan import Plan
from bench.processes import usage
from bench.result import Result
from tests.edge_central.parts import Centre, FakeGateway, FakeGateways
from tests.testbed.mosquitto import Mosquitto, wait_until

GATEWAYS = 465
INFLIGHT = 100
"""As in the role ``broker``."""
PATIENCE_S = 600.0


def measure(plan: Plan) -> list[Result]:
    folder, count = plan.own_folder("ingest"), int(plan.choose(60_000, 15_000))
    limits = (f"max_inflight_messages {INFLIGHT}", "max_queued_messages 0", "max_queued_bytes 0")
    with Mosquitto(folder, *limits) as broker:
        centre = Centre(folder / "centre", broker.port, "bench")
        _register(centre, broker)
        subprocess.run([sys.executable, "-m", "bench.ingest", str(broker.port), str(count)], check=True)
        return [_drain(centre, count)]


def _register(centre: Centre, broker: Mosquitto) -> None:
    """Connect the centre once, so that the broker keeps its messages from now on."""
    with FakeGateways(broker) as boxes, centre:
        boxes.wait_state("online", PATIENCE_S)


def _drain(centre: Centre, count: int) -> Result:
    core = min(os.sched_getaffinity(0))
    process = subprocess.Popen(
        [
            "taskset",
            "-c",
            str(core),
            sys.executable,
            "-m",
            "edge_agent",
            "central",
            "run",
            str(centre.config),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: centre.status().newest_cursor > 0, PATIENCE_S, "the first event")
        before, began, first = usage(process.pid), time.monotonic(), centre.status().newest_cursor
        while centre.status().newest_cursor < count:
            time.sleep(0.2)
            assert process.poll() is None, "the centre has ended"
            assert time.monotonic() - began < PATIENCE_S, f"{centre.status().newest_cursor} of {count} so far"
        lasted_s, after = time.monotonic() - began, usage(process.pid)
    finally:
        process.kill()
        process.wait(10)
    events, cpu_s = count - first, after.cpu_s - before.cpu_s
    assert centre.status().missing == 0
    figures = {
        "per_s": events / lasted_s,
        "per_cpu_s": events / cpu_s,
        "cpu_ms_each": cpu_s / events * 1e3,
        "events": float(events),
        "rss_mb": after.rss_mb,
        "database_bytes_each": _size(centre.state_dir) / count,
    }
    return Result("ingest", "SQLite, one core", {name: round(value, 3) for name, value in figures.items()})


def _size(folder: Path) -> int:
    return (folder / "central.db").stat().st_size


def publish(port: int, count: int) -> None:
    """Publish events of all gateways in turn. Runs in another process."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-fleet", protocol=paho.MQTTv5)
    client.max_inflight_messages_set(INFLIGHT)
    client.connect("127.0.0.1", port)
    client.loop_start()
    boxes = [FakeGateway(f"bench-{number:03}", "bench") for number in range(GATEWAYS)]
    for number in range(count):
        box = boxes[number % GATEWAYS]
        topic, payload = box.event(number // GATEWAYS + 1, label="x" * 300)
        info = client.publish(topic, payload, qos=1)
        if number % 1_000 == 999:
            info.wait_for_publish(60)
    info.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    publish(int(sys.argv[1]), int(sys.argv[2]))
