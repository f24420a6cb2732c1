"""Receives what the console posts to its webhook, and prints a line of each notice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

MAX_BYTES = 100_000


class WebhookPrinter:
    """Listens on a free port of 127.0.0.1 while the ``with`` block runs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """``say`` prints a line; it is called on other threads."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(say))
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(say: Callable[[str], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            notice = json.loads(self.rfile.read(min(length, MAX_BYTES)))
            self.send_response(200)
            self.end_headers()
            say("webhook   " + " · ".join(notice["text"]["vi"].splitlines()[:-1]))  # the last is its time

        def log_message(self, format: str, *args: object) -> None:
            """Log no requests: each notice is printed."""

    return Handler
