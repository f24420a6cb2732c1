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
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from edge_agent import config
from edge_agent.config.settings import Settings
from edge_agent.device.status_text import status_text
from edge_agent.errors import EdgeAgentError
from edge_agent.loop import Loop
from edge_agent.wire import Heartbeat, Message

log = logging.getLogger(__name__)

SOCKET_NAME = "status.sock"
RUN_DIR = Path("/run/edge-agent")
LONGEST_PATH_BYTES = 107  # sun_path of unix(7) less its end
ANSWER_TIMEOUT_S = 5.0
LARGEST_ANSWER = 1 << 20
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


def socket_path(state_dir: Path, environ: Mapping[str, str] | None = None) -> Path:
    """Where a starting agent listens: systemd's run directory, else its state directory."""
    environ = os.environ if environ is None else environ
    run_dir = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return (Path(run_dir) if run_dir else state_dir) / SOCKET_NAME


class StatusServer:
    """Serves the document to whoever may open the socket (mode 0660). Blocks, never polls."""

    def __init__(self, path: Path, document: Callable[[], StatusDocument]) -> None:
        self._path = path
        self._document = document
        self._listener: socket.socket | None = None
        # Ends of a pair that wakes the loop: shutdown() does not wake a Unix listener.
        self._asleep: socket.socket | None = None
        self._alarm: socket.socket | None = None
        self.loop = Loop("status", self._serve, max_silence_s=3 * IDLE_S)

    def start(self) -> None:
        """Bind and serve. Raises EdgeAgentError when another agent listens there, or it cannot bind."""
        self._listener = _listen(self._path)
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
        self._path.unlink(missing_ok=True)

    def _serve(self, loop: Loop) -> None:
        listener, asleep = self._listener, self._asleep
        assert listener is not None
        assert asleep is not None
        while not loop.wait(0.0):
            ready, _, _ = select.select([listener, asleep], [], [], IDLE_S)
            if listener in ready and not loop.stopping:
                self._accept(listener)

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
    for path in _places(settings.state_dir):
        try:
            answer = _ask(path)
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
    looked = " and ".join(str(path) for path in _places(settings.state_dir))
    print(f"{gateway}: no agent runs here (nobody answers at {looked})", file=stdout)
    return EXIT_NOT_RUNNING


def _places(state_dir: Path) -> list[Path]:
    """Where an agent of this configuration may listen, without its environment."""
    return list(dict.fromkeys([socket_path(state_dir), state_dir / SOCKET_NAME, RUN_DIR / SOCKET_NAME]))


def _pretty(answer: bytes) -> str:
    return json.dumps(json.loads(answer), indent=2, ensure_ascii=False)


def _ask(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker, _address(path) as address:
        asker.settimeout(ANSWER_TIMEOUT_S)
        asker.connect(address)
        parts: list[bytes] = []
        while sum(map(len, parts)) < LARGEST_ANSWER and (part := asker.recv(65536)):
            parts.append(part)
        return b"".join(parts)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        with _address(path) as address:
            listener.bind(address)
        path.chmod(0o660)  # not by umask, which would reach into other threads; it only tells
        listener.listen(4)
        listener.setblocking(False)  # an asker that left before accept() must not block the loop
    except OSError as error:
        listener.close()
        raise EdgeAgentError(f"{path}: cannot listen for `edge-agent status`: {error}") from error
    except EdgeAgentError:
        listener.close()
        raise
    return listener


def _clear(path: Path) -> None:
    """Remove the socket of an agent that is gone; refuse to take it from one that lives."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise EdgeAgentError(f"{path}: is in the way and not a socket; remove it")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, _address(path) as address:
        probe.settimeout(ANSWER_TIMEOUT_S)
        try:
            probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise EdgeAgentError(f"{path}: another agent answers there; two agents cannot share a state directory")


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """The path, or a short name for it: a socket's path ends at 107 bytes, a directory's does not."""
    if len(os.fsencode(path)) <= LONGEST_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
