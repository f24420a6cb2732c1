"""The aiming page within the commissioning page: one camera at a time, because a board has one detector."""

from __future__ import annotations

import threading
from http import HTTPStatus
from pathlib import Path

from edge_agent.config.pushed import effective
from edge_agent.core.clock import Clock
from edge_agent.core.errors import EdgeAgentError
from edge_agent.tools.doctor.aim.analysis import AimAnalysis
from edge_agent.tools.doctor.aim.pages import AimPages
from edge_agent.tools.local_page.access import Gate
from edge_agent.tools.local_page.server import PageAnswer, refusal

IDLE_S = 30.0


class AimingRun:
    """Runs the analysis for the aiming page. ``get`` starts it for a camera; ``tick`` ends it when no phone
    has asked for the picture for some time."""

    def __init__(self, config: Path, clock: Clock, gate: Gate) -> None:
        self._config, self._clock, self._gate = config, clock, gate
        self._lock = threading.Lock()  # protects the fields below
        self._camera = ""
        self._watch: AimAnalysis | None = None
        self._pages: AimPages | None = None
        self._asked_mono = 0.0

    def get(self, path: str, query: str) -> PageAnswer:
        """Answer a request. ``path``: ``/aim/<camera>/`` or a path below it."""
        camera, _, rest = path.removeprefix("/aim/").partition("/")
        with self._lock:
            self._asked_mono = self._clock.monotonic()
            if camera != self._camera or self._pages is None:
                self._stop()
                try:
                    self._start(camera)
                except EdgeAgentError as error:
                    return refusal(HTTPStatus.CONFLICT, str(error))
            pages = self._pages
        if pages is None:
            return refusal(HTTPStatus.NOT_FOUND, "not-found")
        return pages.public(f"/{rest}") or pages.get(f"/{rest}", query)

    def tick(self) -> None:
        with self._lock:
            if self._watch is not None and self._clock.monotonic() - self._asked_mono > IDLE_S:
                self._stop()

    def stop(self) -> None:
        with self._lock:
            self._stop()

    def _start(self, camera: str) -> None:
        settings = effective(self._config)
        found = next((each for each in settings.cameras if each.id == camera), None)
        if found is None:
            return
        self._watch = AimAnalysis(settings, found, self._clock)
        self._watch.start()
        self._pages, self._camera = AimPages(found, self._watch, self._gate), camera

    def _stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        self._watch, self._pages, self._camera = None, None, ""
