"""Starts Python programs that have imported the agent already: its imports take 0.7 s of a core.

A server imports the agent once for all processes of a run of the tests, and forks for each program. It ends
with the last connection of a process of this run.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.testbed.clips import CLIP_FOLDER

IMPORTED = ("edge_agent.agent", "edge_agent.cli.main", "edge_agent.detection.litert")
PYTHON_M = (sys.executable, "-m")
REQUEST_BYTES = 1 << 20


def can_be_preloaded(command: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether ``command`` is ``python -m``, in a run of the tests; ``environ`` may select another release."""
    return CLIP_FOLDER in os.environ and tuple(command[:2]) == PYTHON_M and "PYTHONPATH" not in environ


class PreloadedProcess:
    """``python -m`` with the ``words``, with the part of ``subprocess.Popen`` that tests use.

    Its command line in ``/proc`` is that of the server. ``output``: descriptor of stdout and stderr.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], output: int) -> None:
        _stay_connected()
        self._connection = _connect()
        request = json.dumps({"words": words, "environ": dict(environ), "folder": os.getcwd()})
        socket.send_fds(self._connection, [request.encode()], [output])
        self.pid = int(self._connection.recv(64))
        self.returncode: int | None = None
        weakref.finalize(self, self._connection.close)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            end = select.poll()
            end.register(self._connection, select.POLLIN)
            if not end.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("a preloaded program", timeout or 0)
            # The exit code stays in the socket: another thread may wait for it at the same time.
            self.returncode = int(self._connection.recv(64, socket.MSG_PEEK))
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def _stay_connected() -> None:
    """Connect to the server until this process ends; start one if none listens."""
    address = _address()
    with Path(f"{address}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(ConnectionError, FileNotFoundError):
            atexit.register(_connect().close)
            return
        Path(address).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen(64)
            server, descriptors = [*PYTHON_M, __name__, str(listener.fileno())], [listener.fileno()]
            subprocess.run(server, pass_fds=descriptors, stdin=subprocess.DEVNULL, check=True)
            atexit.register(_connect().close)


def _address() -> str:
    return str(Path(os.environ[CLIP_FOLDER], "preloaded"))


def _connect() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(_address())
    except OSError:
        connection.close()
        raise
    return connection


class Server:
    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._connections: set[socket.socket] = set()
        self._children: dict[int, tuple[int, socket.socket]] = {}
        """Process id and connection of each child, by its pidfd."""

    def serve(self) -> list[str]:
        """Return the words of a program in a child; in the server nothing, once no process is connected."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fd in self._children:
                    self._report_end(key.fd)
                elif words := self._answer(key.fileobj):  # type: ignore[arg-type]
                    return words
            if not self._connections:
                return []

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._connections.add(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _answer(self, connection: socket.socket) -> list[str]:
        """Fork for a request; the child returns its words."""
        text, descriptors = b"", list[int]()
        with contextlib.suppress(ConnectionResetError):  # an exit code that the client only peeked at
            text, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 1)
        if not text:
            self._forget(connection)
            return []
        request = json.loads(text)
        pid = os.fork()
        if pid == 0:
            self._become(request, descriptors[0])
            words: list[str] = request["words"]
            return words
        os.close(descriptors[0])
        connection.send(str(pid).encode())
        child = os.pidfd_open(pid)
        self._children[child] = pid, connection
        self._selector.register(child, selectors.EVENT_READ)
        return []

    def _become(self, request: dict[str, object], output: int) -> None:
        for connection in (self._listener, *self._connections):
            connection.close()
        for child in self._children:
            os.close(child)
        self._selector.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.chdir(str(request["folder"]))
        os.environ.clear()
        os.environ.update(request["environ"])  # type: ignore[call-overload]

    def _report_end(self, child: int) -> None:
        pid, connection = self._children.pop(child)
        self._selector.unregister(child)
        os.close(child)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(ConnectionError):
            connection.send(str(code).encode())

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._connections.discard(connection)
        connection.close()


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # the server is no child of a process of the tests, none of which ends last
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    if program := Server(socket.socket(fileno=int(sys.argv[1]))).serve():
        sys.argv[1:] = program[1:]
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
