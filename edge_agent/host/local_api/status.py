"""The document on the status socket of a running agent, and ``edge-agent status``, which prints it.

One document per connection, without a request: connect, read to the end. See docs/reference/heartbeat.md.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import msgspec
from msgspec import field

from edge_agent.config import last_good
from edge_agent.config.model.settings import Settings
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_NOT_RUNNING, EX_OK
from edge_agent.core.languages import Lang, in_lang
from edge_agent.core.problems import CodedProblem, masked_problem, problem_of
from edge_agent.core.problems.problem import encode_text
from edge_agent.host.local_api.local_socket import (
    IDLE_S,
    LocalServer,
    UnusableAnswer,
    ask_any,
    nothing_runs,
    places_to_ask,
)
from edge_agent.host.local_api.status_text import status_text
from edge_agent.wire import CameraIdentity, Heartbeat, Message, ShadowReport


class StatusDocument(Message, frozen=True, kw_only=True):
    """The heartbeat, and the gateway that it belongs to."""

    schema: Literal["status/1"] = "status/1"
    gateway: str
    ward: str
    name: str
    timezone: str
    profile: str
    pid: int
    details: dict[str, str]  # camera id -> one human line, without secrets
    heartbeat: Heartbeat
    connected: bool = False  # whether there is a session with a broker
    ward_name: str = ""  # shown to people; empty: the id is shown
    shadow: ShadowReport | None = None  # figures of the model that is or was in shadow mode
    identities: dict[str, CameraIdentity] = field(default_factory=dict)  # by camera id
    coded: dict[str, CodedProblem] = field(default_factory=dict)  # text of this document -> its code


def status_document(
    settings: Settings,
    heartbeat: Heartbeat,
    details: Mapping[str, str],
    *,
    connected: bool = False,
    shadow: ShadowReport | None = None,
    texts: Iterable[str | None] = (),
    identities: Mapping[str, CameraIdentity] | None = None,
) -> StatusDocument:
    """Make the document that ``edge-agent status`` prints. ``texts``: the heartbeat's texts that may have a
    code, in addition to those in its ``problems``."""
    problems = {str(text): problem_of(masked_problem(text)) for text in (*details.values(), *texts) if text}
    return StatusDocument(
        gateway=settings.gateway.id,
        ward=settings.gateway.ward,
        name=settings.gateway.name,
        timezone=settings.gateway.timezone.key,
        profile=settings.profile.name,
        pid=os.getpid(),
        details={camera: str(text) for camera, text in details.items() if text},
        heartbeat=heartbeat,
        connected=connected,
        ward_name=settings.gateway.ward_name,
        shadow=shadow,
        identities=dict(identities or {}),
        coded={text: problem for text, problem in problems.items() if problem is not None},
    )


class StatusServer(LocalServer):
    """Serves the document to the agent's user and group."""

    def __init__(
        self, places: Sequence[Path], document: Callable[[], StatusDocument], idle_s: float = IDLE_S
    ) -> None:
        super().__init__("status", places, mode=0o660, idle_s=idle_s)
        self._document = document

    def serve(self, client: socket.socket) -> None:
        client.sendall(msgspec.json.encode(self._document(), enc_hook=encode_text))


@dataclass(frozen=True, slots=True)
class StatusResult:
    """The result of a query: a document and its bytes, or why there is none."""

    document: StatusDocument | None = None
    answer: bytes = b""
    failure: str | None = None  # why an agent that runs gives no usable answer
    closed: bool = False  # True: the reason of the failure is that this user may not connect
    other: str | None = None  # id of another gateway, whose agent answers here


def ask_status(settings: Settings) -> StatusResult:
    """Query the agent of this state directory and gateway id; the result has no document if none runs."""
    others: list[str] = []

    def parse(answer: bytes) -> StatusResult | None:
        document = msgspec.json.decode(answer, type=StatusDocument)
        if document.gateway == settings.gateway.id:
            return StatusResult(document, answer)
        others.append(document.gateway)
        return None

    result = ask_any(places_to_ask(settings.state_dir), parse, who_may="socket-not-open")
    if isinstance(result, UnusableAnswer):
        return StatusResult(failure=result.text, closed=result.closed)
    return result or StatusResult(other=others[0] if others else None)


def run_status(source: Settings | Path, as_json: bool, stdout: TextIO, lang: Lang = "en") -> int:
    """Print the status of the agent of ``source`` (settings, or a configuration file).

    Returns the exit code: 0; 1 if the agent runs but gives no usable answer; 3 if no agent runs.
    """
    settings = last_good.read_or_find(source) if isinstance(source, Path) else source
    gateway = settings.gateway.id
    result = ask_status(settings)
    if result.document is not None:
        if as_json:
            print(json.dumps(json.loads(result.answer), indent=2, ensure_ascii=False), file=stdout)
        else:
            print(status_text(result.document, lang), file=stdout)
        return EX_OK
    if result.failure is not None:
        print(f"{gateway}: {in_lang(result.failure, lang)}", file=stdout)
        return EX_FAILED
    print(nothing_runs(gateway, places_to_ask(settings.state_dir), lang, result.other), file=stdout)
    return EX_NOT_RUNNING
