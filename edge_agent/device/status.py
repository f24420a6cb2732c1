"""``edge-agent status``: a running agent answers on a Unix socket, and this prints the answer.

One document a connection, no request: connect, read to the end. See docs/reference/heartbeat.md.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from edge_agent import config
from edge_agent.config.settings import Settings
from edge_agent.device.status_socket import ANSWER_TIMEOUT_S, ask, listen, places_to_ask
from edge_agent.device.status_text import status_text
from edge_agent.errors import EdgeAgentError
from edge_agent.loop import Loop
from edge_agent.wire import Heartbeat, Message

log = logging.getLogger(__name__)

IDLE_S = 10.0

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


class StatusServer:
    """Serves the document to whoever may open the socket (mode 0660). Blocks, never polls."""

    def __init__(
        self, places: Sequence[Path], document: Callable[[], StatusDocument], idle_s: float = IDLE_S
    ) -> None:
        """``places``: where to listen, the first that can be used. A socket that was removed is made again
        after ``idle_s``."""
        self._places = places
        self._idle_s = idle_s
        self._path: Path | None = None
        self._document = document
        self._listener: socket.socket | None = None
        # Ends of a pair that wakes the loop: shutdown() does not wake a Unix listener.
        self._asleep: socket.socket | None = None
        self._alarm: socket.socket | None = None
        self.loop = Loop("status", self._serve, max_silence_s=3 * IDLE_S)

    def start(self) -> None:
        """Bind and serve. Raises EdgeAgentError when another agent listens there, or it cannot bind."""
        self._listener, self._path = listen(self._places)
        if self._path != self._places[0]:
            log.warning("status: %s cannot be used, listening at %s", self._places[0], self._path)
        self._asleep, self._alarm = socket.socketpair()
        self.loop.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Stop serving and remove the socket."""
        self.loop.stop()
        if self._listener is None or self._asleep is None or self._alarm is None:
            return
        self._alarm.send(b".")
        self.loop.join(timeout_s)
        for end in (self._asleep, self._alarm, self._listener):
            end.close()
        self._asleep = self._alarm = self._listener = None
        if self._path is not None:
            with contextlib.suppress(OSError):  # a disk that went away; the next start replaces it
                self._path.unlink()

    def _serve(self, loop: Loop) -> None:
        asleep = self._asleep
        assert asleep is not None
        while not loop.wait(0.0):
            self._listen_again()
            listener = self._listener
            assert listener is not None
            ready, _, _ = select.select([listener, asleep], [], [], self._idle_s)
            if listener in ready and not loop.stopping:
                self._accept(listener)

    def _listen_again(self) -> None:
        """Somebody has removed the socket, and nobody can ask any more."""
        if self._listener is None or self._path is None or self._path.exists():
            return
        try:
            listener, _ = listen([self._path])
        except EdgeAgentError as error:
            log.debug("status: %s", error)
            return
        self._listener.close()
        self._listener = listener

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        with client:
            self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        client.settimeout(ANSWER_TIMEOUT_S)
        try:
            client.sendall(msgspec.json.encode(self._document()))
        except OSError as error:
            log.debug("status: the asker went away: %s", error)


def run_status(source: Settings | Path, as_json: bool, stdout: TextIO) -> int:
    """Print what the agent of ``source`` (settings, or a configuration file) says.

    Returns 0; 1 when it runs but gives no usable answer; 3 when no agent runs.
    """
    settings = config.load(source, no_secrets=True) if isinstance(source, Path) else source
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
