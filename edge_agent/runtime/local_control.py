"""Requests of an operator or a local program: reload, relearn a camera's view, self-test.

``LocalControl`` handles those of the control socket; the command ``relearn`` uses ``Relearning`` as well.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge_agent.cameras.running import Cameras
from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.delivery import EventAppender, SelfTestReport, Stamp
from edge_agent.core.errors import OutboxError
from edge_agent.core.facts import OverrideChange, Phase, RequestOrigin
from edge_agent.core.problems import error_text, problem_text
from edge_agent.events import EventFactory
from edge_agent.host.local_api.control import (
    ControlReply,
    ControlRequest,
    RelearnRequest,
    ReloadRequest,
    SelfTestRequest,
)
from edge_agent.mqtt.publisher.self_test import SelfTest
from edge_agent.runtime.reload import ReloadRequests

log = logging.getLogger(__name__)


REMEMBERED = 16  # ids of self-tests that are kept, so that a repeated request starts no second test


class Relearning:
    """Makes cameras learn their view again, and reports the start and the end of that.

    Any thread calls ``begin``, the main thread ``tick``. ``report`` stores an event durably. If the agent
    ends first, the outbox reports the end of the relearning at the next start."""

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
        """Report the start, then make the camera forget its view. False: there is no such camera."""
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
        """Report the end of relearnings that are complete. Call about once a second."""
        if not self._begun or not self._lock.acquire(blocking=False):
            return  # ``begin`` holds the lock while it writes: try again next time
        try:
            for camera, change in list(self._begun.items()):
                if not self._cameras.relearning(camera):
                    self._report(replace(change, phase=Phase.END, end_reason="over"))
                    del self._begun[camera]
        finally:
            self._lock.release()


class SelfTests:
    """Starts self-tests on the thread of the control socket. ``ask`` does not wait: callers call it again.

    Of two tests at a time the newer one counts, and both callers get its result.
    """

    def __init__(self, test: Callable[[], SelfTest], events: EventFactory, outbox: EventAppender) -> None:
        self._test = test
        self._events = events
        self._outbox = outbox
        self._begun: deque[str] = deque(maxlen=REMEMBERED)

    def ask(self, test_id: str) -> SelfTestReport:
        """Return what the newest test has found so far. A new id starts a test. Raises OutboxError."""
        test = self._test()
        if test_id not in self._begun:
            self._begun.append(test_id)
            test.begin()
            self._store_event(test)
        return test.report()

    def _store_event(self, test: SelfTest) -> None:
        draft = self._events.self_test("doctor")

        def encode(stamp: Stamp) -> bytes:
            test.follow(stamp.sequence, stamp.epoch)
            return draft.encode(stamp)

        self._outbox.append(replace(draft, encode=encode))


class LocalControl:
    """Handles control requests. ``handle`` runs on the socket's thread; the main thread does a reload."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        relearning: Relearning,
        reloads: ReloadRequests,
        path: Path | None,
        self_tests: SelfTests,
    ) -> None:
        """``settings`` returns the settings in force; ``path`` is the file from which they were read."""
        self._settings = settings
        self._relearning = relearning
        self._reloads = reloads
        self._self_tests = self_tests
        self._path = None if path is None else str(path.resolve())

    def handle(self, request: ControlRequest) -> ControlReply:
        match request:
            case ReloadRequest(_, path):
                return self._reload(path)
            case RelearnRequest(_, camera_id):
                return self.relearn(camera_id, RequestOrigin())
            case SelfTestRequest(_, test_id):
                return self._self_test(test_id)

    def _reload(self, path: str | None) -> ControlReply:
        if None not in (path, self._path) and path != self._path:
            text = problem_text("reload-other-file", own=str(self._path), asked=str(path))
            return ControlReply(EX_FAILED, text)
        return self._reloads.request_and_wait()

    def _self_test(self, test_id: str) -> ControlReply:
        try:
            return ControlReply(EX_OK, "the test runs", self._self_tests.ask(test_id))
        except OutboxError as error:
            unstored = problem_text("self-test-not-stored", error=error_text(error))
            return ControlReply(EX_FAILED, unstored)

    def relearn(self, camera_id: str, by: RequestOrigin) -> ControlReply:
        """Start to learn the normal view of a camera again. Any thread."""
        watched = {camera.id: camera.watch_view for camera in self._settings().cameras}
        if not watched.get(camera_id, True):
            return ControlReply(EX_FAILED, problem_text("relearn-off", camera=camera_id))
        if not self._relearning.begin(camera_id, by):
            unknown = problem_text("no-such-camera", camera=camera_id, known=list(watched))
            return ControlReply(EX_FAILED, unknown)
        log.info("%s: its view is learned again, as requested", camera_id)
        return ControlReply(EX_OK, problem_text("relearn-began", camera=camera_id))
