"""Unix sockets of a running agent: their paths, a server that handles one connection at a time, a client.

There are two sockets, so that file modes separate reading from changing: the agent's user and group may
connect to ``status.sock``, only its user and root to ``control.sock``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang, both, say
from edge_agent.core.state_file import folder_digest, run_folder
from edge_agent.core.worker import SupervisedThread
from edge_agent.host.local_api.status_words import STATUS

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

STATUS_SOCKET = "status.sock"
CONTROL_SOCKET = "control.sock"
RUN_DIR = Path("/run/edge-agent")
MAX_PATH_BYTES = 107  # sun_path of unix(7) without its terminating zero
ANSWER_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 1 << 20
IDLE_S = 10.0


def places_to_listen(state_dir: Path, name: str = STATUS_SOCKET) -> list[Path]:
    """Return the paths at which a starting agent tries to listen, best first: in systemd's run directory (in
    the state directory without systemd), then, if that is read-only, in private directories of the user."""
    first = (run_folder() or state_dir) / name
    return [first, *_private_places(state_dir, name)]


def places_to_ask(state_dir: Path, name: str = STATUS_SOCKET) -> list[Path]:
    """Return the paths at which an agent of this state directory may listen, whatever its environment is."""
    first, *private = places_to_listen(state_dir, name)
    return list(dict.fromkeys([first, state_dir / name, RUN_DIR / name, *private]))


def nothing_runs(gateway: str, places: Sequence[Path], lang: Lang = "en", other: str | None = None) -> str:
    """Return the text for a person when no agent of ``gateway`` answers, with the command that starts one.
    ``other``: id of the gateway whose agent answers instead."""
    if other is not None:
        return say(STATUS, "other-runs", lang, gateway=gateway, other=other)
    start, looked = say(STATUS, "start", lang), ", ".join(map(str, places))
    return say(STATUS, "nothing-runs", lang, gateway=gateway, places=looked, start=start)


def ask(path: Path, request: bytes = b"", timeout_s: float = ANSWER_TIMEOUT_S) -> bytes:
    """Send a request to the agent at ``path``, and return its answer. Raises OSError."""
    if not _is_safe(path):
        raise FileNotFoundError(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, _address(path) as address:
        client.settimeout(timeout_s)
        client.connect(address)
        if request:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
        parts: list[bytes] = []
        while sum(map(len, parts)) < MAX_ANSWER_BYTES and (part := client.recv(65536)):
            parts.append(part)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class UnusableAnswer:
    """An agent runs, but gives no usable answer: ``text`` says why."""

    text: str
    closed: bool = False  # this user may not connect


def ask_any(
    places: Sequence[Path],
    parse: Callable[[bytes], Answer | None],
    *,
    request: bytes = b"",
    timeout_s: float = ANSWER_TIMEOUT_S,
    who_may: str,
) -> Answer | UnusableAnswer | None:
    """Ask at each path, and return the first answer that ``parse`` accepts; None if no agent runs.

    ``parse`` returns None for another gateway's answer. ``who_may``: key of the text on who may connect.
    """
    failure: UnusableAnswer | None = None
    for path in places:
        try:
            answer = parse(ask(path, request, timeout_s))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            continue
        except PermissionError:
            failure = UnusableAnswer(both(STATUS, who_may, path=path), closed=True)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = str(error) or type(error).__name__
            failure = UnusableAnswer(both(STATUS, "socket-unusable", path=path, reason=reason))
        else:
            if answer is not None:
                return answer
    return failure


def listen(places: Sequence[Path], mode: int) -> tuple[socket.socket, Path]:
    """Listen at the first usable path. Returns the socket and the path; ``mode`` is the file mode.

    Raises EdgeAgentError when another agent listens at one of them, or none can be used.
    """
    failures: list[str] = []
    for path in places:
        try:
            return _listen(path, mode), path
        except OSError as error:
            failures.append(f"{path}: {error.strerror or error}")
    raise EdgeAgentError(f"cannot listen at {places[0].name}: {'; '.join(failures)}")


def _private_places(state_dir: Path, name: str) -> list[Path]:
    user = os.geteuid()
    name = f"{Path(name).stem}-{folder_digest(state_dir)}.sock"
    session = os.environ.get("XDG_RUNTIME_DIR")
    folders = [Path(session) / "edge-agent"] if session else []
    folders += [Path(f"/run/user/{user}/edge-agent"), Path(tempfile.gettempdir()) / f"edge-agent-{user}"]
    return [folder / name for folder in dict.fromkeys(folders)]


def _is_private(path: Path) -> bool:
    return path.name not in (STATUS_SOCKET, CONTROL_SOCKET)


def _is_safe(path: Path) -> bool:
    """Return whether a private path is in a directory that only this user can write. Any user may have
    created a directory of that name in /tmp. A path that is not private is safe."""
    if not _is_private(path):
        return True
    try:
        status = path.parent.lstat()
    except OSError:
        return False
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077 == 0
    return private and status.st_uid == os.geteuid()


def _listen(path: Path, mode: int) -> socket.socket:
    """Listen at a path. Raises OSError if that fails, EdgeAgentError if another agent listens there."""
    if _is_private(path):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _is_safe(path):
            raise PermissionError(f"{path.parent} is not a directory of this user alone")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        with _address(path) as address:
            listener.bind(address)
        # umask is not used: it changes all threads. Clients cannot connect before listen().
        path.chmod(mode)
        listener.listen(64)
        listener.setblocking(False)  # accept() must not block the loop if the client has left before
    except BaseException:
        listener.close()
        raise
    return listener


def _clear(path: Path) -> None:
    """Remove the socket of an agent that has ended. Raises EdgeAgentError if one still listens."""
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
    """Yield the path, or a short alias if it is too long: the path of a socket has at most 107 bytes."""
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class LocalServer:
    """Serves one socket. ``serve`` handles one connection at a time; one read or write blocks for at most
    ``ANSWER_TIMEOUT_S``."""

    def __init__(self, name: str, places: Sequence[Path], *, mode: int, idle_s: float = IDLE_S) -> None:
        """``places``: the first usable path is used. ``mode``: the socket's file mode. A removed socket is
        created again after ``idle_s``."""
        self._name = name
        self._places = places
        self._mode = mode
        self._idle_s = idle_s
        self._path: Path | None = None
        self._listener: socket.socket | None = None
        # This pair of sockets wakes the loop, because shutdown() does not wake a Unix listener.
        self._asleep: socket.socket | None = None
        self._alarm: socket.socket | None = None
        self.loop = SupervisedThread(name, self._run, max_silence_s=3 * IDLE_S)

    def start(self) -> None:
        """Bind and serve. Raises EdgeAgentError when another agent listens there, or no path is usable."""
        self._listener, self._path = listen(self._places, self._mode)
        if self._path != self._places[0]:
            log.warning("%s: %s cannot be used, listening at %s", self._name, self._places[0], self._path)
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
            with contextlib.suppress(OSError):  # the disk may be gone; the next start replaces the socket
                self._path.unlink()

    def serve(self, client: socket.socket) -> None:
        """Answer one client. May raise OSError."""
        raise NotImplementedError

    def _run(self, loop: SupervisedThread) -> None:
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
        """Create the socket again if its file was removed."""
        if self._listener is None or self._path is None or os.path.lexists(self._path):
            return
        try:
            listener, _ = listen([self._path], self._mode)
        except EdgeAgentError as error:
            log.debug("%s: cannot listen again: %s", self._name, error)
            return
        self._listener.close()
        self._listener = listener

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        with client:
            client.settimeout(ANSWER_TIMEOUT_S)
            try:
                self.serve(client)
            except OSError as error:
                log.debug("%s: the client closed the connection: %s", self._name, error)
