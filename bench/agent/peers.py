"""The agent and its peers as processes on given cameras."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self


class Runner:
    """Processes that live as long as the ``with``; their output goes to a file each."""

    def __init__(self, name: str, commands: Sequence[Sequence[str]], folder: Path) -> None:
        self.name = name
        self._commands = commands
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def __enter__(self) -> Self:
        for number, command in enumerate(self._commands):
            with (self._folder / f"{self.name}-{number}.log").open("wb") as log:
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

    def check_alive(self) -> None:
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {process.returncode}: see {self._folder}")


def agent(folder: Path, urls: Sequence[str], broker_port: int, model: str, name: str = "agent") -> Runner:
    state = folder / f"{name}-state"
    cameras = "".join(
        f"\n  - {{id: cam-{n}, url: '{url}', report: {{objects: true, snapshots: objects}}}}"
        for n, url in enumerate(urls, 1)
    )
    config = folder / f"{name}.yaml"
    config.write_text(
        f"gateway: {{id: {name}, ward: bench}}\nstate_dir: {state}\n"
        f"mqtt: {{brokers: ['mqtt://127.0.0.1:{broker_port}'], spread_s: 0}}\n"
        f"detector: {{model: {model}, budget_per_s: 10}}\ncameras:{cameras or ' []'}\n"
    )
    return Runner(name, [[sys.executable, "-m", "edge_agent", "run", str(config)]], folder)


def motion(folder: Path, urls: Sequence[str]) -> Runner:
    """Debian's motion: one daemon, 5 frames a second, writes no files and serves nothing."""
    cameras = []
    for number, url in enumerate(urls, 1):
        path = folder / f"motion-camera{number}.conf"
        path.write_text(f"camera_id {number}\nnetcam_url {url}\nwidth 640\nheight 360\nframerate 5\n")
        cameras.append(path)
    config = folder / "motion.conf"
    config.write_text(
        f"daemon off\nlog_level 5\ntarget_dir {folder}\nwebcontrol_port 0\nstream_port 0\n"
        "picture_output off\nmovie_output off\nwidth 640\nheight 360\nframerate 5\n"
        + "".join(f"camera {path}\n" for path in cameras)
    )
    return Runner("motion", [["motion", "-n", "-c", str(config)]], folder)


def ffmpeg_null(folder: Path, urls: Sequence[str]) -> Runner:
    """The decode floor: every frame decoded and thrown away."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-rtsp_transport", "tcp", "-i"]
    return Runner("ffmpeg", [[*command, url, "-an", "-f", "null", "-"] for url in urls], folder)
