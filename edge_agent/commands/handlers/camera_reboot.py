"""``camera-reboot``: reboots a camera that hangs, over ONVIF, with the login of its streams.

It runs in a process of its own, so that the libraries of ``onvif/`` do not stay in the agent's memory. The
process reads the password from its standard input. As everywhere, at most two refused logins are attempted.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    FunctionAction,
)
from edge_agent.config.model.settings import Camera, Settings
from edge_agent.core.clock import SystemClock, read_boot_id
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.wire import ARGUMENTS, CameraRebootArguments

NAME = "camera-reboot"
WITHIN_S = 75.0
NETWORKED = ("rtsp", "rtsps", "http", "https")


class _Request(Struct, frozen=True):
    """The input of the process. ``host`` as in a URL, without a port."""

    host: str
    port: int
    username: str
    password: str
    state_dir: str


class _Response(Struct, frozen=True):
    done: bool
    text: str


def camera_reboot_action(settings: Callable[[], Settings]) -> FunctionAction:
    """Make the action. ``settings`` returns those in force."""

    def run(context: CommandContext[CameraRebootArguments]) -> CommandSucceeded:
        args, now = context.args, settings()
        camera = next((each for each in now.cameras if each.id == args.camera), None)
        if camera is None:
            known = ", ".join(each.id for each in now.cameras)
            raise CommandRefused(f"there is no camera {args.camera}; there are: {known}")
        return _in_process(camera, args.port, now.state_dir)

    return FunctionAction(NAME, ARGUMENTS[NAME], run, slow=True, within_s=WITHIN_S + 15)


def _in_process(camera: Camera, port: int, state_dir: Path) -> CommandSucceeded:
    parts = urlsplit(camera.url)
    if parts.scheme not in NETWORKED or not parts.hostname:
        raise CommandRefused(f"{camera.id} is no camera on the network; nothing was asked of it")
    if camera.credentials is None:
        raise CommandRefused(
            f"{camera.id} has no login in the configuration, and none reboots without; nothing was sent"
        )
    login = camera.credentials
    request = _Request(parts.hostname, port, login.username, login.password.reveal(), str(state_dir))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "edge_agent.commands.handlers.camera_reboot"],
            input=msgspec.json.encode(request),
            capture_output=True,
            timeout=WITHIN_S,
            check=False,
        )
        response = msgspec.json.decode(done.stdout, type=_Response)
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{camera.id} was asked, and has not answered within {WITHIN_S:.0f} s") from None
    except (OSError, msgspec.DecodeError) as error:
        raise CommandFailed(f"{camera.id} could not be asked: {type(error).__name__}") from error
    if not response.done:
        raise CommandRefused(f"{camera.id} does not reboot: {response.text}")
    return CommandSucceeded(f"{camera.id} boots again; its pictures come back in a minute or two")


def _reboot(request: _Request) -> _Response:
    try:
        from edge_agent.onvif.logins import FILE, LoginLedger
        from edge_agent.onvif.soap import DEVICE_PATH, Onvif
        from edge_agent.onvif.web import CameraHttpClient
    except ImportError:
        return _Response(
            False, "what speaks ONVIF is not installed on this box (pip install edge-agent[cameras])"
        )
    clock = SystemClock()
    ledger = LoginLedger(Path(request.state_dir) / FILE, clock, read_boot_id())
    host = f"[{request.host}]" if ":" in request.host else request.host
    login = Credentials(request.username, Secret(request.password))
    try:
        with CameraHttpClient(request.host, ledger) as web:
            Onvif(web, f"http://{host}:{request.port}{DEVICE_PATH}", clock, login).reboot()
    except CameraSetupError as error:
        return _Response(False, str(error))
    return _Response(True, "")


if __name__ == "__main__":
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=_Request)
    sys.stdout.buffer.write(msgspec.json.encode(_reboot(request)))
