"""An RTSP camera with answers that a test writes: each can be missing, cut off, endless or wrong.

with ScriptedRtsp({"PLAY": "RTSP/1.0 302 Found"}, stream=packets) as server:
    open_source(camera(server.url), ...)
    assert server.methods == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.testbed.small_server import SmallServer

SDP = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:video\r\n"
SILENCE, HANG_UP = "(silence)", "(hang up)"
Answer = str | Iterable[bytes] | Callable[[str], str]
"""Status line and headers, raw bytes to send, or what makes the first of a request."""
USUAL: Mapping[str, Answer] = {
    "OPTIONS": "RTSP/1.0 200 OK\r\nPublic: DESCRIBE, SETUP, PLAY, GET_PARAMETER",
    "DESCRIBE": f"RTSP/1.0 200 OK\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}",
    "SETUP": "RTSP/1.0 200 OK\r\nSession: 7;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1",
    "PLAY": "RTSP/1.0 200 OK",
    "GET_PARAMETER": "RTSP/1.0 200 OK",
}


class ScriptedRtsp(SmallServer):
    """``stream``: sent after PLAY, until the client disconnects."""

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        stream: Iterable[bytes] = (),
        tls: Path | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """``tls``: key and certificate."""
        super().__init__(host)
        self._tls = tls
        self.requests: list[str] = []
        self._answers = {**USUAL, **(answers or {})}
        self._stream = stream

    @property
    def url(self) -> str:
        return f"rtsp{'s' if self._tls else ''}://127.0.0.1:{self.port}/stream"

    @property
    def methods(self) -> list[str]:
        return [request.partition(" ")[0] for request in self.requests]

    def talk(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._converse(connection)
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._tls)
        with (
            contextlib.suppress(ssl.SSLError),  # the client has disconnected
            context.wrap_socket(connection, server_side=True) as secured,
        ):
            self._converse(secured)

    def _converse(self, connection: socket.socket) -> None:
        while request := _request(connection):
            self.requests.append(request)
            method = request.partition(" ")[0]
            answer = self._answers.get(method, "RTSP/1.0 501 Not Implemented")
            if callable(answer):
                answer = answer(request)
            if answer == HANG_UP:
                return
            if isinstance(answer, str):
                if answer != SILENCE:
                    connection.sendall(_encoded(answer, request))
            else:
                for part in answer:
                    connection.sendall(part)
            if method == "PLAY":
                for part in self._stream:
                    connection.sendall(part)


def interleaved(payload: bytes, *, sequence: int = 0, timestamp: int = 0, marker: bool = False) -> bytes:
    """An RTP packet of payload type 96 as RTSP carries it over TCP."""
    numbers = (sequence % 65_536).to_bytes(2, "big") + (timestamp % 2**32).to_bytes(4, "big") + b"\0\0\0\7"
    packet = bytes((0x80, 96 | 128 * marker)) + numbers + payload
    return b"$\0" + len(packet).to_bytes(2, "big") + packet


def _request(connection: socket.socket) -> str:
    """The next request; empty when the client has disconnected."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            return ""
        head += part
    return head.decode()


def _encoded(answer: str, request: str) -> bytes:
    number = next(line for line in request.split("\r\n") if line.startswith("CSeq"))
    first, _, rest = answer.partition("\r\n")
    rest = rest if "\r\n\r\n" in rest else f"{rest}\r\n\r\n" if rest else "\r\n"
    return f"{first}\r\n{number}\r\n{rest}".encode()
