"""An HTTPS server that collects what a webhook posts, or returns the answers that a test sets. XML is stored
as its text."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.testbed.mosquitto import Certificate, wait_until
from tests.testbed.small_server import HttpServer

PATH = "/alerts?of=edge"


class Receiver(HttpServer):
    """``answers`` are used one by one, then the answer is 200."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        super().__init__(certificate)
        self.answers: list[int] = []
        self.posted: list[tuple[dict[str, str], Any]] = []  # headers and body of accepted posts
        self.asked = 0
        self.text = ""  # body of each answer

    @property
    def url(self) -> str:
        return self.origin + PATH

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        said = request.rfile.read(int(request.headers["Content-Length"]))
        is_json = request.headers["Content-Type"] == "application/json"
        body = json.loads(said) if is_json else said.decode()
        status = self.answers.pop(0) if self.answers else 200
        if status == 200 and request.path == PATH:
            self.posted.append((dict(request.headers), body))
        self.asked += 1
        request.send_response(status)
        request.end_headers()
        request.wfile.write(self.text.encode())

    def wait_posted(self, count: int) -> None:
        wait_until(lambda: len(self.posted) >= count, what=f"{count} alerts at the webhook")

    @property
    def words(self) -> list[str]:
        return [f"{body['state']} {body['rule']}" for _, body in self.posted]
