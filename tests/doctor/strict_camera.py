"""A camera that lets nobody in and counts who tries: what its lock would count."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

CHALLENGE = (
    "RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\n"
    'WWW-Authenticate: Digest realm="camera", nonce="0123456789abcdef"\r\n\r\n'
)


class StrictCamera:
    """RTSP with digest authentication (RFC 2326, RFC 2617); every login is wrong."""

    def __init__(self) -> None:
        self.connections = 0
        self.logins = 0  # requests with credentials
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="strict-camera", daemon=True)

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/stream"

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
            self.connections += 1
            with connection, connection.makefile("rwb") as stream:
                while request := self._request(stream):  # type: ignore[arg-type]
                    self.logins += "authorization" in request
                    stream.write(CHALLENGE.format(cseq=request.get("cseq", "0")).encode())
                    stream.flush()

    @staticmethod
    def _request(stream: socket.SocketIO) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := stream.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers
