"""Runs one scene: all its programs on the same cameras at the same time, measured over the same windows."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from statistics import median

from bench.plan import Plan
from bench.processes import Usage, machine_busy_s
from bench.programs import Program, Running, Stage
from bench.result import Result, Skip
from bench.scenes import Scene
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.testbed.rtsp import RtspServer

MACHINE = "whole machine"


def measure(scene: Scene, plan: Plan) -> list[Result]:
    for program in scene.programs:
        if program.subject in ("motion", "ffmpeg") and shutil.which(program.subject) is None:
            raise Skip(f"{program.subject} is not installed: apt-get install {program.subject}")
    folder = plan.own_folder(scene.name)
    mounts = {f"/cam{number}": scene.clip.file(plan) for number in range(1, scene.cameras + 1)}
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder))
        stack.enter_context(Subscriber(broker.port, "tb/v1/#"))
        main = {} if scene.main is None else {"/main": scene.main.file(plan)}
        server = stack.enter_context(RtspServer(mounts | main))
        urls = [server.url(mount) for mount in mounts]
        main_url = server.url("/main") if main else None
        running = []
        for program in scene.programs:
            own = plan.own_folder(f"{scene.name}/{_id(program)}")
            own_urls = urls[: program.cameras]
            stage = Stage(own, own_urls, scene.clip.size, broker.port, main_url)
            running.append(stack.enter_context(Running(program, stage)))
        time.sleep(scene.settle_s)
        for one in running:
            one.check_works()
        windows = _windows(running, int(plan.choose(6, 3)), plan.choose(scene.window_s, 5.0))
        facts = {one.subject: one.facts() for one in running}
    return [*windows.results(scene.name, facts), *_growth(scene, windows)]


class _Windows:
    """The readings at the ends of the windows."""

    def __init__(self) -> None:
        self.machine_percent: list[float] = []
        self.cpu: dict[str, list[float]] = {}
        self.rss: dict[str, list[float]] = {}
        self.pss: dict[str, list[float]] = {}

    def add(self, subject: str, seconds: float, before: Usage, after: Usage) -> None:
        self.cpu.setdefault(subject, []).append((after.cpu_s - before.cpu_s) * 60 / seconds)
        self.rss.setdefault(subject, []).append(after.rss_mb)
        self.pss.setdefault(subject, []).append(after.pss_mb)

    def results(self, scene: str, facts: Mapping[str, Mapping[str, float]]) -> list[Result]:
        """Results: median CPU of the windows, maximum memory, and the programs' own figures."""
        rows = [
            Result(
                scene,
                subject,
                {
                    "cpu_s_per_min": round(median(cpu), 3),
                    "rss_mb": round(max(self.rss[subject]), 1),
                    "pss_mb": round(max(self.pss[subject]), 1),
                    **facts[subject],
                },
                {"cpu_s_per_min": [round(value, 4) for value in cpu]},
            )
            for subject, cpu in self.cpu.items()
        ]
        busy = Result(scene, MACHINE, {"busy_percent": round(median(self.machine_percent), 1)})
        return [*rows, busy]


def _windows(running: Sequence[Running], count: int, seconds: float) -> _Windows:
    """Read every second window in the opposite order, because reading itself takes time."""
    windows = _Windows()
    for number in range(count):
        order = running if number % 2 == 0 else running[::-1]
        began, busy_s = time.monotonic(), machine_busy_s()
        before = {program.subject: (time.monotonic(), program.usage()) for program in order}
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        for program in order:
            read_at, usage = before[program.subject]
            windows.add(program.subject, time.monotonic() - read_at, usage, program.usage())
        share = (machine_busy_s() - busy_s) / (time.monotonic() - began) / (os.cpu_count() or 1)
        windows.machine_percent.append(100 * share)
    return windows


def _growth(scene: Scene, windows: _Windows) -> list[Result]:
    """The cost of a further camera, from the programs of the scene with fewest and most cameras."""
    few, *_, many = sorted((p for p in scene.programs if p.cameras), key=lambda program: program.cameras)
    if few.cameras == many.cameras:
        return []
    further = many.cameras - few.cameras
    figures = {
        "rss_mb": (max(windows.rss[many.subject]) - max(windows.rss[few.subject])) / further,
        "cpu_s_per_min": (median(windows.cpu[many.subject]) - median(windows.cpu[few.subject])) / further,
    }
    rounded = {name: round(value, 3) for name, value in figures.items()}
    return [Result(scene.name, "a further camera", rounded)]


def _id(program: Program) -> str:
    return program.subject.replace(" ", "-")
