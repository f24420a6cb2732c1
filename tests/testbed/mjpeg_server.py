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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

REALM, NONCE = "camera", "5f2c9d"


class MjpegServer:
    """``pictures``: JPEG files as bytes, sent in turn for ever (or ``rounds`` times).

    ``style`` is how the camera writes the stream: ``plain`` (Content-Length, as most do), ``bare`` (no
    Content-Length), ``dashes`` (the header's boundary already has its two dashes), ``quoted`` (the boundary
    is quoted) and ``odd-type`` (parts are image/jpg).
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
        self.pictures = list(pictures)
        self.period_s = 1 / fps
        self.style = style
        self.user, self.password, self.auth = user, password, auth
        self.rounds = rounds
        self.stalled = threading.Event()
        self.closing = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"mjpeg": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/video.mjpg"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="mjpeg-server")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

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


class _Handler(BaseHTTPRequestHandler):
    mjpeg: MjpegServer

    def do_GET(self) -> None:
        camera = self.mjpeg
        if not camera.allows(self.headers.get("Authorization"), "GET", self.path):
            self.send_response(401)
            self.send_header("WWW-Authenticate", camera.challenge())
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path != "/video.mjpg":
            self.send_error(404)
            return
        boundary = {"dashes": "--frame", "quoted": '"frame"'}.get(camera.style, "frame")
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={boundary}")
        self.end_headers()
        self._send_pictures()

    def _send_pictures(self) -> None:
        camera = self.mjpeg
        count = 0
        try:
            while camera.rounds is None or count < camera.rounds * len(camera.pictures):
                self._send_picture(camera.pictures[count % len(camera.pictures)])
                count += 1
                if camera.closing.wait(camera.period_s):
                    return
                while camera.stalled.is_set():
                    if camera.closing.wait(0.05):
                        return
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has gone

    def _send_picture(self, jpeg: bytes) -> None:
        kind = "image/jpg" if self.mjpeg.style == "odd-type" else "image/jpeg"
        length = "" if self.mjpeg.style == "bare" else f"Content-Length: {len(jpeg)}\r\n"
        self.wfile.write(f"--frame\r\nContent-Type: {kind}\r\n{length}\r\n".encode() + jpeg + b"\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
