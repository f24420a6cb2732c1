"""Measures the time from the first picture that shows a person to the event at a subscriber.

The agent runs as a process. A relay (``wiretap.py``) records when the camera sent each picture, and the
drawing says which picture is the first to show one pixel of the person. A person whose event does not come
before the next person is missed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import drawing
from bench.clips import Clip, drawn
from bench.drawing import WALK_S, Camera, Visit
from bench.plan import Plan
from bench.result import Result, percentile
from bench.watch import Arrival, Watch
from bench.wiretap import Passed, Wiretap
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer

WAIT_S = 6.0
"""Seconds to wait for the last event."""


@dataclass(frozen=True, slots=True)
class Street:
    """Cameras in which a person walks in every ``every_s``; in each camera ``step_s`` later than in the one
    before, so that people come one at a time and at all times between two keyframes."""

    name: str
    about: str
    cameras: int
    every_s: int
    first_s: float
    step_s: float
    rounds_full: int
    gear: str | None = None
    in_quick_runs: bool = True

    @property
    def clip(self) -> Clip:
        return Clip("visit", seconds=self.every_s)

    def visits(self) -> list[Visit]:
        beginnings = [self.first_s + number * self.step_s for number in range(self.cameras)]
        return [Visit(round(begin_s, 1), WALK_S, walks_in=True) for begin_s in beginnings]


STREETS = (
    Street(
        "awake",
        "from the first picture of a walker to the subscriber, 7 s after the last one",
        cameras=4,
        every_s=12,
        first_s=4.0,
        step_s=0.5,
        rounds_full=10,
        in_quick_runs=False,
    ),
    Street(
        "waking",
        "the same on cameras that were quiet for 43 s",
        cameras=8,
        every_s=48,
        first_s=26.0,
        step_s=2.3,
        rounds_full=6,
        gear="auto",
    ),
)


def measure(street: Street, plan: Plan) -> list[Result]:
    visits = street.visits()
    files = [_file(street.clip, visit, plan.cache) for visit in visits]
    rounds = int(plan.choose(street.rounds_full, 1))
    with contextlib.ExitStack() as stack:
        folder = plan.own_folder(street.name)
        broker = stack.enter_context(Mosquitto(folder))
        watch = stack.enter_context(Watch(broker.port))
        mounts = {f"/cam-{number}": file for number, file in enumerate(files, 1)}
        server = stack.enter_context(RtspServer(mounts))
        taps = {mount: stack.enter_context(Wiretap(server.port, street.clip.fps)) for mount in mounts}
        cameras = [_camera(mount[1:], tap.url(mount), street.gear) for mount, tap in taps.items()]
        config = write_config(folder, cameras=cameras, broker_port=broker.port)
        agent = stack.enter_context(AgentProcess(config))
        time.sleep(street.every_s * (rounds - 1) + visits[-1].begin_s + WAIT_S)
        wake_ups = _wake_ups(agent)
        events = watch.arrivals("event/")
        view, all_waits = Camera(*street.clip.size), list[float | None]()
        for (mount, tap), visit in zip(taps.items(), visits, strict=True):
            shown = drawing.first_shown(view, street.clip.fps, visit)
            pushed = pushes(tap.passed, shown, street.every_s * street.clip.fps)
            all_waits += waits(pushed, starts_of(events, mount[1:]), rounds)
    return [Result(street.name, "agent", _figures(all_waits) | {"wake_ups": wake_ups})]


def _camera(camera_id: str, url: str, gear: str | None) -> dict[str, object]:
    analyse = {} if gear is None else {"analyse": {"gear": gear}}
    return {"id": camera_id, "url": url, "report": {"objects": True, "snapshots": "objects"}, **analyse}


def _wake_ups(agent: AgentProcess) -> float:
    """Wake-ups of all cameras since the start, as the agent counts them."""
    status = agent.status() or {"heartbeat": {}}
    return float(sum(camera.get("wake_ups", 0) for camera in status["heartbeat"].get("cameras", {}).values()))


def _file(clip: Clip, visit: Visit, cache: Path) -> Path:
    return drawn(
        cache,
        clip,
        lambda camera: drawing.visited(camera, clip.fps, clip.seconds, [visit]),
        f"{visit.begin_s:g}",
    )


def pushes(passed: Sequence[Passed], shown: int, frames: int) -> list[float]:
    """Times at which picture ``shown`` of each round of ``frames`` pictures passed the relay."""
    return [picture.mono for picture in passed if picture.number % frames == shown]


def waits(pushed: Sequence[float], came: Sequence[float], rounds: int) -> list[float | None]:
    """Seconds from each push to the first event after it and before the next push; None: missed."""
    ends = [*pushed[1:], float("inf")]
    found: list[float | None] = []
    for begin, end in list(zip(pushed, ends, strict=True))[:rounds]:
        events = [mono for mono in came if begin <= mono < end]
        found.append(events[0] - begin if events else None)
    return found


def _figures(waits: Sequence[float | None]) -> dict[str, float]:
    taken = [wait for wait in waits if wait is not None]
    figures = {"visits": float(len(waits)), "missed": float(len(waits) - len(taken))}
    if taken:
        figures |= {"p50_s": percentile(taken, 50), "p95_s": percentile(taken, 95), "longest_s": max(taken)}
    return {name: round(value, 3) for name, value in figures.items()}


def starts_of(arrivals: Sequence[Arrival], camera: str) -> list[float]:
    """Times at which the ``start`` events of a camera came."""
    return [
        a.mono
        for a in arrivals
        if a.topic == f"event/{camera}" and a.document["data"].get("phase") == "start"
    ]
