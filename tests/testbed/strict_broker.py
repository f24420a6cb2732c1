"""A broker that names a Receive Maximum, acknowledges only what a test allows, and counts the rest."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from tests.testbed.mosquitto import wait_until
from tests.testbed.small_server import SmallServer

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14


@dataclass(frozen=True, slots=True)
class Published:
    topic: str  # what follows ``/up/``
    payload: bytes
    retained: bool = False


class StrictBroker(SmallServer):
    """Serves one client at a time.

    ``acknowledges(topic)`` says which QoS 1 messages get their PUBACK at once, with ``reason(topic)``.
    ``most_waiting`` is the highest number of the others that waited.
    """

    def __init__(
        self,
        receive_maximum: int = 20,
        acknowledges: Callable[[str], bool] = lambda topic: True,
        reason: Callable[[str], int] = lambda topic: 0,
        properties: bytes = b"",  # of its CONNACK, besides the Receive Maximum
    ) -> None:
        super().__init__()
        self.most_waiting = 0
        self.goodbyes = 0  # DISCONNECT packets
        self._maximum = receive_maximum
        self._acknowledges = acknowledges
        self._reason = reason
        self._properties = properties
        self._waiting = 0
        self._received: list[Published] = []

    @property
    def received(self) -> list[Published]:
        """QoS 1 messages so far, in order."""
        return list(self._received)

    def wait_for(self, topic: str) -> None:
        wait_until(lambda: topic in [message.topic for message in self.received], what=topic)

    def talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while (head := stream.read(1)) and (body := self._body(stream)) is not None:
                connection.sendall(self._answer(head[0], body))

    def _body(self, stream: BinaryIO) -> bytes | None:
        length = shift = 0
        while digit := stream.read(1):
            length |= (digit[0] & 0x7F) << shift
            shift += 7
            if digit[0] < 0x80:
                return stream.read(length)
        return None

    def _answer(self, head: int, body: bytes) -> bytes:
        match head >> 4:
            case kind if kind == CONNECT:
                properties = b"\x21" + struct.pack(">H", self._maximum) + self._properties
                return bytes([0x20, 3 + len(properties), 0, 0, len(properties)]) + properties
            case kind if kind == SUBSCRIBE:
                return bytes([0x90, 6]) + body[:2] + bytes([0, 1, 1, 1])
            case kind if kind == PINGREQ:
                return bytes([0xD0, 0])
            case kind if kind == DISCONNECT:
                self.goodbyes += 1
            case kind if kind == PUBLISH and head & 0b110:
                return self._published(body, retained=bool(head & 1))
        return b""

    def _published(self, body: bytes, retained: bool) -> bytes:
        (size,) = struct.unpack_from(">H", body)
        topic = body[2 : 2 + size].decode().partition("/up/")[2]
        packet_id, rest = body[2 + size : 4 + size], body[4 + size :]
        # One length byte: the agent's properties of events, state and birth are shorter than 128 bytes.
        self._received.append(Published(topic, rest[1 + rest[0] :], retained))
        self._waiting += 1
        self.most_waiting = max(self.most_waiting, self._waiting)
        if not self._acknowledges(topic):
            return b""
        self._waiting -= 1
        return bytes([0x40, 3]) + packet_id + bytes([self._reason(topic)])
