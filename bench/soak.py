"""``python -m bench.soak``: checks whether an agent or a centre grows while it runs for a long time.

Four cameras see people come and go all the time; every object is reported with its picture, and a rule makes
clips. Within minutes, everything happens that happens to a gateway in weeks: cameras, broker and centre
disappear and return, and the configuration changes. Memory, open files and threads are read all the time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import psutil

from bench.clips import Clip
from bench.machine import this_machine
from bench.plan import Plan
from bench.programs import ARMED
from bench.result import Skip
from tests.edge_central.parts import Centre
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer

READ_EVERY_S = 10.0
TROUBLE_EVERY_S = 45.0
AWAY_S = 8.0
WARM_UP = 0.4
"""Share of the run in which caches and outboxes may fill; growth is measured after it."""
SCENES = ("one-by-one-person-detection.mp4", "vn_street_motorbikes.mp4", "car-detection.mp4")


@dataclass(frozen=True, slots=True)
class Reading:
    at_s: float
    rss_mb: float
    pss_mb: float
    private_mb: float
    files: int
    threads: int


class Process:
    """The readings of one process."""

    def __init__(self, pid: int, began_mono: float) -> None:
        self.readings: list[Reading] = []
        self._process = psutil.Process(pid)
        self._began_mono = began_mono

    def read(self) -> None:
        memory = self._process.memory_full_info()
        reading = Reading(
            round(time.monotonic() - self._began_mono, 1),
            round(memory.rss / 2**20, 2),
            round(memory.pss / 2**20, 2),
            round(memory.uss / 2**20, 2),
            self._process.num_fds(),
            self._process.num_threads(),
        )
        self.readings.append(reading)

    def growth(self) -> dict[str, Any]:
        """Growth per hour: the slope of a straight line through the readings after the warm-up."""
        late = self.readings[int(len(self.readings) * WARM_UP) :]
        hours = np.array([reading.at_s / 3600 for reading in late])
        found: dict[str, Any] = {}
        for name in ("rss_mb", "private_mb", "files", "threads"):
            values = np.array([getattr(reading, name) for reading in late], float)
            found[name] = {
                "half": median(values.tolist()),
                "most": float(values.max()),
                "an hour": round(float(np.polyfit(hours, values, 1)[0]), 2),
            }
        return found


@dataclass
class Bed:
    """All programs of the run."""

    folder: Path
    cameras: RtspServer
    broker: Mosquitto
    centre: Centre
    _changes: int = 0

    def config(self) -> Path:
        """A configuration that differs each time."""
        self._changes += 1
        score = 0.4 if self._changes % 2 else 0.45
        cameras = [
            {
                "id": f"cam-{number}",
                "url": self.cameras.url(f"/cam{number}"),
                "report": {"objects": True, "snapshots": "objects", "clips": "rules"},
                **_armed(self._changes),
            }
            for number in range(1, 5)
        ]
        path = write_config(
            self.folder,
            cameras=cameras,
            broker_port=self.broker.port,
            mqtt={
                "brokers": [f"mqtt://127.0.0.1:{self.broker.port}"],
                "spread_s": 0,
                "delivery": "confirmed",
            },
        )
        config = json.loads(path.read_text(encoding="utf-8"))
        config["detector"] |= {"min_score": score, "budget_ms_per_s": 100}
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    def troubles(self) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
        """Yield disturbances for ever: what disappears, and how it returns."""
        while True:
            yield "cameras", self.cameras.kill, self.cameras.start
            yield "broker", self.broker.stop, self.broker.start
            yield (
                "centre frozen",
                partial(os.kill, self.centre.pid, signal.SIGSTOP),
                partial(os.kill, self.centre.pid, signal.SIGCONT),
            )
            yield "configuration", self._reload, lambda: None
            yield "cameras frozen", self.cameras.freeze, self.cameras.thaw

    def _reload(self) -> None:
        command = [sys.executable, "-m", "edge_agent", "reload", str(self.config())]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60)


def _armed(change: int) -> dict[str, object]:
    """A rule that every object triggers; its severity changes."""
    rule = {
        "id": "all",
        "kind": "zone-intrusion",
        "zone": "all",
        "severity": "alarm" if change % 2 else "warning",
    }
    return {"zones": ARMED["zones"], "rules": [rule]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    data = os.environ.get("EDGE_AGENT_TEST_DATA")
    with tempfile.TemporaryDirectory(prefix="edge-agent-soak-") as folder:
        plan = Plan(False, Path(folder), Path(".cache/bench"), Path(data) if data else None)
        try:
            found = soak(plan, options.minutes * 60)
        except Skip as reason:
            print(reason, file=sys.stderr)
            return 1
    print(json.dumps(found, indent=1))
    path = Path("build/bench/soak.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {path}")
    return 0


def soak(plan: Plan, seconds: float) -> dict[str, Any]:
    clips = [Clip(name).file(plan) for name in SCENES] + [Clip("busy").file(plan)]
    mounts = {f"/cam{number}": clip for number, clip in enumerate(clips, 1)}
    with contextlib.ExitStack() as stack:
        cameras = stack.enter_context(RtspServer(mounts))
        broker = stack.enter_context(Mosquitto(plan.own_folder("broker")))
        centre = Centre(plan.own_folder("centre"), broker.port, "de-tham")
        stack.callback(centre.kill)
        centre.start_process()
        bed = Bed(plan.own_folder("agent"), cameras, broker, centre)
        agent = stack.enter_context(AgentProcess(bed.config()))
        began_mono = time.monotonic()
        read = {"agent": Process(agent.process.pid, began_mono), "centre": Process(centre.pid, began_mono)}
        counts = _run(bed, read, began_mono, seconds)
        heartbeat = agent.wait_for_status(lambda beat: True, "the agent's answer")
        stored = centre.status()
    return {
        "machine": msgspec.to_builtins(this_machine()),
        "minutes": seconds / 60,
        "troubles": counts,
        "events": stored.events,
        "pictures": stored.media,
        "missing": stored.missing,
        "outbox": heartbeat["outbox"],
        "growth": {name: process.growth() for name, process in read.items()},
        "readings": {name: [asdict(one) for one in process.readings] for name, process in read.items()},
    }


def _run(bed: Bed, read: Mapping[str, Process], began_mono: float, seconds: float) -> dict[str, int]:
    """Run one disturbance after another, the last one early enough to be over. Returns the count of each."""
    counts: Counter[str] = Counter()
    troubles = bed.troubles()
    next_mono = began_mono + TROUBLE_EVERY_S
    while time.monotonic() - began_mono < seconds:
        time.sleep(READ_EVERY_S)
        for process in read.values():
            process.read()
        if time.monotonic() >= next_mono and time.monotonic() - began_mono < seconds - TROUBLE_EVERY_S:
            name, goes, comes = next(troubles)
            goes()
            time.sleep(AWAY_S)
            comes()
            counts[name] += 1
            next_mono = time.monotonic() + TROUBLE_EVERY_S
    return dict(counts)


if __name__ == "__main__":
    sys.exit(main())
