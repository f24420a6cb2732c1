"""A server of a few lines on a free port, one client at a time."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self


class SmallServer(ABC):
    """Serves while the ``with`` lasts."""

    def __init__(self) -> None:
        self.users: list[int] = []  # the uid of each client that is on this machine
        self._open: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    @abstractmethod
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
