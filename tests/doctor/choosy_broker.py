"""A broker that lets in one client id and no other, as some make certificates name theirs."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

CONNECT, PUBLISH = 1, 3
NOT_AUTHORISED, NO_SUBSCRIBER = 0x87, 0x10


class ChoosyBroker:
    """Just enough of MQTT 5.0 for short packets: CONNACK and PUBACK with reason codes."""

    def __init__(self, client_id: str, writable: str) -> None:
        """``writable``: how the topics begin that may be written."""
        self.client_ids: list[str] = []
        self._client_id = client_id
        self._writable = writable
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, name="choosy-broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while head := stream.read(1):
                    body = stream.read(stream.read(1)[0])  # every packet here is shorter than 128 bytes
                    answer = self._answer(head[0] >> 4, body)
                    if answer:
                        connection.sendall(answer)
                    if answer[:1] == b"\x20" and answer[3]:
                        break

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == CONNECT:
            properties = body[10]
            self.client_ids.append(_text(body, 11 + properties))
            reason = 0 if self.client_ids[-1] == self._client_id else NOT_AUTHORISED
            return bytes([0x20, 3, 0, reason, 0])
        if kind == PUBLISH:
            topic = _text(body, 0)
            reason = NO_SUBSCRIBER if topic.startswith(self._writable) else NOT_AUTHORISED
            packet_id = body[2 + len(topic) : 4 + len(topic)]
            return bytes([0x40, 3]) + packet_id + bytes([reason])
        return b""


def _text(body: bytes, at: int) -> str:
    size = int.from_bytes(body[at : at + 2])
    return body[at + 2 : at + 2 + size].decode()
