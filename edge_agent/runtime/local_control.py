"""Handles the requests on the agent's control socket: reload, relearn, self-test."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from edge_agent.commands.handlers.relearning import Relearning
from edge_agent.commands.handlers.self_test import SelfTests
from edge_agent.config.model.settings import Settings
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.errors import OutboxError
from edge_agent.core.facts import RequestOrigin
from edge_agent.host.local_api.control import (
    ControlReply,
    ControlRequest,
    RelearnRequest,
    ReloadRequest,
    SelfTestRequest,
)
from edge_agent.runtime.reload import ReloadRequests

log = logging.getLogger(__name__)


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
        """``settings`` returns those in force; ``path`` is the file they were read from."""
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
            text = f"this agent runs with {self._path}, not with {path}; nothing was read"
            return ControlReply(EX_FAILED, text)
        return self._reloads.request_and_wait()

    def _self_test(self, test_id: str) -> ControlReply:
        try:
            return ControlReply(EX_OK, "the test runs", self._self_tests.ask(test_id))
        except OutboxError as error:
            return ControlReply(EX_FAILED, f"the test event cannot be stored: {error}")

    def relearn(self, camera_id: str, by: RequestOrigin) -> ControlReply:
        """Start to learn the normal view of a camera again. Any thread."""
        watched = {camera.id: camera.watch_view for camera in self._settings().cameras}
        if not watched.get(camera_id, True):
            return ControlReply(EX_FAILED, f"{camera_id}: watch_view is off, there is nothing to learn")
        if not self._relearning.begin(camera_id, by):
            return ControlReply(EX_FAILED, f"there is no camera {camera_id}; there are: {', '.join(watched)}")
        log.info("%s: its view is learned anew, as somebody asked", camera_id)
        return ControlReply(EX_OK, f"{camera_id}: its view is learned anew from now on")
