"""An HTTP camera for tests: multipart/x-mixed-replace, with basic or digest authentication.

with MjpegServer(pictures, fps=10) as server:
    reader.open(server.url)
    server.stall()      # keeps the connection, sends nothing more
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler

from tests.testbed.small_server import HttpServer

REALM, NONCE = "camera", "5f2c9d"


class MjpegServer(HttpServer):
    """``pictures``: JPEG files as bytes, sent in turn for ever (or ``rounds`` times).

    ``style`` is how the camera writes the stream: ``plain`` (Content-Length, as most do), ``bare`` (no
    Content-Length), ``dashes`` (the header's boundary already has its two dashes) or ``quoted`` (the boundary
    is quoted).
    """

    def __init__(
        self,
        pictures: Sequence[bytes],
        *,
        fps: float = 10,
        style: str = "plain",
        user: str | None = None,
        password: str = "",
        auth: str = "basic",
        rounds: int | None = None,
    ) -> None:
        super().__init__()
        self.pictures = list(pictures)
        self.period_s = 1 / fps
        self.style = style
        self.user, self.password, self.auth = user, password, auth
        self.rounds = rounds
        self.stalled = threading.Event()
        self.closing = threading.Event()

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        super().__exit__()

    @property
    def url(self) -> str:
        return f"{self.origin}/video.mjpg"

    def stall(self) -> None:
        """Keep every connection open and send nothing more."""
        self.stalled.set()

    def allows(self, header: str | None, method: str, path: str) -> bool:
        if self.user is None:
            return True
        if not header:
            return False
        if self.auth == "basic":
            expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return header == f"Basic {expected}"
        return self._digest_matches(header, method, path)

    def _digest_matches(self, header: str, method: str, path: str) -> bool:
        """RFC 2617 digest with qop=auth."""
        given = {k: q or v for k, q, v in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}
        ha1 = _md5(f"{self.user}:{REALM}:{self.password}")
        ha2 = _md5(f"{method}:{path}")
        parts = [ha1, NONCE, given.get("nc", ""), given.get("cnonce", ""), given.get("qop", ""), ha2]
        return given.get("username") == self.user and given.get("response") == _md5(":".join(parts))

    def challenge(self) -> str:
        if self.auth == "basic":
            return f'Basic realm="{REALM}"'
        return f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=MD5'

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        if not self.allows(request.headers.get("Authorization"), "GET", request.path):
            request.send_response(401)
            request.send_header("WWW-Authenticate", self.challenge())
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif request.path != "/video.mjpg":
            request.send_error(404)
        else:
            boundary = {"dashes": "--frame", "quoted": '"frame"'}.get(self.style, "frame")
            request.send_response(200)
            request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={boundary}")
            request.end_headers()
            self._send_pictures(request)

    def _send_pictures(self, request: BaseHTTPRequestHandler) -> None:
        count = 0
        while self.rounds is None or count < self.rounds * len(self.pictures):
            request.wfile.write(self._part(self.pictures[count % len(self.pictures)]))
            count += 1
            if self.closing.wait(self.period_s):
                return
            while self.stalled.is_set():
                if self.closing.wait(0.05):
                    return

    def _part(self, jpeg: bytes) -> bytes:
        length = "" if self.style == "bare" else f"Content-Length: {len(jpeg)}\r\n"
        return f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + jpeg + b"\r\n"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
