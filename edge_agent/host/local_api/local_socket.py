"""Where the sockets of a running agent lie, how it takes them, and how it is asked.

Whoever may read how the agent is may not therefore change it: two sockets, so that the file system says who
may do what. ``status.sock`` is for the agent's user and group, ``control.sock`` for its user alone, and root.

A thread that answers whoever connects to a Unix socket, one after the other.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import select
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang, say
from edge_agent.core.worker import SupervisedThread
from edge_agent.host.local_api.status_words import STATUS

STATUS_SOCKET = "status.sock"
CONTROL_SOCKET = "control.sock"
RUN_DIR = Path("/run/edge-agent")
LONGEST_PATH_BYTES = 107  # sun_path of unix(7) less its end
ANSWER_TIMEOUT_S = 5.0
LARGEST_ANSWER = 1 << 20


def places_to_listen(
    state_dir: Path, environ: Mapping[str, str] | None = None, name: str = STATUS_SOCKET
) -> list[Path]:
    """Where a starting agent tries to listen, best first: systemd's run directory, or else its state
    directory; where that one cannot be written, a private directory of the user's."""
    environ = os.environ if environ is None else environ
    run_dir = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    first = (Path(run_dir) if run_dir else state_dir) / name
    return [first, *_private_places(state_dir, environ, name)]


def places_to_ask(
    state_dir: Path, environ: Mapping[str, str] | None = None, name: str = STATUS_SOCKET
) -> list[Path]:
    """Where an agent of this state directory may listen, whose environment is not known."""
    first, *private = places_to_listen(state_dir, environ, name)
    return list(dict.fromkeys([first, state_dir / name, RUN_DIR / name, *private]))


def nothing_runs(gateway: str, places: Sequence[Path], lang: Lang = "en") -> str:
    """What a person reads where no agent answered, and what starts one."""
    start, looked = say(STATUS, "start", lang), ", ".join(map(str, places))
    return say(STATUS, "nothing-runs", lang, gateway=gateway, places=looked, start=start)


def ask(path: Path, request: bytes = b"", timeout_s: float = ANSWER_TIMEOUT_S) -> bytes:
    """What the agent at ``path`` answers. Raises OSError."""
    if not _is_safe(path):
        raise FileNotFoundError(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker, _address(path) as address:
        asker.settimeout(timeout_s)
        asker.connect(address)
        if request:
            asker.sendall(request)
            asker.shutdown(socket.SHUT_WR)
        parts: list[bytes] = []
        while sum(map(len, parts)) < LARGEST_ANSWER and (part := asker.recv(65536)):
            parts.append(part)
        return b"".join(parts)


def listen(places: Sequence[Path], mode: int) -> tuple[socket.socket, Path]:
    """A listening socket of this mode at the first place that can be written, and which one that is.

    Raises EdgeAgentError when another agent listens at one of them, or none can be used.
    """
    failures: list[str] = []
    for path in places:
        try:
            return _listen(path, mode), path
        except OSError as error:
            failures.append(f"{path}: {error.strerror or error}")
    raise EdgeAgentError(f"cannot listen at {places[0].name}: {'; '.join(failures)}")


def _private_places(state_dir: Path, environ: Mapping[str, str], name: str) -> list[Path]:
    user = os.geteuid()
    # One user may run several agents: the name tells their state directories apart.
    digest = hashlib.sha256(os.fsencode(state_dir.absolute())).hexdigest()[:12]
    name = f"{Path(name).stem}-{digest}.sock"
    session = environ.get("XDG_RUNTIME_DIR")
    folders = [Path(session) / "edge-agent"] if session else []
    folders += [Path(f"/run/user/{user}/edge-agent"), Path(tempfile.gettempdir()) / f"edge-agent-{user}"]
    return [folder / name for folder in dict.fromkeys(folders)]


def _is_private(path: Path) -> bool:
    """Whether ``path`` is one of ``_private_places``, by its name."""
    return path.name not in (STATUS_SOCKET, CONTROL_SOCKET)


def _is_safe(path: Path) -> bool:
    """A private place counts only in a directory that nobody else can write: anybody may have made one of
    that name among the temporary files."""
    if not _is_private(path):
        return True
    try:
        status = path.parent.lstat()
    except OSError:
        return False
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077 == 0
    return private and status.st_uid == os.geteuid()


def _listen(path: Path, mode: int) -> socket.socket:
    """Raises OSError where the place cannot be used, EdgeAgentError where it is taken."""
    if _is_private(path):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _is_safe(path):
            raise PermissionError(f"{path.parent} is not a directory of this user alone")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        with _address(path) as address:
            listener.bind(address)
        path.chmod(
            mode
        )  # not by umask, which would reach into other threads; nobody connects before listen()
        listener.listen(64)  # fifty at once wait their turn
        listener.setblocking(False)  # an asker that left before accept() must not block the loop
    except BaseException:
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


log = logging.getLogger(__name__)

IDLE_S = 10.0


class LocalServer:
    """Gives each connection to ``answer``, which may raise OSError; a read or a write of the connection
    blocks for at most ``ANSWER_TIMEOUT_S``. The thread blocks, it never polls."""

    def __init__(
        self,
        name: str,
        places: Sequence[Path],
        answer: Callable[[socket.socket], None],
        *,
        mode: int,
        idle_s: float = IDLE_S,
    ) -> None:
        """``places``: where to listen, the first that can be used. A socket that was removed is made again
        after ``idle_s``. ``mode``: who may connect."""
        self._name = name
        self._places = places
        self._answer = answer
        self._mode = mode
        self._idle_s = idle_s
        self._path: Path | None = None
        self._listener: socket.socket | None = None
        # Ends of a pair that wakes the loop: shutdown() does not wake a Unix listener.
        self._asleep: socket.socket | None = None
        self._alarm: socket.socket | None = None
        self.loop = SupervisedThread(name, self._serve, max_silence_s=3 * IDLE_S)

    def start(self) -> None:
        """Bind and serve. Raises EdgeAgentError when another agent listens there, or it cannot bind."""
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
            with contextlib.suppress(OSError):  # a disk that went away; the next start replaces it
                self._path.unlink()

    def _serve(self, loop: SupervisedThread) -> None:
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
            listener, _ = listen([self._path], self._mode)
        except EdgeAgentError as error:
            log.debug("%s: %s", self._name, error)
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
                self._answer(client)
            except OSError as error:
                log.debug("%s: the asker went away: %s", self._name, error)
