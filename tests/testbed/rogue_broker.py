"""A broker that misbehaves on purpose: it answers each CONNECT with the bytes it was given."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

CONNACK_OK = bytes([0x20, 3, 0, 0, 0])


def connack(reason: int) -> bytes:
    return bytes([0x20, 3, 0, reason, 0])


def disconnect(reason: int) -> bytes:
    return bytes([0xE0, 2, reason, 0])


class RogueBroker:
    """Accepts connections one at a time on ``port``; ``connections`` counts them. ``answer`` is sent after
    the CONNECT; then the connection stays open until the client ends it."""

    def __init__(self, answer: bytes) -> None:
        self.connections = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="rogue-broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._open is not None:
            try:
                self._open.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client was first
        self._thread.join(5)

    def send(self, data: bytes) -> None:
        """To the client that is connected now."""
        assert self._open is not None
        self._open.sendall(data)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._open = connection
                self.connections += 1
                try:
                    connection.recv(4096)
                    connection.sendall(self._answer)
                    while connection.recv(4096):
                        pass
                except ConnectionError:
                    pass  # cut by the client: what was wanted
                self._open = None
