"""A broker that misbehaves on purpose: it answers each CONNECT with given bytes."""

from __future__ import annotations

import socket

from tests.testbed.small_server import SmallServer

CONNACK_OK = bytes([0x20, 3, 0, 0, 0])


def connack(reason: int) -> bytes:
    return bytes([0x20, 3, 0, reason, 0])


def connack_with(prop: int, value: int) -> bytes:
    """A CONNACK with success and one property of one byte: 0x24 Maximum QoS, 0x25 Retain Available."""
    return bytes([0x20, 5, 0, 0, 2, prop, value])


def disconnect(reason: int) -> bytes:
    return bytes([0xE0, 2, reason, 0])


class RogueBroker(SmallServer):
    """Accepts connections one at a time on ``port``.

    ``connections`` counts them. ``answer`` is sent after the CONNECT; then the connection stays open until
    the client ends it.
    """

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.connections = 0
        self.connects: list[bytes] = []  # the CONNECT packets
        self._answer = answer

    def __exit__(self, *_: object) -> None:
        self.cut()
        super().__exit__()

    def talk(self, connection: socket.socket) -> None:
        self.connections += 1
        self.connects.append(connection.recv(4096))
        connection.sendall(self._answer)
        while connection.recv(4096):
            pass
