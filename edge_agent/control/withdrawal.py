"""Asks whether the centre has withdrawn the site, while the broker refuses the gateway's certificate.

A box that claimed its site and was offline when the claim was withdrawn never gets the command ``unclaim``:
its certificate is revoked before it connects again. The signed answer ``withdrawn`` waits at the broker,
where the certificate of the box's batch may still read it. ``edge-agent commission --withdrawal`` reads it in
a separate process (docs/design/commissioning.md).
"""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.core.clock import Clock

log = logging.getLogger(__name__)

CHECK_EVERY_S = 10.0
"""How often ``tick`` is called."""
FIRST_S, EVERY_S = 600.0, 6 * 3600.0
"""How long the broker must have refused the certificate before the first check, and the time between two
checks. They are long, because all boxes of a batch share one session at the broker."""
LIMIT_S = 180.0
ENROLMENT = Path("etc/edge-agent/enrolment/client.crt")
COMMAND = (sys.executable, "-m", "edge_agent", "commission", "--withdrawal")


class WithdrawalCheck:
    """Starts the checks. The main thread calls ``tick`` every ``CHECK_EVERY_S``. ``refused`` returns whether
    the broker has refused the certificate since the last session."""

    def __init__(
        self,
        refused: Callable[[], bool],
        clock: Clock,
        sysroot: Path,
        command: Sequence[str] = COMMAND,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._refused = refused
        self._clock = clock
        self._enrolment = sysroot / ENROLMENT
        self._command = command
        self._uniform = uniform
        self._due_mono: float | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self._begun_mono = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no check is running now."""
        return self._running is None or self._running.poll() is not None

    def tick(self) -> None:
        now = self._clock.monotonic()
        if self._is_running(now):
            return
        if not self._refused() or not self._enrolment.exists():
            self._due_mono = None
        elif self._due_mono is None:
            self._due_mono = now + self._uniform(0.5, 1.5) * FIRST_S
        elif now >= self._due_mono:
            self._due_mono = now + self._uniform(0.5, 1.5) * EVERY_S
            self._start(now)

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def _start(self, now: float) -> None:
        log.info("the broker refuses this gateway's certificate: asking whether its site was withdrawn")
        try:
            # its output goes to the journal
            self._running = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        except OSError as error:
            log.warning("whether the site was withdrawn is not known: %s; asked again later", error)
        self._begun_mono = now

    def _is_running(self, now: float) -> bool:
        if self._running is not None and self._running.poll() is not None:
            self._running = None
        if self._running is not None and now - self._begun_mono > LIMIT_S:
            self.stop()
        return self._running is not None
