"""Asks a camera for its identity, or to reboot, in a process of its own.

So the libraries of this folder do not stay in the agent's memory. That process reads the password from its
standard input. As everywhere, at most two refused logins are attempted.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.config.model.addresses import host_of
from edge_agent.config.model.settings import Camera
from edge_agent.core.camera_logins import LoginJournal
from edge_agent.core.clock import SystemClock, read_boot_id
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.onvif import require_libraries
from edge_agent.wire import CameraIdentity

CameraAction = Literal["identity", "reboot"]


class CameraProcessInput(msgspec.Struct, frozen=True):
    """The input of the process. ``host`` as in a URL, without a port."""

    action: CameraAction
    host: str
    port: int
    username: str
    password: str
    state_dir: str


class CameraProcessOutput(msgspec.Struct, frozen=True):
    """The output of the process. ``failure`` says why the action failed; it is empty after a success."""

    identity: CameraIdentity | None = None
    failure: str = ""


def ask_in_process(
    action: CameraAction, camera: Camera, login: Credentials, port: int, state_dir: Path, within_s: float
) -> CameraProcessOutput:
    """Perform the action in a new process and return its output. Blocks for at most ``within_s``. Raises
    OSError, subprocess.TimeoutExpired, msgspec.DecodeError."""
    host = host_of(camera.url).strip("[]").lower()
    request = CameraProcessInput(action, host, port, login.username, login.password.reveal(), str(state_dir))
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.onvif.camera_process"],
        input=msgspec.json.encode(request),
        capture_output=True,
        timeout=within_s,
        check=False,
    )
    return msgspec.json.decode(done.stdout, type=CameraProcessOutput)


def respond(request: CameraProcessInput) -> CameraProcessOutput:
    try:
        return CameraProcessOutput(_act(request))
    except CameraSetupError as error:
        return CameraProcessOutput(failure=str(error))


def _act(request: CameraProcessInput) -> CameraIdentity | None:
    """Perform the action; return the identity, or None after a reboot. Raises CameraSetupError."""
    require_libraries()
    from edge_agent.onvif.identity import read_identity
    from edge_agent.onvif.soap import DEVICE_PATH, Onvif
    from edge_agent.onvif.web import CameraHttpClient

    clock = SystemClock()
    journal = LoginJournal(Path(request.state_dir), clock, read_boot_id())
    host = f"[{request.host}]" if ":" in request.host else request.host
    base = f"http://{host}:{request.port}"
    login = Credentials(request.username, Secret(request.password))
    with CameraHttpClient(request.host, journal) as web:
        if request.action == "identity":
            return read_identity(web, base, base + DEVICE_PATH, clock, login)
        Onvif(web, base + DEVICE_PATH, clock, login).reboot()
    return None


if __name__ == "__main__":
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=CameraProcessInput)
    sys.stdout.buffer.write(msgspec.json.encode(respond(request)))
