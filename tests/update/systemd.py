"""A fake systemd for root's program: a unit that is restarted, its number of restarts, and the check unit."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Self
from uuid import uuid4

TICK_S = 0.02


class Systemd:
    """Runs ``releases/current`` again and again. ``folder/bin/systemctl`` is the command for it."""

    def __init__(self, folder: Path, releases: Path, status_socket: Path, answer: Path) -> None:
        """``answer``: the file that the check unit writes. The configuration lies beside the socket."""
        self._folder, self._releases, self._socket = folder, releases, status_socket
        self._wish, self._shown = folder / "restart", folder / "show"
        self._stop = threading.Event()
        self._loop = threading.Thread(target=self._run, name="systemd", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._invocation, self._restarts = "", 0
        systemctl = folder / "bin/systemctl"
        systemctl.parent.mkdir(parents=True)
        configuration = status_socket.with_name("edge-agent.yaml")
        candidate = releases / "candidate/bin/edge-agent"
        systemctl.write_text(
            f'#!/bin/sh\necho "$*" >> {folder}/log\ncase $1 in\nrestart) : > {self._wish} ;;\n'
            f"show) cat {self._shown} ;;\n"
            f"start) exec >> {answer} 2>&1\n{candidate} --version && {candidate} check {configuration} ;;\n"
            "esac\n"
        )
        systemctl.chmod(0o755)
        self._show()

    def __enter__(self) -> Self:
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._loop.join(10)
        self._end()

    @property
    def restarts(self) -> int:
        """The requested restarts."""
        log = self._folder / "log"
        return log.read_text().count("restart --no-block edge-agent.service") if log.exists() else 0

    def start(self) -> None:
        self._wish.touch()

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            if self._wish.exists():
                self._wish.unlink()
                self._end()
                self._restarts = 0
                self._begin()
            elif self._process is not None and self._process.poll() is not None:
                self._restarts += 1
                self._begin()

    def _begin(self) -> None:
        agent = self._releases / "current/bin/edge-agent"
        self._invocation = uuid4().hex
        self._process = subprocess.Popen(
            [agent, "run", self._socket], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._show()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def _show(self) -> None:
        state = "active" if self._process else "inactive"
        new = self._shown.with_suffix(".new")
        new.write_text(f"ActiveState={state}\nInvocationID={self._invocation}\nNRestarts={self._restarts}\n")
        new.replace(self._shown)
