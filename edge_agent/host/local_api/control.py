"""Requests of ``edge-agent reload``, ``relearn`` and ``doctor`` to a running agent, over ``control.sock``.

One request and one answer per connection, as JSON. Only the agent's user and root may connect: an attacker
who turns a camera away and then relearns its view would cause no tamper event.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec import Struct, structs

from edge_agent import config
from edge_agent.config import last_good
from edge_agent.config.model.settings import Settings
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_FAILED, EX_NOT_RUNNING, EX_OK
from edge_agent.core.delivery import SelfTestReport
from edge_agent.core.errors import ConfigError
from edge_agent.core.languages import Lang
from edge_agent.core.problems import CATALOGUE, CodedProblem, problem_of, problem_text, text_in
from edge_agent.core.problems.problem import encode_json
from edge_agent.host.local_api.local_socket import (
    ANSWER_TIMEOUT_S,
    CONTROL_SOCKET,
    LocalServer,
    UnusableAnswer,
    ask_any,
    nothing_runs,
    places_to_ask,
)
from edge_agent.host.local_api.status import ask_status

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 15.0
"""Time limit of an answer: a reload reads password files and waits until old pipelines have ended."""
MAX_REQUEST_BYTES = 4096
REQUEST_WITHIN_S = 1.0
"""Limit of a whole request: a client that sends nothing, or a byte now and then, must not block others."""


class ReloadRequest(Struct, frozen=True, tag="reload"):
    """Read the configuration again."""

    gateway: str | None  # id of the agent's gateway; None: any agent that listens there
    path: str | None = None  # absolute path of the configuration file; None: the agent's own


class RelearnRequest(Struct, frozen=True, tag="relearn"):
    """Learn a camera's view again."""

    gateway: str
    camera: str


class SelfTestRequest(Struct, frozen=True, tag="self-test"):
    """Start a test of the delivery to the centre; if the test with this id runs already, report on it."""

    gateway: str
    test_id: str


ControlRequest = ReloadRequest | RelearnRequest | SelfTestRequest


class ControlReply(Struct, frozen=True):
    """The agent's reply. ``code``: the command's exit code; None: the request was for another gateway."""

    code: int | None
    text: str
    self_test: SelfTestReport | None = None
    problem: CodedProblem | None = None  # the code of ``text``, for a client that prints Vietnamese

    def text_in(self, lang: Lang) -> str:
        return (CATALOGUE.say(self.problem, lang) if self.problem else None) or self.text


class ControlServer(LocalServer):
    """Passes each request to ``obey`` on its own thread, and sends the reply to the client."""

    def __init__(
        self, places: Sequence[Path], gateway: str, obey: Callable[[ControlRequest], ControlReply]
    ) -> None:
        super().__init__("control", places, mode=0o600)
        self._gateway = gateway
        self._handle = obey

    def serve(self, client: socket.socket) -> None:
        answer = self._answer_to(_request_of(client))
        client.settimeout(ANSWER_TIMEOUT_S)
        client.sendall(encode_json(structs.replace(answer, problem=problem_of(answer.text))))

    def _answer_to(self, text: bytes) -> ControlReply:
        try:
            request = msgspec.json.decode(text, type=ControlRequest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return ControlReply(EX_FAILED, problem_text("request-not-understood", error=str(error)))
        if request.gateway not in (None, self._gateway):
            return ControlReply(None, f"the agent of {self._gateway} listens here")
        try:
            return self._handle(request)
        except Exception as error:  # the top of this thread's loop: the thread continues with the next client
            log.exception("control: a request failed")
            why = f"{type(error).__name__}: {error}"
            return ControlReply(EX_FAILED, problem_text("request-failed", error=why))


def _request_of(client: socket.socket) -> bytes:
    """Return what the client sends until it closes its side. Raises OSError when that takes too long."""
    text, deadline = b"", time.monotonic() + REQUEST_WITHIN_S
    while len(text) <= MAX_REQUEST_BYTES:
        client.settimeout(max(0.001, deadline - time.monotonic()))
        part = client.recv(MAX_REQUEST_BYTES)
        if not part:
            break
        text += part
    return text


def run_reload(path: Path, stdout: TextIO, stderr: TextIO, lang: Lang = "en") -> int:
    """Have the agent of this configuration read it again, and print the result.

    Returns the exit code: 0; 1 without a usable answer; 3 if no agent runs; 78 if the file must be fixed.
    """
    try:
        settings = config.load(path, no_secrets=True)
    except ConfigError as error:
        return _reload_refused(path, error, stderr, lang)
    return _run(settings, ReloadRequest(settings.gateway.id, str(path.resolve())), stdout, stderr, lang)


def _reload_refused(path: Path, error: ConfigError, stderr: TextIO, lang: Lang) -> int:
    """Send the request despite mistakes in the file, so that health reports them. Returns the exit code."""
    found = last_good.find(path, no_secrets=True)
    folders = last_good.state_dirs(path) if found is None else [found.settings.state_dir]
    places = [place for folder in folders for place in places_to_ask(folder, name=CONTROL_SOCKET)]
    # Without a last good copy the gateway's id is unknown; a wrong agent only reloads its own file.
    gateway = None if found is None else found.settings.gateway.id
    answer = _ask(list(dict.fromkeys(places)), ReloadRequest(gateway, str(path.resolve())))
    if isinstance(answer, ControlReply) and answer.code == EX_CONFIG:
        print(_with_mistakes(answer, error, lang).text_in(lang), file=stderr)
    else:
        note = answer.text if isinstance(answer, UnusableAnswer) else problem_text("reload-no-agent")
        print(*_mistakes(error, lang), text_in(note, lang), sep="\n", file=stderr)
    return EX_CONFIG


def _mistakes(error: ConfigError, lang: Lang) -> list[str]:
    return [problem.text(lang) for problem in error.problems] or [error.text(lang)]


def _with_mistakes(reply: ControlReply, error: ConfigError, lang: Lang) -> ControlReply:
    """Return the agent's reply, which has the mistakes in English, with the mistakes in that language."""
    if reply.problem is None:
        return reply
    params = reply.problem.params | {"mistakes": list[str | CodedProblem](_mistakes(error, lang))}
    return structs.replace(reply, problem=CodedProblem(reply.problem.code, params))


def run_relearn(path: Path, camera: str, stdout: TextIO, stderr: TextIO, lang: Lang = "en") -> int:
    """Have this configuration's agent learn a camera's view again. Exit codes: as of ``run_reload``."""
    settings = last_good.read_or_find(path)
    return _run(settings, RelearnRequest(settings.gateway.id, camera), stdout, stderr, lang)


def ask_self_test(settings: Settings, test_id: str) -> SelfTestReport | str | None:
    """Return the report so far, or a text that says why there is none; None if no agent runs."""
    places = places_to_ask(settings.state_dir, name=CONTROL_SOCKET)
    answer = _ask(places, SelfTestRequest(settings.gateway.id, test_id))
    if isinstance(answer, ControlReply):
        return answer.self_test or answer.text
    return None if answer is None else answer.text


def _run(settings: Settings, request: ControlRequest, stdout: TextIO, stderr: TextIO, lang: Lang) -> int:
    gateway = settings.gateway.id
    places = places_to_ask(settings.state_dir, name=CONTROL_SOCKET)
    answer = _ask(places, request)
    if isinstance(answer, ControlReply) and answer.code is not None:
        print(f"{gateway}: {answer.text_in(lang)}", file=stdout if answer.code == EX_OK else stderr)
        return answer.code
    if isinstance(answer, UnusableAnswer):
        print(f"{gateway}: {text_in(answer.text, lang)}", file=stderr)
        return EX_FAILED
    print(nothing_runs(gateway, places, lang, ask_status(settings).other), file=stderr)
    return EX_NOT_RUNNING


def _ask(places: Sequence[Path], request: ControlRequest) -> ControlReply | UnusableAnswer | None:
    """Return the agent's reply, or why it is not usable; None if no agent of that gateway runs."""

    def parse(text: bytes) -> ControlReply | None:
        reply = msgspec.json.decode(text, type=ControlReply)
        return None if reply.code is None else reply

    return ask_any(
        places, parse, request=encode_json(request), timeout_s=ANSWER_WITHIN_S, who_may="control-not-open"
    )
