"""Judges a release that was put in force: is it as good as the one before?

Healthy means: the same process, connected to the broker, with a picture from every camera that sent some
before, and with a detector that works if it did before. The release is kept when it was healthy for
``trial_s`` without interruption. It is rolled back when it was unhealthy for ``settle_s`` without
interruption, when its process ended too often, or when there is no verdict after ``longest_s``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edge_update.memory import Trial
from edge_update.running import Process, Status
from edge_update.sentences import sentence
from edge_update.settings import Settings

SILENT = sentence("release-silent")
NO_BROKER = "release-no-broker"
CRASHES = 3
"""One may be a fault of the gateway. For a release that dies at import, three take systemd about 12 s."""


def longest_s(settings: Settings) -> float:
    return settings.settle_s + 3 * settings.trial_s


@dataclass
class Judge:
    trial: Trial
    settings: Settings
    process: Callable[[], Process]
    status: Callable[[], Status | None]
    monotonic: Callable[[], float] = time.monotonic
    pause: Callable[[float], object] = field(default_factory=lambda: threading.Event().wait)

    def verdict(self) -> str:
        """Return why the release must be rolled back; empty: it is kept. Blocks for ``longest_s`` at most."""
        begun = unhealthy_since = self.monotonic()
        healthy_since: float | None = None
        ends, seen = _ProcessEnds(), set[str]()
        while True:
            process, now = self.process(), self.monotonic()
            again = ends.count(process)
            if again:
                seen.clear()
            if process.failed:
                return sentence("release-given-up")
            crashing = sentence("release-crashing", times=ends.count_of, seconds=round(now - begun))
            if ends.count_of >= CRASHES:
                return crashing
            missing = list(self._missing(process, seen))
            if missing or again:
                unhealthy_since = unhealthy_since if healthy_since is None else now
                healthy_since = None
            elif healthy_since is None:
                healthy_since = now
            if healthy_since is not None and now - healthy_since >= self.settings.trial_s:
                return ""
            if missing and now - unhealthy_since >= self.settings.settle_s:
                if ends.count_of and missing[0] == SILENT:
                    return crashing
                return sentence("release-unhealthy", why=missing[0], seconds=round(now - unhealthy_since))
            if now - begun >= longest_s(self.settings):
                return sentence("release-never-healthy", seconds=round(self.settings.trial_s))
            self.pause(self.settings.poll_s)

    def _missing(self, process: Process, seen: set[str]) -> Iterator[str]:
        """Yield what is missing. ``seen``: cameras from which this process had a picture; one is enough."""
        status = self.status() if process.invocation else None
        if status is None:
            yield SILENT
        elif status.version != self.trial.version:
            yield sentence("release-other-answers", version=status.version)
        else:
            if not status.connected:
                yield sentence(NO_BROKER)
            seen |= status.cameras
            for camera in sorted(set(self.trial.cameras) - seen):
                yield sentence("release-no-picture", camera=camera)
            if self.trial.detects and status.detector:
                yield sentence("release-no-detector", why=status.detector)


class _ProcessEnds:
    """Counts how often the process has ended without a request since the trial began."""

    def __init__(self) -> None:
        self.count_of = 0
        self._seen: Process | None = None

    def count(self, process: Process) -> bool:
        """Return whether the process is another one than at the last call; False while none is known."""
        if not process.invocation:
            return False
        before, self._seen = self._seen, process
        if before is None:
            return False
        if process.restarts > before.restarts:
            self.count_of += process.restarts - before.restarts
        return process.invocation != before.invocation
