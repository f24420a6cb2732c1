"""``edge-agent status``: a running agent answers on a Unix socket, and this prints the answer.

One document a connection, no request: connect, read to the end. See docs/reference/heartbeat.md.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from edge_agent.config import last_good
from edge_agent.config.settings import Settings
from edge_agent.device.local_server import IDLE_S, LocalServer
from edge_agent.device.local_socket import ask, nothing_runs, places_to_ask
from edge_agent.device.status_text import status_text
from edge_agent.languages import Lang
from edge_agent.wire import Heartbeat, Message, ShadowReport

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
    connected: bool = False  # is there a session with a broker
    ward_name: str = ""  # for people; empty: the id is shown
    shadow: ShadowReport | None = None  # figures of the model that is or was tried


def status_document(
    settings: Settings,
    heartbeat: Heartbeat,
    details: Mapping[str, str],
    *,
    connected: bool = False,
    shadow: ShadowReport | None = None,
) -> StatusDocument:
    return StatusDocument(
        gateway=settings.gateway.id,
        ward=settings.gateway.ward,
        name=settings.gateway.name,
        timezone=settings.gateway.timezone.key,
        profile=settings.profile.name,
        pid=os.getpid(),
        details={camera: text for camera, text in details.items() if text},
        heartbeat=heartbeat,
        connected=connected,
        ward_name=settings.gateway.ward_name,
        shadow=shadow,
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking: a document and its bytes, or why there is none."""

    document: StatusDocument | None = None
    answer: bytes = b""
    failure: str | None = None  # an agent runs, but gives no usable answer
    closed: bool = False  # that is because this user may not ask


def ask_status(settings: Settings) -> Asked:
    """The answer of the agent that has this state directory and this gateway's id."""
    asked = Asked()
    for path in places_to_ask(settings.state_dir):
        try:
            answer = ask(path)
            document = msgspec.json.decode(answer, type=StatusDocument)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            continue
        except PermissionError:
            told = f"{path} is not open to this user; use sudo, or join the socket's group"
            asked = Asked(failure=told, closed=True)
        except (OSError, msgspec.DecodeError) as error:
            asked = Asked(failure=f"{path} gives no usable answer: {error or type(error).__name__}")
        else:
            if document.gateway == settings.gateway.id:
                return Asked(document, answer)
    return asked


def run_status(source: Settings | Path, as_json: bool, stdout: TextIO, lang: Lang = "en") -> int:
    """Print what the agent of ``source`` (settings, or a configuration file) says.

    Returns 0; 1 when it runs but gives no usable answer; 3 when no agent runs.
    """
    settings = last_good.read_or_find(source) if isinstance(source, Path) else source
    gateway = settings.gateway.id
    asked = ask_status(settings)
    if asked.document is not None:
        print(_pretty(asked.answer) if as_json else status_text(asked.document, lang), file=stdout)
        return 0
    if asked.failure is not None:
        print(f"{gateway}: {asked.failure}", file=stdout)
        return EXIT_FAILED
    print(nothing_runs(gateway, places_to_ask(settings.state_dir), lang), file=stdout)
    return EXIT_NOT_RUNNING


def _pretty(answer: bytes) -> str:
    return json.dumps(json.loads(answer), indent=2, ensure_ascii=False)
