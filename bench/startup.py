"""Measures the time from exec to READY, and from SIGTERM to the end, as systemd sees it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path
from statistics import median

from bench.clips import Clip
from bench.plan import Plan
from bench.result import Result
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer

STOP_AT_MOST_S = 10.0


def measure(plan: Plan) -> list[Result]:
    """Measure without cameras and with four, with the shipped model."""
    folder = plan.own_folder("startup")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(RtspServer({"/quiet": Clip("quiet").file(plan)}))
        broker = stack.enter_context(Mosquitto(folder))
        notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notify.bind(str(folder / "notify"))
        rows = []
        for count in (0, 4):
            cameras = [{"id": f"cam-{n}", "url": server.url("/quiet")} for n in range(count)]
            config = write_config(folder, cameras=cameras, broker_port=broker.port, detector="auto")
            runs = int(plan.choose(10, 3))
            rows.append(_result(count, [_once(config, notify, folder / "notify") for _ in range(runs)]))
    return rows


def _result(count: int, times: list[tuple[float, float]]) -> Result:
    ready, stopped = ([pair[which] for pair in times] for which in (0, 1))
    figures = {
        "ready_s": median(ready),
        "ready_longest_s": max(ready),
        "stopped_s": median(stopped),
        "stopped_longest_s": max(stopped),
    }
    return Result("startup", f"agent x{count}", {name: round(value, 3) for name, value in figures.items()})


def _once(config: Path, notify: socket.socket, address: Path) -> tuple[float, float]:
    """Seconds to READY and seconds to stop."""
    began = time.monotonic()
    with AgentProcess(config, environ={"NOTIFY_SOCKET": str(address)}) as agent:
        while b"READY=1" not in notify.recv(4096):
            pass
        ready_s = time.monotonic() - began
        time.sleep(1.0)
        began = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        try:
            agent.process.wait(STOP_AT_MOST_S)
        except subprocess.TimeoutExpired:
            agent.kill()
            raise RuntimeError(f"the agent did not stop within {STOP_AT_MOST_S:g} s of SIGTERM") from None
        stopped_s = time.monotonic() - began
    notify.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while notify.recv(4096):
            pass
    notify.setblocking(True)
    return ready_s, stopped_s
