"""Relearns cameras' views at an operator's request, and reports the start and the end of each."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace

from edge_agent.cameras.running import Cameras
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.facts import OverrideChange, Phase, RequestOrigin


class Relearning:
    """``begin`` on any thread, ``tick`` on the main one. What ``report`` is called with is durable when it
    returns. If the agent ends before the relearning does, the outbox reports the end at the next start."""

    def __init__(self, cameras: Cameras, clock: Clock, report: Callable[[OverrideChange], None]) -> None:
        self._cameras = cameras
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()  # protects the next line, and the order of reports
        self._begun: dict[str, OverrideChange] = {}  # by camera

    @property
    def cameras(self) -> list[str]:
        return sorted(self._begun)

    def begin(self, camera: str, by: RequestOrigin) -> bool:
        """Reported before the camera forgets its view. False: there is no such camera."""
        if self._cameras.find(camera) is None:
            return False
        change = OverrideChange(
            Phase.START,
            f"relearn-{secrets.token_hex(8)}",
            camera,
            rule=None,
            what="relearn",
            for_s=None,
            by=by,
            started_at=rfc3339(self._clock.now()),
        )
        with self._lock:
            if (before := self._begun.pop(camera, None)) is not None:
                self._report(replace(before, phase=Phase.END, end_reason="replaced"))
            self._report(change)
            self._begun[camera] = change
            return self._cameras.relearn(camera)

    def tick(self) -> None:
        """About once a second. Where ``begin`` waits for the disk with the lock, the next time will do."""
        if not self._begun or not self._lock.acquire(blocking=False):
            return
        try:
            for camera, change in list(self._begun.items()):
                if not self._cameras.relearning(camera):
                    self._report(replace(change, phase=Phase.END, end_reason="over"))
                    del self._begun[camera]
        finally:
            self._lock.release()
