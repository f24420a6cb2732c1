"""Servers of a few lines on a free port: one client at a time, or HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.testbed.mosquitto import Certificate


class HttpServer(ABC):
    """HTTP, or HTTPS with a ``certificate``, while the ``with`` lasts.

    ``close`` and ``open`` keep the port.
    """

    def __init__(self, certificate: Certificate | None = None, host: str = "127.0.0.1") -> None:
        self.port = 0
        self._certificate, self._host = certificate, host
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def origin(self) -> str:
        return f"http{'s' if self._certificate else ''}://{self._host}:{self.port}"

    @abstractmethod
    def respond(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request of any method, on a thread of its connection."""

    def open(self) -> None:
        self._server = ThreadingHTTPServer((self._host, self.port), self._handler())
        self.port = int(self._server.server_address[1])
        if self._certificate is not None:
            context = self._certificate.server_context()
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):  # the client did not wait
                    server.respond(self)

            do_POST = do_PUT = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Not on the screen."""

        return Handler


class SmallServer:
    """Accepts clients while the ``with`` lasts. It closes each connection at once; a subclass that defines
    ``talk`` serves it first."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.users: list[int] = []  # the uid of each client that is on this machine
        self._open: socket.socket | None = None
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def talk(self, connection: socket.socket) -> None:
        """Serve one client until it or the test ends the connection."""

    def send(self, data: bytes) -> None:
        """Send to the connected client."""
        assert self._open is not None
        self._open.sendall(data)

    def cut(self) -> None:
        """Close the open connection, if any."""
        if self._open is not None:
            with contextlib.suppress(OSError):  # the client closed it first
                self._open.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, (_, port) = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):  # cut by the client
                self._open = connection
                self.users += _user_at(port)
                self.talk(connection)
            self._open = None


def _user_at(port: int) -> list[int]:
    """The uid whose socket has this port, from /proc/net/tcp; None for a closed socket: it has no inode, and
    the kernel forgets its owner."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return [int(row[7]) for row in rows if int(row[1].partition(":")[2], 16) == port and row[9] != "0"][:1]
