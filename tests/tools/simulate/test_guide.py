"""The four commands of the guide, as a newcomer runs them; only the port differs."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from edge_agent.tools.simulate.scenario import load
from tests.testbed.mosquitto import binary, free_port, wait_until

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guide/simulate.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@contextmanager
def running(command: list[str], out: Path) -> Iterator[subprocess.Popen[bytes]]:
    with out.open("wb") as target:
        environ = os.environ | UNBUFFERED
        process = subprocess.Popen(command, cwd=ROOT, stdout=target, stderr=target, env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


UNBUFFERED = {"PYTHONUNBUFFERED": "1"}


def missed(lab: Path, port: int) -> list[object]:
    """As docs/guide/subscriber.md says for the lab."""
    command = ["central", "user", "token", "me", "--ward", "de-tham", "--config"]
    whole = [sys.executable, "-m", "edge_agent", *command, str(lab)]
    token = subprocess.run(whole, capture_output=True, text=True, check=True).stdout.split()[-1]
    login = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"http://127.0.0.1:{port}/api/events", headers=login, timeout=30)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["events"])


def test_the_first_hour_is_four_commands(tmp_path: Path) -> None:
    port, console = free_port(), free_port()
    lab = (ROOT / "docs/guide/lab.yaml").read_text(encoding="utf-8")
    (tmp_path / "lab.yaml").write_text(
        lab.replace("/tmp/edge-lab", str(tmp_path / "lab"))
        .replace("127.0.0.1:8443", f"localhost:{console}")
        .replace("127.0.0.1", f"127.0.0.1:{port}")
        .replace("localhost", "127.0.0.1")
    )
    broker, centre, simulation, subscriber = (
        shlex.split(
            line.replace("127.0.0.1", f"127.0.0.1:{port}")
            .replace("-p 1883", f"-p {port}")
            .replace("docs/guide/lab.yaml", str(tmp_path / "lab.yaml"))
        )
        for line in blocks("sh")[0].splitlines()
    )
    agent = [sys.executable, "-m", "edge_agent"]
    printed = tmp_path / "subscriber"
    with ExitStack() as stack:
        stack.enter_context(running([binary(), *broker[1:]], tmp_path / "broker"))
        wait_until(lambda: "running" in (tmp_path / "broker").read_text(), what="the broker")
        stack.enter_context(running([*agent, *centre[1:]], tmp_path / "centre"))
        wait_until(lambda: "connected to" in (tmp_path / "centre").read_text(), what="the centre")
        stack.enter_context(running([sys.executable, *subscriber[1:]], printed))
        wait_until(lambda: "subscribed:" in printed.read_text(), what="the subscriber")
        # As written, but faster: thirty seconds of spread would test nothing.
        faster = ["--spread-s", "0", "--time-factor", "60"]
        played = stack.enter_context(running([*agent, *simulation[1:], *faster], tmp_path / "simulation"))
        wait_until(lambda: "/tb/sim-001" in printed.read_text(), 60, what="an event at the subscriber")
        assert missed(tmp_path / "lab.yaml", console), "the API has them too"
        played.send_signal(signal.SIGINT)
        assert played.wait(60) == 0, (tmp_path / "simulation").read_text()
    reported = (tmp_path / "simulation").read_text()
    assert "gateways      20 in 1 processes" in reported
    assert "left          0 in outboxes" in reported


def test_the_scenario_of_the_guide_can_be_played(tmp_path: Path) -> None:
    file = tmp_path / "day.yaml"
    file.write_text(blocks("yaml")[0], encoding="utf-8")
    assert len(load(file, {}).faults) == 3
