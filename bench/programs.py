"""Runs the agent and its peers as processes on given cameras."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import psutil

from bench.processes import Usage, usage
from edge_agent.host.local_api.status import run_status
from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.reader import PassageReader

CONFIG = "edge-agent.yaml"
ARMED: dict[str, object] = {
    "zones": {"all": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}},
    "rules": [
        {"id": "all", "kind": "zone-intrusion", "zone": "all", "labels": ["truck"], "severity": "alarm"}
    ],
}
"""A rule that never reports anything."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The cameras and the folder that a scene provides for one program."""

    folder: Path
    urls: Sequence[str]
    size: tuple[int, int]
    broker_port: int
    main_url: str | None = None  # of all cameras


class Program(Protocol):
    """A program to measure. ``subject`` names it in the tables; it uses the first ``cameras`` of the
    scene."""

    @property
    def subject(self) -> str: ...
    @property
    def cameras(self) -> int: ...
    def commands(self, stage: Stage) -> list[list[str]]: ...
    def trouble(self, stage: Stage, pids: Sequence[int]) -> str | None:
        """Why its figures are invalid although it runs; None when it works."""
        ...

    def facts(self, stage: Stage) -> dict[str, float]:
        """Further figures that the program reports about itself at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Agent:
    """``edge-agent run``. ``detector``: ``detector.model`` of the configuration; ``gear``
    and the other keys are in the configuration only when they are named here."""

    subject: str
    cameras: int
    detector: str = "auto"
    gear: str | None = None
    budget_per_s: float | None = None
    clips: Literal["none", "sub", "main"] | None = None  # of which stream, while a rule is armed
    passages: bool = True

    def commands(self, stage: Stage) -> list[list[str]]:
        config = stage.folder / CONFIG
        name = stage.folder.name.lower()
        detector = {"model": self.detector, "budget_per_s": self.budget_per_s}
        config.write_text(
            json.dumps(
                {
                    "gateway": {"id": name, "ward": "bench"},
                    "state_dir": str(stage.folder / "state"),
                    "mqtt": {"brokers": [f"mqtt://127.0.0.1:{stage.broker_port}"], "spread_s": 0},
                    "detector": detector,
                    "passages": {"enabled": self.passages},
                    "cameras": [self._camera(number, url, stage) for number, url in enumerate(stage.urls, 1)],
                }
            )
        )
        return [[sys.executable, "-m", "edge_agent", "run", str(config)]]

    def trouble(self, stage: Stage, pids: Sequence[int]) -> str | None:
        """A camera that is not analysed, which would cost nothing; None when all are."""
        cameras = _told_by_agent(stage)
        online = [name for name, camera in cameras.items() if camera["state"] == "online"]
        return None if len(online) == self.cameras else f"of its cameras are online: {online}"

    def facts(self, stage: Stage) -> dict[str, float]:
        idle = [name for name, camera in _told_by_agent(stage).items() if camera.get("gear") == "idle"]
        stored = sum(1 for _ in PassageReader(stage.folder / "state").find(PassageFilter()))
        return {"idle_cameras": float(len(idle)), "passages": float(stored)}

    def _camera(self, number: int, url: str, stage: Stage) -> dict[str, object]:
        analyse = {} if self.gear is None else {"analyse": {"gear": self.gear}}
        camera: dict[str, object] = {"id": f"cam-{number}", "url": url, **analyse}
        if self.clips is not None:
            return camera | self._filmed(stage)
        return camera | {"report": {"objects": True, "snapshots": "objects"}}

    def _filmed(self, stage: Stage) -> dict[str, object]:
        main = {"clip": {"main_url": stage.main_url}} if self.clips == "main" else {}
        return {"report": {"clips": "none" if self.clips == "none" else "rules"}, **ARMED, **main}


def _told_by_agent(stage: Stage) -> dict[str, Any]:
    """The cameras in the agent's heartbeat; empty while it does not answer."""
    out = io.StringIO()
    if run_status(stage.folder / CONFIG, True, out) != 0:
        return {}
    cameras: dict[str, Any] = json.loads(out.getvalue())["heartbeat"].get("cameras", {})
    return cameras


@dataclass(frozen=True, slots=True)
class Motion:
    """Debian's motion: one daemon, 5 frames a second, writes no files and serves nothing."""

    cameras: int
    subject: str = "motion"

    def commands(self, stage: Stage) -> list[list[str]]:
        width, height = stage.size
        size = f"width {width}\nheight {height}\nframerate 5\n"
        files = []
        for number, url in enumerate(stage.urls, 1):
            files.append(stage.folder / f"camera{number}.conf")
            files[-1].write_text(f"camera_id {number}\nnetcam_url {url}\n{size}")
        config = stage.folder / "motion.conf"
        config.write_text(
            f"daemon off\nlog_level 5\ntarget_dir {stage.folder}\nwebcontrol_port 0\nstream_port 0\n"
            f"picture_output off\nmovie_output off\n{size}" + "".join(f"camera {file}\n" for file in files)
        )
        return [["motion", "-n", "-c", str(config)]]

    def trouble(self, stage: Stage, pids: Sequence[int]) -> str | None:
        """It runs on and tries again when a camera cannot be read."""
        open_streams = [
            c for c in psutil.Process(pids[0]).net_connections("tcp") if c.status == "ESTABLISHED"
        ]
        return None if len(open_streams) >= self.cameras else f"{len(open_streams)} streams are open"

    def facts(self, stage: Stage) -> dict[str, float]:
        return {}


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """The lower bound of decoding: every frame is decoded and dropped."""

    cameras: int
    subject: str = "ffmpeg"

    def commands(self, stage: Stage) -> list[list[str]]:
        command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-rtsp_transport", "tcp", "-i"]
        return [[*command, url, "-an", "-f", "null", "-"] for url in stage.urls]

    def trouble(self, stage: Stage, pids: Sequence[int]) -> str | None:
        """It ends when a camera cannot be read."""
        return None

    def facts(self, stage: Stage) -> dict[str, float]:
        return {}


class Running:
    """The processes of a program during the ``with``; their output goes to files in the stage's folder."""

    def __init__(self, program: Program, stage: Stage) -> None:
        self.subject = program.subject
        self._program = program
        self._stage = stage
        self._commands = program.commands(stage)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for number, command in enumerate(self._commands):
            with (self._stage.folder / f"{number}.log").open("wb") as log:
                self._processes.append(
                    subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
                )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def usage(self) -> Usage:
        """Usage of all its processes so far. Raises RuntimeError when a process has ended."""
        for number, process in enumerate(self._processes):
            if process.poll() is not None:
                said = (self._stage.folder / f"{number}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.subject} ended with {process.returncode}:\n{said}")
        return sum((usage(process.pid) for process in self._processes), Usage(0.0, 0.0, 0.0))

    def facts(self) -> dict[str, float]:
        return self._program.facts(self._stage)

    def check_works(self) -> None:
        """Raise RuntimeError when the program does not do what is measured."""
        trouble = self._program.trouble(self._stage, [process.pid for process in self._processes])
        if trouble is not None:
            raise RuntimeError(f"{self.subject} does not do its work: {trouble}")
