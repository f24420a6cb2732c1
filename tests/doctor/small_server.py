"""A server of a few lines on a free port, one client at a time."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self


class SmallServer(ABC):
    """Serves while the ``with`` lasts."""

    def __init__(self) -> None:
        self.users: list[int] = []  # the uid of each client
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
        """With one client, until it has left or is sent away."""

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.users.append(_user_at(int(connection.getpeername()[1])))
                self.talk(connection)


def _user_at(port: int) -> int:
    """The uid whose socket has this port, by the kernel's own word (proc(5), /proc/net/tcp)."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if int(words[1].partition(":")[2], 16) == port:
            return int(words[7])
    raise AssertionError(f"no socket has the port {port}")
