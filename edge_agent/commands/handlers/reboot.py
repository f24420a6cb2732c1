"""Reboots the gateway (``reboot``) or a camera that hangs (``camera-reboot``). See docs/design/commands.md.

Root's program reboots the gateway, and the agent replies at its next start. A camera reboots over ONVIF, with
the login of its streams.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
    always,
    select_cameras,
)
from edge_agent.config.model.settings import Camera, Settings
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import read_record, write_record
from edge_agent.host.system.root_requests import RequestNotRead, RootRequest
from edge_agent.onvif.camera_process import ask_in_process
from edge_agent.wire import CameraRebootArguments, NoArguments

MIN_UPTIME_S = 600.0
"""Time since the boot below which no reboot is accepted, so that repeated commands cannot keep a gateway
rebooting. Root's program has the same limit (edge-agent-reboot.service)."""
WITHIN_S = 180.0


class _PendingReboot(Struct, frozen=True):
    """The content of the state file: the command, and the boot in which it arrived."""

    id: str
    boot_id: str


class RebootCommand:
    """The command ``reboot``. ``path``: the state file. ``up_s`` returns the seconds since the boot."""

    def __init__(self, request: RootRequest, path: Path, boot_id: str, up_s: Callable[[], float]) -> None:
        self._request = request
        self._path = path
        self._boot_id = boot_id
        self._up_s = up_s

    def action(self) -> Action:
        return Action(
            "reboot", self.run, self.resume, always, slow=True, within_s=WITHIN_S, may_be_unwritten=True
        )

    def run(self, context: CommandContext[NoArguments]) -> InProgress:
        up_s = self._up_s()
        if up_s < MIN_UPTIME_S:
            times = {"up_s": round(up_s), "seconds": round(MIN_UPTIME_S)}
            raise CommandRefused(problem_text("reboot-too-early", **times))
        write_record(self._path, _PendingReboot(context.id, self._boot_id))
        try:
            refused = self._request.ask_and_wait(b"", context.stopping)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandRefused(problem_text("root-not-asked", error=reason)) from error
        except RequestNotRead:
            raise CommandRefused(problem_text("reboot-not-handled")) from None
        if refused is not None:
            raise CommandRefused(problem_text("reboot-refused", why=refused))
        return InProgress(problem_text("reboot-begins"))

    def resume(self, context: CommandContext[NoArguments]) -> CommandSucceeded | CommandFailed:
        pending = read_record(self._path, _PendingReboot)
        if pending is not None and pending.id == context.id and pending.boot_id != self._boot_id:
            return CommandSucceeded(problem_text("reboot-done"))
        return CommandFailed(problem_text("reboot-not-done"), "interrupted")


CAMERA_WITHIN_S = 75.0
NETWORKED = ("rtsp", "rtsps", "http", "https")


def camera_reboot_action(settings: Callable[[], Settings]) -> Action:
    """Make the command ``camera-reboot``. ``settings`` returns the settings in force."""

    def run(context: CommandContext[CameraRebootArguments]) -> CommandSucceeded:
        now = settings()
        cameras = {camera.id: camera for camera in now.cameras}
        (camera_id,) = select_cameras([context.args.camera], list(cameras))
        return _reboot_in_process(cameras[camera_id], context.args.port, now.state_dir)

    return Action("camera-reboot", run, slow=True, within_s=CAMERA_WITHIN_S + 15)


def _reboot_in_process(camera: Camera, port: int, state_dir: Path) -> CommandSucceeded:
    parts = urlsplit(camera.url)
    if parts.scheme not in NETWORKED or not parts.hostname:
        raise CommandRefused(problem_text("camera-not-networked", camera=camera.id))
    if camera.credentials is None:
        raise CommandRefused(problem_text("camera-no-login", camera=camera.id))
    try:
        response = ask_in_process(
            "reboot", camera, camera.credentials, port, state_dir, within_s=CAMERA_WITHIN_S
        )
    except subprocess.TimeoutExpired:
        seconds = round(CAMERA_WITHIN_S)
        raise CommandFailed(problem_text("camera-reboot-silent", camera=camera.id, seconds=seconds)) from None
    except (OSError, msgspec.DecodeError) as error:
        failed = {"camera": camera.id, "error": type(error).__name__}
        raise CommandFailed(problem_text("camera-reboot-failed", **failed)) from error
    if response.failure:
        raise CommandRefused(problem_text("camera-reboot-refused", camera=camera.id, error=response.failure))
    return CommandSucceeded(problem_text("camera-reboots", camera=camera.id))
