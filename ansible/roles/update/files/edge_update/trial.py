"""Judges a release that was put in force: is it as good as the one before was?

Well is: the same process, connected to the broker, and a picture from every camera that gave some before.
It stays when it was well for ``trial_s`` without a break. It goes back when it was unwell for ``settle_s`` on
end, when its process ended too often, or when it still is on trial after ``longest_s``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edge_update.memory import Trial
from edge_update.running import Process, Status
from edge_update.settings import Settings

SILENT = "it does not answer"
CRASHES = 3
"""One may be the box's fault; systemd takes about 12 s for three of a release that dies at import."""


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
        """Why it has to go back; empty: it stays. Blocks for ``longest_s`` at most."""
        begun = unwell_since = self.monotonic()
        well_since: float | None = None
        ends, seen = _Ends(), set[str]()
        while True:
            process, now = self.process(), self.monotonic()
            again = ends.count(process)
            if again:
                seen.clear()
            if process.failed:
                return "crashing: systemd has given it up"
            crashing = f"crashing: it ended {ends.count_of} times in {now - begun:.0f} s"
            if ends.count_of >= CRASHES:
                return crashing
            missing = list(self._missing(process, seen))
            if missing or again:
                unwell_since = unwell_since if well_since is None else now
                well_since = None
            elif well_since is None:
                well_since = now
            if well_since is not None and now - well_since >= self.settings.trial_s:
                return ""
            if missing and now - unwell_since >= self.settings.settle_s:
                if ends.count_of and missing[0] == SILENT:
                    return crashing
                return f"deaf: {missing[0]} for {now - unwell_since:.0f} s"
            if now - begun >= longest_s(self.settings):
                return f"it was never well for {self.settings.trial_s:.0f} s without a break"
            self.pause(self.settings.poll_s)

    def _missing(self, process: Process, seen: set[str]) -> Iterator[str]:
        """``seen``: cameras that this process has had a picture from; one is enough."""
        status = self.status() if process.invocation else None
        if status is None:
            yield SILENT
        elif status.version != self.trial.version:
            yield f"{status.version} answers"
        else:
            if not status.connected:
                yield "no broker"
            seen |= status.cameras
            for camera in sorted(set(self.trial.cameras) - seen):
                yield f"no picture from {camera}"


class _Ends:
    """How often the process has ended on its own since the trial began."""

    def __init__(self) -> None:
        self.count_of = 0
        self._seen: Process | None = None

    def count(self, process: Process) -> bool:
        """Whether it is another process than at the last look. While none runs, or systemd does not say,
        there is nothing to compare."""
        if not process.invocation:
            return False
        before, self._seen = self._seen, process
        if before is None:
            return False
        if process.restarts > before.restarts:
            self.count_of += process.restarts - before.restarts
        return process.invocation != before.invocation
