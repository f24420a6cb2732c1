"""Root's program is killed, or the power fails, before each of its steps: there is one result in the end."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.update.box import PROGRAM, UpdatingBox


class QuickAgent:
    """The agent as a thread of the test: hundreds of trials would take minutes with processes."""

    def __init__(self, box: UpdatingBox) -> None:
        self._box = box
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(box.folder / "status.sock"))
        self._server.listen()
        self.version, self._starts = "", 0
        self._lock = threading.Lock()  # protects the two attributes above
        systemctl = box.folder / "systemd/bin/systemctl"
        wish, show = box.folder / "wish", box.folder / "show"
        candidate, answer = box.releases / "candidate", box.state.with_name("check.txt")
        systemctl.write_text(
            f"#!/bin/sh\n[ $1 != restart ] || : > {wish}\n"
            f"[ $1 != start ] || echo edge-agent $(readlink {candidate}) > {answer}\ncat {show}\n"
        )
        self.start()

    def start(self) -> None:
        """Start it as systemd does, now or at boot."""
        with self._lock:
            self.version = self._box.in_force
            self._starts += 1
            shown = f"ActiveState=active\nInvocationID={self._starts}\nNRestarts=0\n"
            (self._box.folder / "show").write_text(shown)

    def obey(self) -> None:
        """A requested restart happens before any answer."""
        wish = self._box.folder / "wish"
        if wish.exists():
            wish.unlink()
            self.start()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, name="agent", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                asker, _ = self._server.accept()
            except OSError:
                return
            self.obey()
            beat = {"version": self.version, "cameras": {}}
            answer = {"connected": self.version != "0.3.0", "heartbeat": beat}
            with asker, suppress(OSError):
                asker.sendall(json.dumps(answer).encode())


class Dying:
    def __init__(self, box: UpdatingBox) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-B", Path(__file__).with_name("dying.py"), box.settings],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=box.environment | {"PYTHONPATH": str(PROGRAM)},
        )  # fmt: skip

    def run(self, step: int = 0) -> int:
        """Run until it is killed before that step; 0: never."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{step}\n")
        while not (line := self._process.stdout.readline()).startswith("exit "):
            assert line, "the program of the test has ended"
        return int(line.removeprefix("exit "))

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def dying(box: UpdatingBox) -> Iterator[Dying]:
    box.set(trial_s=0.001, poll_s=0.001)
    dying = Dying(box)
    yield dying
    dying.end()


def fresh(box: UpdatingBox, version: str) -> None:
    """0.1.0 is in force, ``version`` is installed and requested; no saved state."""
    shutil.rmtree(box.state.parent, ignore_errors=True)
    for one in ("0.1.0", version):
        agent = box.releases / one / "bin/edge-agent"
        agent.parent.mkdir(parents=True, exist_ok=True)
        agent.touch()
        agent.chmod(0o755)
        (box.releases / one / ".complete").touch()
    (box.releases / "current").unlink(missing_ok=True)
    (box.releases / "current").symlink_to("0.1.0")
    box.ask("order-1")


def wanted(box: UpdatingBox) -> bool:
    """Whether edge-agent-update.path starts the service."""
    return box.request.exists() or (box.state.parent / "trial.json").exists()


def killed(box: UpdatingBox, agent: QuickAgent) -> None:
    """Kill only the program; everything else goes on."""


def power_cut(box: UpdatingBox, agent: QuickAgent) -> None:
    """After a power cut /run is empty; the agent starts, and asks again unless it finds an answer."""
    box.request.unlink(missing_ok=True)
    agent.start()
    last = box.reported.get("last") or {}
    if last.get("id") != "order-1":
        box.ask("order-1")


End = Callable[[UpdatingBox, QuickAgent], None]


# Two of the four mixtures: up to the verdict the two releases take the same steps.
@pytest.mark.parametrize(
    ("version", "outcome", "in_force", "ends"),
    [
        ("0.2.0", "in-force", "0.2.0", [killed, power_cut]),
        ("0.3.0", "reverted", "0.1.0", [power_cut, killed]),
    ],
)
def test_whenever_it_ends_there_is_one_verdict(
    box: UpdatingBox, dying: Dying, version: str, outcome: str, in_force: str, ends: Sequence[End]
) -> None:
    box.have(version)
    box.set(settle_s=60 if outcome == "in-force" else 0.005)
    with QuickAgent(box) as agent:
        for step in range(1, 100):
            fresh(box, version)
            agent.start()
            code = dying.run(step)
            if code != -9:
                break
            ends[step % 2](box, agent)
            while wanted(box):
                dying.run()
            agent.obey()
            last = box.reported.get("last") or {}
            found = (last.get("id"), last.get("outcome"), box.in_force, agent.version)
            assert found == ("order-1", outcome, in_force, in_force), f"before step {step}"
        assert step > 15, "it was killed more than a few times"
