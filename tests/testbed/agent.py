"""Runs the real ``edge-agent`` command as a process, with a configuration of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from edge_agent.config import last_good
from edge_agent.config.model.settings import Settings
from edge_agent.host.local_api.status import ask_status
from tests.testbed.preloaded import PreloadedProcess, can_be_preloaded
from tests.testbed.walker_model import WALKER_MODEL

PATIENCE_S = 60.0
"""An agent was seen to take half a minute to start on a machine with far too much to do."""


def write_config(
    folder: Path,
    *,
    cameras: Sequence[Mapping[str, object]] = (),
    broker_port: int = 1,
    detector: str | Path = WALKER_MODEL,
    **more: object,
) -> Path:
    """Write the configuration as JSON, which is a subset of YAML. No broker listens on port 1."""
    path = folder / "edge-agent.yaml"
    config: dict[str, object] = {
        "gateway": {"id": "dt-001", "ward": "de-tham", "name": "Lý Thường Kiệt"},
        "state_dir": str(folder / "state"),
        "heartbeat_s": 5,
        "mqtt": {"brokers": [f"mqtt://127.0.0.1:{broker_port}"], "spread_s": 0},
        "detector": {"model": str(detector)},
        "cameras": list(cameras),
    }
    path.write_text(json.dumps(config | more, ensure_ascii=False), encoding="utf-8")
    return path


def file_camera(clip: Path, camera_id: str = "cam-1") -> dict[str, object]:
    """A camera that reports every object with its picture."""
    return {"id": camera_id, "url": str(clip), "report": {"objects": True, "snapshots": "objects"}}


def wait_until(true: Callable[[], object], timeout_s: float = PATIENCE_S, what: str = "condition") -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"{what} not within {timeout_s} s"
        time.sleep(0.05)


class AgentProcess:
    """``edge-agent run`` while the ``with`` lasts. ``kill`` is kill -9; start it again with ``start``."""

    def __init__(
        self,
        config: Path,
        *options: str,
        environ: dict[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "edge_agent", "run"),
        fresh: bool = False,
    ) -> None:
        """``fresh``: start Python too, for a test of the start itself; the default has imported the agent."""
        self._fresh = fresh
        self._command = [*command, *options, str(config)]
        self._config = config
        self._environ = environ or {}
        self._log = config.with_name("agent.log")
        self._process: subprocess.Popen[bytes] | PreloadedProcess | None = None
        self._asked: tuple[bytes, Settings] | None = None
        """The configuration file when it was last read, and what it says: to read it takes 4 ms of a core."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes] | PreloadedProcess:
        assert self._process is not None, "the agent was not started"
        return self._process

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def start(self) -> None:
        environ = {**os.environ, **self._environ}
        with self._log.open("ab") as log:
            if not self._fresh and can_be_preloaded(self._command, self._environ):
                self._process = PreloadedProcess(self._command[2:], environ, log.fileno())
            else:
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environ)

    def stop(self) -> int:
        """Send SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def status(self) -> dict[str, Any] | None:
        """What ``edge-agent status --json`` prints, or None without an answer."""
        text = self._config.read_bytes()
        if self._asked is None or self._asked[0] != text:
            self._asked = text, last_good.read_or_find(self._config)
        result = ask_status(self._asked[1])
        if result.document is None:
            return None
        answer: dict[str, Any] = json.loads(result.answer)
        return answer

    def wait_for_status(
        self, true: Callable[[dict[str, Any]], object], what: str, timeout_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Wait until ``true(heartbeat)``."""
        seen: list[dict[str, Any]] = []

        def holds() -> bool:
            status = self.status()
            seen.extend([status] if status else [])
            return status is not None and bool(true(status["heartbeat"]))

        wait_until(holds, timeout_s, what)
        heartbeat: dict[str, Any] = seen[-1]["heartbeat"]
        return heartbeat
