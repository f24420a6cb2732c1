"""A camera that refuses every login and counts the attempts, as its lock would."""

from __future__ import annotations

import socket
from typing import BinaryIO

from tests.testbed.small_server import SmallServer

CHALLENGE = (
    "RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\n"
    'WWW-Authenticate: Digest realm="camera", nonce="0123456789abcdef"\r\n\r\n'
)


class StrictCamera(SmallServer):
    """RTSP with digest authentication (RFC 2326, RFC 2617); every login is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = 0
        self.logins = 0  # requests with credentials

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/stream"

    def talk(self, connection: socket.socket) -> None:
        self.connections += 1
        with connection.makefile("rb") as stream:
            while request := _request(stream):
                self.logins += "authorization" in request
                connection.sendall(CHALLENGE.format(cseq=request.get("cseq", "0")).encode())


def _request(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers
