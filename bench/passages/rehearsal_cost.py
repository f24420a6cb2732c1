"""``python -m bench.passages.rehearsal_cost [--days 30]``: what a rehearsal of a busy site costs.

Fills a store with drawn passages of four cameras (8,500 a day each, in the rhythm of a street; most pass
in some seconds, one in fifty parks), and runs ``edge-agent rehearse`` on one camera.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.config.model.settings import Passages
from edge_agent.passages.passage import Light, Passage, PathPoint, Side, StandingTime
from edge_agent.passages.path import thinned
from edge_agent.passages.store import PassageStore

CAMERAS, A_DAY = 4, 8500
RHYTHM = (2, 1, 1, 1, 2, 6, 12, 16, 12, 10, 9, 10, 12, 9, 9, 10, 13, 18, 14, 10, 8, 6, 4, 3)
BATCH = 2000
KINDS = [("two-wheeler", "motorcycle")] * 7 + [("vehicle", "car")] * 2 + [("person", "person")]
ROWS_BYTES = 8_000_000_000  # nothing is pruned: 30 days are the store's other bound
ZONES = {
    "road": {"polygon": [[0.3, 0.4], [0.7, 0.4], [0.7, 0.8], [0.3, 0.8]]},
    "all": {"polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]},
}
LINES = {"gate": {"from": [0.5, 0.2], "to": [0.5, 1.0]}}
RULES: tuple[dict[str, Any], ...] = (
    {"id": "a", "kind": "zone-intrusion", "zone": "road"},
    {"id": "b", "kind": "loitering", "zone": "road"},
    {"id": "c", "kind": "line-crossing", "line": "gate"},
    {"id": "d", "kind": "stopped-vehicle", "zone": "road"},
    {"id": "e", "kind": "wrong-way", "zone": "road", "arrow": {"from": [0.2, 0.5], "to": [0.8, 0.5]}},
    {"id": "f", "kind": "crowding", "zone": "all", "count": 8},
)


@dataclass
class _Clock:
    wall: datetime

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return self.wall


def passages(days: int, camera: str, seed: int) -> Iterator[Passage]:
    """A camera's objects, whose time 0 is ``days`` ago, in the order of their starts."""
    rng = random.Random(seed)
    starts = sorted(
        86_400 * day + 3600 * rng.choices(range(24), RHYTHM)[0] + 3600 * rng.random()
        for day in range(days)
        for _ in range(A_DAY)
    )
    for number, start in enumerate(starts):
        parks = rng.random() < 0.02
        cross_s = min(2.0 + rng.lognormvariate(1.6, 0.7), 120.0)
        still_s = rng.uniform(60, 7200) if parks else 0.0
        y, tilt = rng.uniform(0.3, 0.95), rng.uniform(-0.2, 0.2)
        xs = (0.02, 0.98) if rng.random() < 0.5 else (0.98, 0.02)
        points = [
            PathPoint(
                share * cross_s + (still_s if share > 0.5 else 0.0),
                xs[0] + share * (xs[1] - xs[0]),
                min(max(y + tilt * share + rng.gauss(0, 0.003), 0.0), 1.0),
            )
            for share in (n / 24 for n in range(25))
        ]
        group, label = rng.choice(
            [("two-wheeler", "motorcycle")] * 7 + [("vehicle", "car")] * 2 + [("person", "person")]
        )
        yield Passage(
            camera, f"{camera}-b-{number}", group, label, 0.7, 9, start, start + points[-1].after_s,
            tuple(points[n] for n in thinned(points, 16)),
            Side.LEFT, Side.RIGHT, 90.0, 0.06, 0.12, 0.8, Light.DAY,
            standing=(StandingTime(cross_s / 2, still_s),) if parks else (),
            confirmed_after_s=0.6, aspect=1.78,
        )  # fmt: skip


def fill(folder: Path, days: int) -> None:
    began_at = datetime.now(UTC) - timedelta(days=days)
    store = PassageStore(folder, Passages(max_bytes=ROWS_BYTES), 0, _Clock(began_at), "bench")
    for number in range(CAMERAS):
        batch: list[Passage] = []
        for passage in passages(days, f"cam-{number}", number):
            batch.append(passage)
            if len(batch) == BATCH:
                store.write(batch, synced=True)
                batch = []
        store.write(batch, synced=True)
    store.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.passages.rehearsal_cost", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--only", metavar="KIND", help="this kind of rule only; default: all")
    arguments = parser.parse_args()
    days = arguments.days
    with tempfile.TemporaryDirectory(prefix="bench-rehearsal-") as name:
        folder = Path(name)
        fill(folder / "state", days)
        config = folder / "edge-agent.yaml"
        cameras = [
            {
                "id": f"cam-{n}",
                "url": "rtsp://127.0.0.1/1",
                "zones": ZONES,
                "lines": LINES,
                "rules": list(RULES),
            }
            for n in range(CAMERAS)
        ]
        document = {
            "gateway": {"id": "bench-001", "ward": "bench", "name": "bench"},
            "state_dir": str(folder / "state"),
            "mqtt": {"brokers": ["mqtt://127.0.0.1:1"]},
            "cameras": cameras,
        }
        config.write_text(json.dumps(document), encoding="utf-8")
        rows = folder / "state" / "passages" / "passages.db"
        print(f"{days} days, {CAMERAS * A_DAY * days} passages, {rows.stat().st_size / 1e6:.0f} MB of rows")
        print("kind              CPU s  seconds  of the objects used  reports")
        for rule in (each for each in RULES if arguments.only in (None, each["kind"])):
            _rehearse(config, rule, days)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest process: {peak / 1000:.0f} MB")
    return 0


def _rehearse(config: Path, rule: dict[str, Any], days: int) -> None:
    """The draft and the same rule in force."""
    words = [
        sys.executable,
        "-m",
        "edge_agent",
        "rehearse",
        "cam-1",
        "--rule",
        "-",
        "--days",
        str(days),
        "--json",
    ]
    before, cpu = time.monotonic(), _children_s()
    done = subprocess.run(
        [*words, "--config", str(config)],
        input=json.dumps(rule).encode(),
        stdout=subprocess.PIPE,
        env=dict(os.environ),
        check=True,
    )
    result = json.loads(done.stdout)
    share = result["used"] / max(result["passages"], 1)
    print(
        f"{rule['kind']:16}  {_children_s() - cpu:5.0f}  {time.monotonic() - before:7.0f}"
        f"  {share:19.0%}  {result['draft']['reports']:7}",
        flush=True,
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
