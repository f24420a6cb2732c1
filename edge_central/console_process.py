"""Runs the console as a child process and restarts it after growing delays. The ingest is not affected."""

from __future__ import annotations

import logging
import signal
import subprocess
from collections.abc import Sequence

from edge_agent.core.clock import Clock, SystemClock

log = logging.getLogger(__name__)

RETRY_S = 1.0
MAX_RETRY_S = 60.0
STABLE_S = 300.0  # after so long a run, the delay before the restart is the shortest again


TERMINATED = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit codes after ``stop``. When a whole process group is stopped, the console gets SIGTERM twice, and the
second one ends it at once."""


class ConsoleProcess:
    """Runs ``command`` as a child that shares stderr and ends when its standard input is closed. The main
    thread calls ``check`` about once a second."""

    def __init__(self, name: str, command: Sequence[str], clock: Clock | None = None) -> None:
        self._name = name
        self._command = command
        self._clock = clock or SystemClock()
        self._process: subprocess.Popen[bytes] | None = None
        self._wait_s = RETRY_S
        self._started_mono = self._restart_mono = 0.0

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
        """Restart the process if it has ended and its delay is over."""
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._close()
                self._ended(f"ended with code {code}")
        elif self._clock.monotonic() >= self._restart_mono:
            self.start()

    def stop(self) -> None:
        """Request the stop; does not wait."""
        if self._process is not None:
            self._process.terminate()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the process, and kill it after ``timeout_s``."""
        if self._process is None:
            return
        try:
            code = self._process.wait(timeout_s)
            if code not in (0, *TERMINATED):
                log.error("%s: ended with code %d at the stop", self._name, code)
        except subprocess.TimeoutExpired:
            log.warning("%s: did not end within %g s; killing it", self._name, timeout_s)
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def _ended(self, reason: str) -> None:
        now = self._clock.monotonic()
        if now - self._started_mono >= STABLE_S:
            self._wait_s = RETRY_S
        self._restart_mono = now + self._wait_s
        log.error("%s: %s; restart in %.0f s, the ingest is not affected", self._name, reason, self._wait_s)
        self._wait_s = min(self._wait_s * 2, MAX_RETRY_S)
