"""A broker that lets in one client id and no other, as some make certificates name theirs."""

from __future__ import annotations

import socket

from tests.doctor.small_server import SmallServer

CONNECT, PUBLISH = 1, 3
NOT_AUTHORISED, NO_SUBSCRIBER = 0x87, 0x10


class ChoosyBroker(SmallServer):
    """Just enough of MQTT 5.0 for short packets: CONNACK and PUBACK with reason codes."""

    def __init__(self, client_id: str, writable: str) -> None:
        """``writable``: how the topics begin that may be written."""
        super().__init__()
        self.client_ids: list[str] = []
        self._client_id = client_id
        self._writable = writable

    def talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while head := stream.read(1):
                body = stream.read(stream.read(1)[0])  # every packet here is shorter than 128 bytes
                answer = self._answer(head[0] >> 4, body)
                connection.sendall(answer)
                if answer[:1] == b"\x20" and answer[3]:
                    return

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
