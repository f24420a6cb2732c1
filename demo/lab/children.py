"""The processes of a lab: their logs, their end, and what has ended by itself."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from demo.processes import start

STOP_S = 15.0
"""Longest wait for a process that was asked to end; then it is killed."""
POLL_S = 0.1


class LabFailed(Exception):
    """The lab could not be started; one line for the user."""


class LabStopped(Exception):
    """The user has ended the lab before it was ready."""


class Children:
    """Processes in the order of their start. Leaving the ``with`` block ends all of them, the last first."""

    def __init__(self, logs: Path, stop: threading.Event) -> None:
        """``stop``: set once the user ends the lab."""
        self._logs = logs
        self._stop = stop
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(tuple(self._processes))

    def cpu_s(self) -> float:
        """CPU time of all that run, with the processes that they have started."""
        return sum(_cpu_s(process.pid) for process in self._processes.values())

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process. Call it on the main thread, see ``demo.processes``."""
        self._processes[name] = start(command, self.log(name))

    def ended(self) -> list[str]:
        """Names of the processes that have ended by themselves."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def end(self, names: Collection[str]) -> None:
        """Ask these processes to end, the last started first, and wait for each."""
        for name in reversed([each for each in self._processes if each in names]):
            process = self._processes.pop(name)
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_until(self, is_ready: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
        """Raises LabFailed when a process has ended or the time is over, LabStopped when the user ends the
        lab."""
        deadline = time.monotonic() + within_s
        while not is_ready():
            if ended := self.ended():
                raise LabFailed(f"{ended[0]} has ended by itself: see {self.log(ended[0])}")
            if time.monotonic() > deadline:
                raise LabFailed(f"{what}: not ready within {within_s:.0f} s; the logs are in {self._logs}")
            if self._stop.wait(POLL_S):
                raise LabStopped


def _cpu_s(pid: int) -> float:
    """CPU time of a process and of the processes below it; 0 for one that has ended."""
    try:
        process = psutil.Process(pid)
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    except psutil.Error:
        return 0.0
    return sum(each.user + each.system for each in times)
