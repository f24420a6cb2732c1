"""``edge-agent status``: reads the status document of a running agent from a Unix socket, and prints it.

One document per connection, without a request: connect, read to the end. See docs/reference/heartbeat.md.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import msgspec

from edge_agent.config import last_good
from edge_agent.config.model.settings import Settings
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_NOT_RUNNING, EX_OK
from edge_agent.core.languages import Lang
from edge_agent.core.problems.problem import encode_text
from edge_agent.host.local_api.local_socket import IDLE_S, LocalServer, ask, nothing_runs, places_to_ask
from edge_agent.host.local_api.status_document import StatusDocument
from edge_agent.host.local_api.status_text import status_text


class StatusServer(LocalServer):
    """Serves the document to the agent's user and group."""

    def __init__(
        self, places: Sequence[Path], document: Callable[[], StatusDocument], idle_s: float = IDLE_S
    ) -> None:
        super().__init__("status", places, self._send_document, mode=0o660, idle_s=idle_s)
        self._document = document

    def _send_document(self, client: socket.socket) -> None:
        client.sendall(msgspec.json.encode(self._document(), enc_hook=encode_text))


@dataclass(frozen=True, slots=True)
class StatusResult:
    """The result of a query: a document and its bytes, or why there is none."""

    document: StatusDocument | None = None
    answer: bytes = b""
    failure: str | None = None  # an agent runs, but gives no usable answer
    closed: bool = False  # the failure is that this user may not connect


def ask_status(settings: Settings) -> StatusResult:
    """Query the agent of this state directory and this gateway id."""
    result = StatusResult()
    for path in places_to_ask(settings.state_dir):
        try:
            answer = ask(path)
            document = msgspec.json.decode(answer, type=StatusDocument)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            continue
        except PermissionError:
            failure = f"{path} is not open to this user; use sudo, or join the socket's group"
            result = StatusResult(failure=failure, closed=True)
        except (OSError, msgspec.DecodeError) as error:
            result = StatusResult(failure=f"{path} gives no usable answer: {error or type(error).__name__}")
        else:
            if document.gateway == settings.gateway.id:
                return StatusResult(document, answer)
    return result


def run_status(source: Settings | Path, as_json: bool, stdout: TextIO, lang: Lang = "en") -> int:
    """Print the status of the agent of ``source`` (settings, or a configuration file).

    Returns 0; 1 when it runs but gives no usable answer; 3 when no agent runs.
    """
    settings = last_good.read_or_find(source) if isinstance(source, Path) else source
    gateway = settings.gateway.id
    result = ask_status(settings)
    if result.document is not None:
        print(_pretty(result.answer) if as_json else status_text(result.document, lang), file=stdout)
        return EX_OK
    if result.failure is not None:
        print(f"{gateway}: {result.failure}", file=stdout)
        return EX_FAILED
    print(nothing_runs(gateway, places_to_ask(settings.state_dir), lang), file=stdout)
    return EX_NOT_RUNNING


def _pretty(answer: bytes) -> str:
    return json.dumps(json.loads(answer), indent=2, ensure_ascii=False)
