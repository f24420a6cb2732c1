"""Measures the time from the arrival of the frame that confirms an object to the event at a subscriber.

The whole agent runs in this process on RTSP cameras in which a person walks by every few seconds. ``bound_s``
is the limit for all parts together: one frame period, one inference and 30 ms.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.plan import Plan
from bench.result import Result, percentile
from bench.watch import Arrival, Watch
from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.core.facts import ObjectObservation, Observation, Phase
from edge_agent.core.model import Frame
from edge_agent.events import EventSink, object_event_id
from edge_agent.host.local_api.status import run_status
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer
from tests.testbed.walker import walking_clip

ALLOWED_BEYOND_S = 0.030
CAMERAS = (1, 4)


def _inference_s(config_path: Path) -> float:
    """Seconds of one inference, as the running agent reports it."""
    out = io.StringIO()
    run_status(config_path, True, out)
    latency_ms = json.loads(out.getvalue())["heartbeat"]["detector"]["latency_ms"]
    return (latency_ms or 0.0) / 1000


class Confirmations:
    """The arrival times of frames that led to a ``start``; the sink is the first place that has both."""

    def __init__(self) -> None:
        self.of_event: dict[str, float] = {}

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        original = EventSink.accept

        def accept(sink: EventSink, hit: Observation, frame: Frame) -> None:
            if isinstance(hit, ObjectObservation) and hit.phase is Phase.START:
                self.of_event[object_event_id(hit.track)] = frame.captured_mono
            original(sink, hit, frame)

        EventSink.accept = accept  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            EventSink.accept = original  # type: ignore[method-assign]

    def seconds_to(self, arrivals: list[Arrival]) -> list[float]:
        """Seconds from each confirming frame to its ``start`` event."""
        starts = [a for a in arrivals if a.document["data"].get("phase") == "start"]
        return [a.mono - self.of_event[a.document["data"]["event_id"]] for a in starts]


def measure(plan: Plan) -> list[Result]:
    counts = CAMERAS[-1:] if plan.quick else CAMERAS
    return [result for cameras in counts if (result := _measure(plan, cameras)) is not None]


def _measure(plan: Plan, cameras: int) -> Result | None:
    confirmations, folder = Confirmations(), plan.own_folder(f"latency-{cameras}")
    with contextlib.ExitStack() as stack:
        clip = walking_clip(folder / "walker.mp4", empty_s=1.5, walk_s=3, tail_s=1.5)
        mounts = {f"/cam{n}": clip for n in range(1, cameras + 1)}
        server = stack.enter_context(RtspServer(mounts))
        broker = stack.enter_context(Mosquitto(folder))
        watch = stack.enter_context(Watch(broker.port))
        stack.enter_context(confirmations.noted())
        report = {"objects": True, "snapshots": "objects"}
        rows = [{"id": mount[1:], "url": server.url(mount), "report": report} for mount in mounts]
        path = write_config(folder, cameras=rows, broker_port=broker.port, detector="auto")
        settings = config.load(path)
        stop = threading.Event()
        agent = Agent(settings, stop)
        thread = threading.Thread(target=agent.run, name="agent")
        thread.start()
        time.sleep(plan.choose(90.0, 12.0))
        inference_s = _inference_s(path)
        stop.set()
        thread.join()
        taken = confirmations.seconds_to(watch.arrivals("event/"))
    if not taken:
        return None
    bound_s = 1 / settings.cameras[0].analyse.fps + inference_s + ALLOWED_BEYOND_S
    figures = {
        "events": float(len(taken)),
        "p50_s": percentile(taken, 50),
        "p95_s": percentile(taken, 95),
        "longest_s": max(taken),
        "bound_s": bound_s,
        "p95_of_bound": percentile(taken, 95) / bound_s,
    }
    return Result("latency", f"agent x{cameras}", {name: round(value, 3) for name, value in figures.items()})
