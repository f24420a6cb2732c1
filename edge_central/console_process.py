"""A process beside the ingest that may die as often as it likes: it is started again, later each time, and
the ingest goes on."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Sequence

from edge_agent.core.clock import Clock, SystemClock

log = logging.getLogger(__name__)

RETRY_S = 1.0
SLOWEST_RETRY_S = 60.0
STABLE_S = 300.0
"""Who lived so long is started again at once."""


TERMINATED = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""What ``stop`` asks for; whoever stops the whole group asks twice, and the second time ends it at once."""


class ConsoleProcess:
    """``command`` as a child of this process, stderr and all; it ends when its standard input does. The main
    thread calls ``check`` about once a second."""

    def __init__(self, name: str, command: Sequence[str], clock: Clock | None = None) -> None:
        self._name = name
        self._command = command
        self._clock = clock or SystemClock()
        self._process: subprocess.Popen[bytes] | None = None
        self._wait_s = RETRY_S
        self._started_mono = self._again_mono = 0.0

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        self._started_mono = self._clock.monotonic()
        try:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
        except OSError as error:
            self._ended(f"cannot be started: {error.strerror}")

    def check(self) -> None:
        """Start it again when it has ended, and its time has come."""
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._close()
                self._ended(f"has ended with code {code}")
        elif self._clock.monotonic() >= self._again_mono:
            self.start()

    def stop(self) -> None:
        """Ask it to end; does not wait."""
        if self._process is not None:
            self._process.terminate()

    def join(self, timeout_s: float) -> None:
        """Wait for its end, and end it where it does not come."""
        if self._process is None:
            return
        try:
            code = self._process.wait(timeout_s)
            if code not in (0, *TERMINATED):
                log.error("%s: has ended with code %d at the stop", self._name, code)
        except subprocess.TimeoutExpired:
            log.warning("%s: it does not end in %g s and is killed", self._name, timeout_s)
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def _ended(self, how: str) -> None:
        now = self._clock.monotonic()
        if now - self._started_mono >= STABLE_S:
            self._wait_s = RETRY_S
        self._again_mono = now + self._wait_s
        log.error(
            "%s: %s; it is started again in %.0f s, nothing else is held up", self._name, how, self._wait_s
        )
        self._wait_s = min(self._wait_s * 2, SLOWEST_RETRY_S)


def own_command() -> list[str]:
    """How this program is started once more."""
    return [sys.executable, "-m", "edge_agent"]
