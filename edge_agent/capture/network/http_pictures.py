"""Reads JPEG pictures from an HTTP camera (multipart/x-mixed-replace)."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Iterator

from edge_agent.capture.failures import CameraFault, Fault, fault_of_status
from edge_agent.capture.network.authentication import Authenticator
from edge_agent.capture.network.camera_socket import BoundedReader, CameraSocket, ChunkedBody
from edge_agent.capture.network.rtp import MAX_UNIT_BYTES
from edge_agent.capture.network.rtsp import MAX_DIGITS

MAX_HEAD_BYTES = 16_384
MAX_LINES = 64
"""Limit of lines in a part's headers, and between two parts."""
MAX_LOGINS = 3


class HttpPictures:
    """Reads the pictures of one connection. The constructor blocks until the pictures begin. Does not follow
    redirects. Used by one thread. Raises ``CameraFault``."""

    def __init__(
        self, url: str, endpoint: tuple[str, int], authenticator: Authenticator, *, tls: bool, limit_s: float
    ) -> None:
        """``url``: without credentials. ``limit_s``: time limit until the pictures begin."""
        parts = urllib.parse.urlsplit(url)
        self._target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._host = parts.netloc
        self._authenticator = authenticator
        until_mono = time.monotonic() + limit_s
        for _ in range(MAX_LOGINS):
            self._socket = CameraSocket(*endpoint, tls=tls, until_mono=until_mono)
            try:
                body = self._body()
            except BaseException:
                self._socket.close()
                raise
            if body is not None:
                self._reader = body
                return
            self._socket.close()
        raise CameraFault(Fault.WRONG_LOGIN)

    def pictures(self) -> Iterator[bytes]:
        """Yield JPEG files until the connection ends or the time limit is over."""
        reader = self._reader
        while True:
            boundary = self._boundary()
            headers = self._part_headers()
            length = headers.get(b"content-length", b"")
            if length.isdigit():
                if len(length) > MAX_DIGITS or int(length) > MAX_UNIT_BYTES:
                    raise CameraFault(Fault.TOO_LARGE_UNIT)
                content = reader.take(int(length))
            else:
                content = self._unmeasured(b"\r\n" + boundary)
            kind = headers.get(b"content-type", b"image/jpeg").lower()
            if content and kind.startswith(b"image/jp"):
                yield content

    def wait_at_most(self, seconds: float) -> None:
        """Limit the total time of all reads from now on."""
        self._socket.until_mono = time.monotonic() + seconds

    def close(self) -> None:
        self._socket.close()

    def _body(self) -> BoundedReader | None:
        """Send the request and return the body of the answer; None when it must be repeated with a login."""
        request = (
            f"GET {self._target} HTTP/1.0\r\nHost: {self._host}\r\nUser-Agent: edge-agent\r\nAccept: */*\r\n"
        )
        if (authorization := self._authenticator.authorization("GET", self._target)) is not None:
            request += f"Authorization: {authorization}\r\n"
        self._socket.send(f"{request}\r\n".encode())
        if self._socket.peek(5) != b"HTTP/":
            raise CameraFault(Fault.FOREIGN)
        head = self._socket.take_until(b"\r\n\r\n", MAX_HEAD_BYTES).decode("latin-1")
        first, *lines = head.split("\r\n")
        pairs = [
            (name.strip().lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines)
        ]
        status = first.partition(" ")[2][:3]
        if status == "401":
            self._authenticator.challenged([value for name, value in pairs if name == "www-authenticate"])
            return None
        headers = dict(pairs)
        if not status.isdecimal() or not 200 <= int(status) < 300:
            number = int(status) if status.isdecimal() else 0
            fault = fault_of_status(number, has_credentials=self._authenticator.has_credentials)
            raise CameraFault(fault)
        if not headers.get("content-type", "").lower().startswith("multipart/"):
            raise CameraFault(Fault.UNDESCRIBED)
        chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        return ChunkedBody(self._socket) if chunked else self._socket

    def _boundary(self) -> bytes:
        """Read the line that begins the next part. Cameras write the boundary in the answer's head in many
        ways, so it is not used."""
        for _ in range(MAX_LINES):
            line = self._reader.line()
            if line.startswith(b"--"):
                return line
        raise CameraFault(Fault.UNDESCRIBED)

    def _part_headers(self) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        for _ in range(MAX_LINES):
            line = self._reader.line()
            if not line:
                return headers
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        raise CameraFault(Fault.TOO_MUCH)

    def _unmeasured(self, boundary: bytes) -> bytes:
        try:
            content = self._reader.take_until(boundary, MAX_UNIT_BYTES)
        except CameraFault as error:
            too_large = error.fault is Fault.TOO_MUCH
            raise CameraFault(Fault.TOO_LARGE_UNIT if too_large else error.fault) from None
        self._reader.buffer = boundary[2:] + self._reader.buffer[self._reader.at :]
        self._reader.at = 0
        return content
