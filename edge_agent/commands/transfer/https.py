"""HTTPS requests to a server that a command names, with a time limit and without redirects.

A redirect could lead to another host, to plain http, or to a camera on the site's network. ``download``
fetches one file of known size, and resumes a download that was interrupted.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.commands.action import CommandRefused

TIMEOUT_S = 60.0
"""Limit of one read or write: a mobile link may stall for half a minute."""
MAX_SERVER_TEXT = 200
"""Characters of a server's text in logs and replies."""


@dataclass(frozen=True, slots=True)
class HttpsTarget:
    """Server and path of an https URL."""

    host: str
    port: int
    path: str  # with the query, which may be a secret

    @classmethod
    def of(cls, url: str) -> HttpsTarget:
        """Parse a URL. Raises CommandRefused; its text does not repeat the URL, which may be a secret."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme != "https" or not (url.isascii() and url.isprintable()):
            raise CommandRefused("a URL is none of an https server: https://host/...", "bad-arguments")
        return cls(host, port or 443, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


class HttpsConnection(http.client.HTTPSConnection):
    """A connection that can be shut down during the TLS handshake as well."""

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
        """Shut the connection down at that monotonic time: the operation raises ``OSError``."""
        # A socket's timeout starts again with each byte: only a shutdown ends a server that sends slowly.
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
                # SSLSocket.shutdown would drop the TLS state that the other thread uses.
                socket.socket.shutdown(self._secure, socket.SHUT_RDWR)


def sanitized(words: str) -> str:
    """Return a server's text, shortened and printable, for a log."""
    return "".join(each if each.isprintable() else "?" for each in words[:MAX_SERVER_TEXT])


BLOCK = 65536
MAX_ATTEMPT_S = 3600.0
"""Limit of one attempt; the next one resumes the download."""


def download(
    url: str,
    part: Path,
    size_bytes: int,
    *,
    ca_file: str | None,
    stopping: Callable[[], bool],
    received: Callable[[int], None],
) -> bool:
    """Append to ``part`` until it has ``size_bytes``, and never more. False: the agent stops.

    ``received`` is called with the size of each block. Raises OSError; what came is kept.
    """
    have = part.stat().st_size if part.is_file() else 0
    if have > size_bytes:
        have = 0
    if have == size_bytes:
        return True
    target, tls = HttpsTarget.of(url), ssl.create_default_context(cafile=ca_file)
    connection, deadline = HttpsConnection(target, tls), time.monotonic() + MAX_ATTEMPT_S
    try:
        with connection.until(deadline), part.open("r+b" if have else "wb") as file:
            headers = {"Range": f"bytes={have}-"} if have else {}
            connection.request("GET", target.path, headers=headers)
            answer = connection.getresponse()
            if answer.status not in (200, 206):  # a redirect is refused as well
                raise OSError(f"{target.host}: the server says {answer.status}")
            if not (have and answer.status == 206):  # the server ignored the range and sends the whole file
                have = 0
            file.truncate(have)
            file.seek(have)
            while have < size_bytes and (block := answer.read1(min(BLOCK, size_bytes - have))):
                if stopping():
                    return False
                file.write(block)
                have += len(block)
                received(len(block))
    except (ValueError, http.client.HTTPException) as error:
        raise OSError(f"{target.host}: {type(error).__name__}") from error
    if have < size_bytes:
        raise OSError(f"{target.host}: the answer ended after {have} of {size_bytes} bytes")
    return True
