"""An https server that takes PUT, as presigned URLs do, with a certificate of its own CA."""

from __future__ import annotations

import hashlib
import ssl
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.testbed.mosquitto import Authority
from tests.testbed.small_server import HttpServer


class Localhost:
    """A certificate for ``localhost`` of its own CA."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        self.ca_file = authority.cert
        self.certificate = authority.issue("localhost", san="DNS:localhost")
        self.client_tls = ssl.create_default_context(cafile=authority.cert)


class PutServer(HttpServer):
    """``stored`` by path; ``answers``: status codes of the first requests, instead of 200."""

    def __init__(self, folder: Path) -> None:
        own = Localhost(folder)
        super().__init__(own.certificate, "localhost")
        self.client_tls = own.client_tls
        self.stored: dict[str, bytes] = {}
        self.types: list[str] = []
        self.answers: list[int] = []
        self.asked = 0

    def url(self, path: str) -> str:
        return self.origin + path

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.asked += 1
        status = self.answers.pop(0) if self.answers else 200
        request.send_response(status)
        if status == 200:
            self.stored[request.path] = body
            self.types.append(request.headers["Content-Type"])
            request.send_header("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        elif status == 302:
            request.send_header("Location", self.url("/elsewhere"))
        request.send_header("Content-Length", "0")
        request.end_headers()
