"""Opens cameras with a limit on failed logins, which all programs share (``core/camera_logins.py``)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta, tzinfo
from pathlib import Path

from edge_agent.capture.failures import Fault
from edge_agent.capture.source import FrameSource, StreamTimeouts, endpoint_of, open_source
from edge_agent.config.model.settings import Camera
from edge_agent.core.camera_logins import CameraLogin, LoginJournal, LoginsUsedUp
from edge_agent.core.clock import Clock, read_boot_id
from edge_agent.core.errors import CaptureError, SourceRejected
from edge_agent.core.model import Cause
from edge_agent.core.problems import problem_text


class LimitedLogins:
    """``open`` is ``source.open_source`` with a limit on failed logins. Safe for threads and processes."""

    def __init__(self, state_dir: Path, clock: Clock, zone: tzinfo = UTC) -> None:
        """``zone``: time zone of the times in messages."""
        self._journal = LoginJournal(state_dir, clock, read_boot_id())
        self._clock = clock
        self._zone = zone

    def open(
        self,
        camera: Camera,
        clock: Clock,
        wait: Callable[[float], bool],
        limits: StreamTimeouts,
        *,
        repeat: bool = False,
    ) -> FrameSource:
        """Open the camera as ``source.open_source`` does. Raises ``CaptureError``: if the limit is reached,
        ``SourceRejected``, and no password is sent."""
        if camera.credentials is None:
            return open_source(camera, clock, wait, limits, repeat=repeat)
        endpoint = endpoint_of(camera)
        if endpoint is None:
            return open_source(camera, clock, wait, limits, repeat=repeat)
        # The port tells a router's forwarded cameras at one address apart; their failures count together.
        login = self._journal.login(endpoint.host, camera.credentials, f"stream {endpoint.port}")
        try:
            source = open_source(
                camera, clock, wait, limits, repeat=repeat, before_login=lambda: self._begin(camera.id, login)
            )
        except CaptureError as error:
            if error.detail == Fault.WRONG_LOGIN.detail:
                login.refused()
            else:
                login.cancel()
            raise
        login.accepted()
        return source

    def _begin(self, camera_id: str, login: CameraLogin) -> None:
        try:
            login.begin()
        except LoginsUsedUp as error:
            # A time of day, because a text that changes every minute would be reported every minute.
            next_ = self._clock.now() + timedelta(seconds=error.next_s + 59)
            code = "login-waits" if error.code == "logins-failed" else "login-of-user-waits"
            detail = problem_text(code, at=f"{next_.astimezone(self._zone):%H:%M}")
            raise SourceRejected(camera_id, Cause.UNAUTHORIZED, detail) from error
