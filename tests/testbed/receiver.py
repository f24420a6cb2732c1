"""An HTTPS server that collects what a webhook posts, or returns the answers that a test sets. XML is stored
as its text."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.testbed.mosquitto import Certificate, wait_until


class Receiver:
    """``answers`` are used one by one, then the answer is 200. ``close`` and ``open`` keep the port."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        self.answers: list[int] = []
        self.posted: list[tuple[dict[str, str], Any]] = []  # headers and body of accepted posts
        self.asked = 0
        self.text = ""  # body of each answer
        self._certificate = certificate
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"{'http' if self._certificate is None else 'https'}://127.0.0.1:{self._port}/alerts?of=edge"

    def open(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers["Content-Length"]))
                is_json = self.headers["Content-Type"] == "application/json"
                body = json.loads(said) if is_json else said.decode()
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200 and self.path == "/alerts?of=edge":
                    receiver.posted.append((dict(self.headers), body))
                receiver.asked += 1
                self.send_response(status)
                self.end_headers()
                self.wfile.write(receiver.text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Not on the screen."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate.cert, self._certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait_posted(self, count: int) -> None:
        wait_until(lambda: len(self.posted) >= count, what=f"{count} alerts at the webhook")

    @property
    def words(self) -> list[str]:
        return [f"{body['state']} {body['rule']}" for _, body in self.posted]
