"""A line between a gateway and its broker that carries nothing for a moment after the birth."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import BinaryIO

from tests.testbed.small_server import SmallServer

PUBLISH = 3
"""Type of a control packet (MQTT 5, 2.1.2)."""


class SlowLine(SmallServer):
    """Listens on ``port``; the packets of the client go to ``broker_port`` one by one."""

    def __init__(self, broker_port: int, pause_s: float) -> None:
        super().__init__()
        self._broker_port = broker_port
        self._pause_s = pause_s

    def talk(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._broker_port)) as broker:
            back = threading.Thread(target=copy_packets, args=(broker, connection), daemon=True)
            back.start()
            packets = connection.makefile("rb")
            while packet := _packet(packets):
                broker.sendall(packet)
                if packet[0] >> 4 == PUBLISH and b"/up/birth" in packet[:200]:
                    time.sleep(self._pause_s)


def _packet(stream: BinaryIO) -> bytes:
    """The next control packet; empty at the end (MQTT 5, 2.1.4: the length, seven bits in each byte)."""
    head, length, shift = stream.read(1), 0, 0
    if not head:
        return b""
    while True:
        byte = stream.read(1)
        head += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return head + stream.read(length)


def copy_packets(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
