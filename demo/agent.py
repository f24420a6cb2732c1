"""The agent as a child process, with a configuration of its own."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from demo.processes import start
from edge_agent.host.local_api.status import run_status

GATEWAY = "demo"
WARD = "demo-ward"
ROOT = "tb/v1"
LABELS = ("person", "bicycle", "motorcycle", "car", "bus", "truck")


def write_config(folder: Path, clip: str, model: str, port: int | None) -> Path:
    """Write a configuration like a technician's, with per-object events on; only its owner can read it."""
    url = clip if "://" in clip or clip.startswith("v4l2:") else str(Path(clip).resolve())
    path = folder / "edge-agent.yaml"
    path.touch(mode=0o600)
    path.write_text(
        f"""\
gateway: {{id: {GATEWAY}, ward: {WARD}, name: Demo}}
state_dir: {json.dumps(str((folder / "state").resolve()))}
heartbeat_s: 5
mqtt:
  brokers: [mqtt://127.0.0.1:{port or 9}]      # 9 is the discard port: no program answers
  root: {ROOT}
  spread_s: 0
detector: {{model: {json.dumps(model)}, labels: [{", ".join(LABELS)}]}}
cameras:
  - id: cam-1
    url: {json.dumps(url)}
    report: {{objects: true, counts_s: 60, snapshots: objects}}
"""
    )
    return path


class AgentProcess:
    """``edge-agent run`` while the ``with`` block runs; Ctrl-C reaches it through ``stop``."""

    def __init__(self, config: Path, folder: Path) -> None:
        self._config = config
        self._log_path = folder / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._last: dict[str, Any] | None = None

    def __enter__(self) -> AgentProcess:
        command = [sys.executable, "-m", "edge_agent", "run", "--repeat-files", str(self._config)]
        self._process = start(command, self._log_path)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int | None:
        """Send SIGTERM, as systemd does, and return the exit code."""
        if self._process is None:
            return None
        if self.running:
            self.status_line()  # the last figures, for the summary
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def status_line(self) -> str:
        heartbeat = self._ask()
        if heartbeat is None:
            return "agent is starting"
        camera, detector, outbox = heartbeat["cameras"]["cam-1"], heartbeat["detector"], heartbeat["outbox"]
        cause = f" ({camera['cause']})" if camera["cause"] else ""
        latency = f"{detector['latency_ms']:.0f} ms" if detector["latency_ms"] is not None else "-"
        size = f"{camera['width']}x{camera['height']} " if camera["width"] else ""
        return (
            f"cam-1 {camera['state']}{cause} {size}{camera['decoded_fps']:.1f} fps, "
            f"analysed {camera['analysed_fps']:.1f} fps, dropped {camera['dropped']}  |  "
            f"{detector['name']}: {detector['inferences']} inferences, {latency}  |  "
            f"outbox {outbox['depth']} waiting, {outbox['media_depth']} pictures"
        )

    def last_summary(self) -> str:
        if self._last is None:
            return "agent     gave no status"
        detector, outbox, box = self._last["detector"], self._last["outbox"], self._last["box"]
        return (
            f"agent     {self._last['uptime_s']:.0f} s, {detector['inferences']} inferences with "
            f"{detector['name']}, {outbox['depth']} events left in the outbox, {box['agent_rss_mb']:.0f} MB"
        )

    def _ask(self) -> dict[str, Any] | None:
        """Query the status in this process: starting Python every second would cost more than the agent."""
        answer = io.StringIO()
        if run_status(self._config, True, answer) == 0:
            self._last = json.loads(answer.getvalue())["heartbeat"]
        return self._last
