"""An https server that takes PUT, as presigned URLs do, with a certificate of its own CA."""

from __future__ import annotations

import hashlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from tests.testbed.mosquitto import Authority


class PutServer:
    """``stored`` by path; ``answers``: status codes of the first requests, instead of 200."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        certificate = authority.issue("localhost", san="DNS:localhost")
        self.client_tls = ssl.create_default_context(cafile=authority.cert)
        self.stored: dict[str, bytes] = {}
        self.types: list[str] = []
        self.answers: list[int] = []
        self.asked = 0
        self._server = ThreadingHTTPServer(("localhost", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert, certificate.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def url(self, path: str) -> str:
        return f"https://localhost:{self._server.server_address[1]}{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked += 1
                status = server.answers.pop(0) if server.answers else 200
                self.send_response(status)
                if status == 200:
                    server.stored[self.path] = body
                    server.types.append(self.headers["Content-Type"])
                    self.send_header("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
                elif status == 302:
                    self.send_header("Location", server.url("/elsewhere"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        return Handler
