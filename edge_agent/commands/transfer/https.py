"""One https request to a server that a command named: it ends, and goes nowhere else.

The standard library's connection, without what would follow a redirect: to another host, to plain http, or to
a camera beside the box.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge_agent.commands.action import CommandRefused

TIMEOUT_S = 60.0
"""Of one read or write: a SIM link may stand still for half a minute."""
LONGEST_WORDS = 200
"""What a server says of itself, in logs and answers."""


@dataclass(frozen=True, slots=True)
class HttpsTarget:
    """What of a URL is asked for, and where."""

    host: str
    port: int
    path: str  # with the query, which may be a secret

    @classmethod
    def of(cls, url: str) -> HttpsTarget:
        """Raises ``Refused``, without a word of the URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme != "https" or not (url.isascii() and url.isprintable()):
            raise CommandRefused("a URL is none of an https server: https://host/...", "bad-arguments")
        return cls(host, port or 443, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


class HttpsConnection(http.client.HTTPSConnection):
    """Its socket is there before the TLS handshake is done, so that it can be shut meanwhile."""

    def __init__(self, target: HttpsTarget, tls: ssl.SSLContext) -> None:
        super().__init__(target.host, target.port, timeout=TIMEOUT_S, context=tls)
        self._tls = tls
        self._secure: ssl.SSLSocket | None = None

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._secure = self._tls.wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )
        self._secure.do_handshake()

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """What is done with it ends at that monotonic time, with an ``OSError``."""
        # A timeout begins anew with each byte: only a closed connection ends a slow drip.
        guard = threading.Timer(max(0.0, deadline - time.monotonic()), self._shut)
        guard.daemon = True
        guard.start()
        try:
            yield
        finally:
            guard.cancel()
            self.close()

    def _shut(self) -> None:
        if self._secure is not None:
            with suppress(OSError):
                # Of the plain socket: SSLSocket.shutdown would take the TLS state from the other thread.
                socket.socket.shutdown(self._secure, socket.SHUT_RDWR)


def sanitized(words: str) -> str:
    """What somebody else wrote, for a log."""
    return "".join(each if each.isprintable() else "?" for each in words[:LONGEST_WORDS])
