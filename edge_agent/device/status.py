"""``edge-agent status``: a running agent answers on a Unix socket, and this prints the answer.

One document a connection, no request: connect, read to the end. See docs/reference/heartbeat.md.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from edge_agent.config import last_good
from edge_agent.config.settings import Settings
from edge_agent.device.local_server import IDLE_S, LocalServer
from edge_agent.device.local_socket import ask, places_to_ask
from edge_agent.device.status_text import status_text
from edge_agent.wire import Heartbeat, Message

EXIT_FAILED = 1
EXIT_NOT_RUNNING = 3  # the word of the LSB for `status`: the program is not running


class StatusDocument(Message, frozen=True, kw_only=True):
    """What the socket answers: the heartbeat, and whose it is."""

    schema: Literal["status/1"] = "status/1"
    gateway: str
    ward: str
    name: str
    timezone: str
    profile: str
    pid: int
    details: dict[str, str]  # camera id -> one human line, without secrets
    heartbeat: Heartbeat


def status_document(settings: Settings, heartbeat: Heartbeat, details: Mapping[str, str]) -> StatusDocument:
    return StatusDocument(
        gateway=settings.gateway.id,
        ward=settings.gateway.ward,
        name=settings.gateway.name,
        timezone=settings.gateway.timezone.key,
        profile=settings.profile.name,
        pid=os.getpid(),
        details={camera: text for camera, text in details.items() if text},
        heartbeat=heartbeat,
    )


class StatusServer(LocalServer):
    """Serves the document to the agent's user and group."""

    def __init__(
        self, places: Sequence[Path], document: Callable[[], StatusDocument], idle_s: float = IDLE_S
    ) -> None:
        super().__init__("status", places, self._tell, mode=0o660, idle_s=idle_s)
        self._document = document

    def _tell(self, asker: socket.socket) -> None:
        asker.sendall(msgspec.json.encode(self._document()))


def run_status(source: Settings | Path, as_json: bool, stdout: TextIO) -> int:
    """Print what the agent of ``source`` (settings, or a configuration file) says.

    Returns 0; 1 when it runs but gives no usable answer; 3 when no agent runs.
    """
    settings = last_good.read_or_find(source) if isinstance(source, Path) else source
    gateway = settings.gateway.id
    failure: str | None = None
    places = places_to_ask(settings.state_dir)
    for path in places:
        try:
            answer = ask(path)
            document = msgspec.json.decode(answer, type=StatusDocument)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            continue
        except PermissionError:
            failure = f"{path} is not open to this user; use sudo, or join the socket's group"
        except (OSError, msgspec.DecodeError) as error:
            failure = f"{path} gives no usable answer: {error or type(error).__name__}"
        else:
            if document.gateway == gateway:
                print(_pretty(answer) if as_json else status_text(document), file=stdout)
                return 0
    if failure is not None:
        print(f"{gateway}: {failure}", file=stdout)
        return EXIT_FAILED
    looked = " and ".join(str(path) for path in places)
    print(f"{gateway}: no agent runs here (nobody answers at {looked})", file=stdout)
    return EXIT_NOT_RUNNING


def _pretty(answer: bytes) -> str:
    return json.dumps(json.loads(answer), indent=2, ensure_ascii=False)
