"""``python -m bench.agent``: CPU and memory of the agent beside motion and ffmpeg.

All of them read the same RTSP cameras at the same time; see bench/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from bench.agent import clips, peers
from bench.processes import Usage, usage
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.testbed.rtsp import RtspServer

CACHE = Path(".cache/bench")
RESULTS = Path("bench/results")


class Row(msgspec.Struct, frozen=True):
    """One program in one scene."""

    scene: str
    program: str
    cameras: int
    cpu_s_per_min: float
    rss_mb: float
    pss_mb: float


def measure(
    scene: str, cameras: int, runners: Sequence[peers.Runner], settle_s: float, windows: int, window_s: float
) -> list[Row]:
    """Medians over ``windows``; all runners are measured over the same windows."""
    time.sleep(settle_s)
    for runner in runners:
        runner.check_alive()
    samples: dict[str, list[float]] = {runner.name: [] for runner in runners}
    for _ in range(windows):
        before = {runner.name: _total(runner) for runner in runners}
        began = time.monotonic()
        time.sleep(window_s)
        for runner in runners:
            runner.check_alive()
            spent = _total(runner).cpu_s - before[runner.name].cpu_s
            samples[runner.name].append(spent * 60 / (time.monotonic() - began))
    return [
        Row(
            scene,
            runner.name,
            cameras,
            round(median(samples[runner.name]), 3),
            round(_total(runner).rss_mb, 1),
            round(_total(runner).pss_mb, 1),
        )
        for runner in runners
    ]


def _total(runner: peers.Runner) -> Usage:
    parts = [usage(pid) for pid in runner.pids]
    return Usage(sum(p.cpu_s for p in parts), sum(p.rss_mb for p in parts), sum(p.pss_mb for p in parts))


class Bench:
    def __init__(self, folder: Path, model: str, windows: int, window_s: float) -> None:
        self.folder = folder
        self.model = model
        self.windows = windows
        self.window_s = window_s
        self.rows: list[Row] = []

    def scene(self, name: str, clip: Path, cameras: int, with_peers: bool) -> None:
        mounts = {f"/cam{n}": clip for n in range(1, cameras + 1)}
        with contextlib.ExitStack() as stack:
            broker = stack.enter_context(Mosquitto(self.folder))
            stack.enter_context(Subscriber(broker.port, "tb/v1/#"))
            server = stack.enter_context(RtspServer(mounts))
            urls = [server.url(mount) for mount in mounts]
            programs = [peers.agent(self._own_folder(name), urls, broker.port, self.model)]
            if with_peers:
                programs += [peers.motion(self.folder, urls), peers.ffmpeg_null(self.folder, urls)]
            runners = [stack.enter_context(program) for program in programs]
            self.rows += measure(name, cameras, runners, 15.0, self.windows, self.window_s)

    def idle(self) -> None:
        with contextlib.ExitStack() as stack:
            broker = stack.enter_context(Mosquitto(self.folder))
            runner = stack.enter_context(
                peers.agent(self._own_folder("idle"), [], broker.port, self.model, "idle")
            )
            self.rows += measure("no cameras", 0, [runner], 10.0, self.windows, self.window_s)

    def _own_folder(self, name: str) -> Path:
        path = self.folder / name.replace(" ", "-")
        path.mkdir(exist_ok=True)
        return path


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| scene | program | cameras | CPU s/min | of motion | of ffmpeg | RSS MB | PSS MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        peers_cpu = {r.program: r.cpu_s_per_min for r in rows if r.scene == row.scene}
        ratios = [
            f"{row.cpu_s_per_min / peers_cpu[peer]:.2f}" if peers_cpu.get(peer) else "-"
            for peer in ("motion", "ffmpeg")
        ]
        lines.append(
            f"| {row.scene} | {row.program} | {row.cameras} | {row.cpu_s_per_min:.2f} | {ratios[0]} "
            f"| {ratios[1]} | {row.rss_mb:.0f} | {row.pss_mb:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.agent", description=__doc__)
    parser.add_argument("--model", default="hog", help=".tflite file, hog or none; default: hog")
    parser.add_argument("--street", type=Path, help="a clip with traffic for the busy scene")
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--window-s", type=float, default=20.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edge-agent-bench-") as name:
        bench = Bench(Path(name), args.model, args.windows, args.window_s)
        quiet = clips.quiet(CACHE)
        bench.idle()
        bench.scene("quiet", quiet, 4, with_peers=True)
        for cameras in (1, 8):
            bench.scene(f"quiet x{cameras}", quiet, cameras, with_peers=False)
        if args.street:
            bench.scene("street", clips.street(CACHE, args.street), 1, with_peers=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(table(bench.rows))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "agent.json").write_text(
        json.dumps([msgspec.to_builtins(row) for row in bench.rows], indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
