"""Posts documents, mostly JSON, to a server within a time limit. Error texts never name the URL: its path
may be secret."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent import __version__
from edge_agent.core.errors import CentralError
from edge_agent.core.secrets import Secret

TIMEOUT_S = 10.0
DEADLINE_S = 30.0
"""Limit for a whole response: a server that sends one byte every nine seconds must not block the queue."""
HANG_S = 180.0
"""Long enough for a slow name lookup."""
FIRST_S, CAP_S = 1.0, 300.0
"""Delays before the next attempt."""
REJECTED_STATUSES = frozenset({400, 413, 422})
"""Status codes that reject the message itself. It is dropped: a retry would fail again and block the
queue."""

ANSWER_BYTES = 1_024
"""How much of an answer is read at most."""


class PostFailed(Exception):
    """The post failed; the caller tries again later. The text says why, without the URL."""


@dataclass(frozen=True, slots=True)
class PostAnswer:
    status: int
    text: str
    """The first bytes of the body, at most as many as the caller wanted."""
    retry_after: str | None
    """Seconds or a date."""


class JsonPoster:
    """Posts to one URL, over a new connection each time. Only one thread may use it.

    ``answer``: the first ``ANSWER_BYTES`` of the latest answer; empty without ``reads_answer``.
    """

    def __init__(
        self,
        url: str,
        secret: Secret | None,
        ca_file: Path | None,
        deadline_s: float = DEADLINE_S,
        *,
        content_type: str = "application/json",
        reads_answer: bool = False,
    ) -> None:
        """Raises CentralError if ``ca_file`` holds no certificate."""
        self.answer = ""
        self._content_type = content_type
        self._reads_answer = reads_answer
        self._url = urlsplit(url)
        self._secret = secret
        self._context = tls_context(ca_file) if self._url.scheme == "https" else None
        self._deadline_s = deadline_s

    def post(self, body: bytes) -> int:
        """Post one body. Return the status: 2xx, or one of ``REJECTED_STATUSES``. Raises PostFailed."""
        target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        most = ANSWER_BYTES if self._reads_answer else 0
        answer = exchange(self._connection(), target, body, self._headers(), self._deadline_s, most)
        self.answer, status = answer.text, answer.status
        if status not in REJECTED_STATUSES and not 200 <= status < 300:
            raise PostFailed(f"the server answers with status {status}")
        return status

    def _connection(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._context is None:
            return http.client.HTTPConnection(host, self._url.port, timeout=TIMEOUT_S)
        return http.client.HTTPSConnection(host, self._url.port, timeout=TIMEOUT_S, context=self._context)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": self._content_type, "User-Agent": f"edge-central/{__version__}"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        return headers


def exchange(
    connection: http.client.HTTPConnection,
    target: str,
    body: bytes | None,
    headers: dict[str, str],
    deadline_s: float = DEADLINE_S,
    most: int = 0,
    method: str = "POST",
) -> PostAnswer:
    """Send one request over a connection that is not open yet, read at most ``most`` bytes of the answer, and
    close it. Raises PostFailed."""
    deadline = threading.Timer(deadline_s, _abort, [connection])
    deadline.daemon = True
    try:
        connection.connect()
        deadline.start()
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        text = response.read(most).decode(errors="replace") if most else ""
        response.close()
        return PostAnswer(response.status, text, response.headers.get("Retry-After"))
    except ssl.SSLCertVerificationError as error:
        raise PostFailed(f"its certificate is not trusted: {error.verify_message}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PostFailed(_words(error, connection.timeout)) from error
    finally:
        deadline.cancel()
        connection.close()


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the TLS context. Raises CentralError if ``ca_file`` holds no certificate."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CentralError(f"ca_file {ca_file} holds no certificate") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _abort(connection: http.client.HTTPConnection) -> None:
    sock: socket.socket | None = connection.sock  # None after the response
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _words(error: Exception, timeout_s: float | None) -> str:
    """Return the text of an error, without the URL."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s or TIMEOUT_S:.0f} s"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"no answer that is HTTP ({type(error).__name__})"
