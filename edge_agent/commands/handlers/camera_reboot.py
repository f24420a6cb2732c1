"""``camera-reboot``: a camera that hangs boots again, by ONVIF, with the login that its streams have.

In a process of its own, because the libraries of ``onvif/`` are not for a program that runs all day. The
password goes over its standard input. Logins are counted as everywhere: two at most that a camera refuses.
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
    """What the process is asked; ``host`` as in a URL, without a port."""

    host: str
    port: int
    username: str
    password: str
    state_dir: str


class _Response(Struct, frozen=True):
    done: bool
    text: str


def camera_reboot_action(settings: Callable[[], Settings]) -> FunctionAction:
    """``settings`` are those in force."""

    def run(order: CommandContext[CameraRebootArguments]) -> CommandSucceeded:
        args, now = order.args, settings()
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
    asked = _Request(parts.hostname, port, login.username, login.password.reveal(), str(state_dir))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "edge_agent.commands.handlers.camera_reboot"],
            input=msgspec.json.encode(asked),
            capture_output=True,
            timeout=WITHIN_S,
            check=False,
        )
        told = msgspec.json.decode(done.stdout, type=_Response)
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{camera.id} was asked, and has not answered within {WITHIN_S:.0f} s") from None
    except (OSError, msgspec.DecodeError) as error:
        raise CommandFailed(f"{camera.id} could not be asked: {type(error).__name__}") from error
    if not told.done:
        raise CommandRefused(f"{camera.id} does not reboot: {told.text}")
    return CommandSucceeded(f"{camera.id} boots again; its pictures come back in a minute or two")


def _reboot(asked: _Request) -> _Response:
    try:
        from edge_agent.onvif.logins import FILE, LoginLedger
        from edge_agent.onvif.soap import DEVICE_PATH, Onvif
        from edge_agent.onvif.web import CameraHttpClient
    except ImportError:
        return _Response(
            False, "what speaks ONVIF is not installed on this box (pip install edge-agent[cameras])"
        )
    clock = SystemClock()
    ledger = LoginLedger(Path(asked.state_dir) / FILE, clock, read_boot_id())
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    login = Credentials(asked.username, Secret(asked.password))
    try:
        with CameraHttpClient(asked.host, ledger) as web:
            Onvif(web, f"http://{host}:{asked.port}{DEVICE_PATH}", clock, login).reboot()
    except CameraSetupError as error:
        return _Response(False, str(error))
    return _Response(True, "")


if __name__ == "__main__":
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=_Request)
    sys.stdout.buffer.write(msgspec.json.encode(_reboot(request)))
