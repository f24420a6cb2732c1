"""``python -m bench.latency``: from the arrival of the frame that confirms an object to a subscriber.

The whole agent runs in this process on RTSP cameras on which somebody walks by every few seconds; a
subscriber at a real broker takes the time. Prints p50, p95 and what the parts may take together: one frame
period, one inference and 30 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import paho.mqtt.client as paho

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.events import EventSink, object_event_id
from edge_agent.model import Frame, ObjectHit, Phase, RuleHit
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.testbed.rtsp import RtspServer
from tests.testbed.walker import walking_clip

ALLOWED_BEYOND_S = 0.030


class Arrivals:
    """When the frames arrived that led to a ``start``; the sink is the first place where both are known."""

    def __init__(self) -> None:
        self.of_event: dict[str, float] = {}

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        original = EventSink.accept

        def accept(sink: EventSink, hit: RuleHit, frame: Frame) -> None:
            if isinstance(hit, ObjectHit) and hit.phase is Phase.START:
                self.of_event[object_event_id(hit.track)] = frame.captured_mono
            original(sink, hit, frame)

        EventSink.accept = accept  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            EventSink.accept = original  # type: ignore[method-assign]


class Watch(Subscriber):
    """Notes when each event came."""

    def __init__(self, port: int) -> None:
        super().__init__(port, "tb/v1/#")
        self.came_mono: list[float] = []

    def _on_message(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        if "/up/event/" in message.topic:
            self.came_mono.append(time.monotonic())
        super()._on_message(client, data, message)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--model", default="hog")
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=90.0)
    args = parser.parse_args()
    arrivals = Arrivals()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        clip = walking_clip(folder / "walker.mp4", empty_s=1.5, walk_s=3, tail_s=1.5)
        mounts = {f"/cam{n}": clip for n in range(1, args.cameras + 1)}
        server = stack.enter_context(RtspServer(mounts))
        broker = stack.enter_context(Mosquitto(folder))
        watch = stack.enter_context(Watch(broker.port))
        stack.enter_context(arrivals.noted())
        cameras = [
            {"id": mount[1:], "url": server.url(mount), "report": {"objects": True, "snapshots": "objects"}}
            for mount in mounts
        ]
        path = write_config(folder, cameras=cameras, broker_port=broker.port, detector=args.model)
        settings = config.load(path)
        stop = threading.Event()
        agent = Agent(settings, stop)
        thread = threading.Thread(target=agent.run, name="agent")
        thread.start()
        time.sleep(args.seconds)
        inference_s = (agent.detector_stats().latency_ms or 0.0) / 1000
        stop.set()
        thread.join()
    taken = []
    for came_mono, message in zip(watch.came_mono, watch.events(), strict=True):
        data = json.loads(message.payload)["data"]
        if data.get("phase") == "start":
            taken.append(came_mono - arrivals.of_event[data["event_id"]])
    cuts = quantiles(taken, n=20)
    allowed = 1 / settings.cameras[0].analyse.fps + inference_s + ALLOWED_BEYOND_S
    print(
        f"{len(taken)} objects on {args.cameras} cameras: p50 {cuts[9] * 1000:.0f} ms, p95 "
        f"{cuts[18] * 1000:.0f} ms, longest {max(taken) * 1000:.0f} ms; "
        f"inference {inference_s * 1000:.0f} ms; allowed {allowed * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
