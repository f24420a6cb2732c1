"""HTTPS transfers with a server that a command names, with time limits and without redirects.

A redirect could lead to another host, to plain http, or to a camera on the site's network. ``download``
fetches one file of known size, and resumes a download that was interrupted. ``Uploader`` sends a file to
presigned URLs, whole or in parts; a presigned PUT cannot be resumed, so a part that fails is sent again as a
whole. Logs and replies name only the host, because anyone who has a presigned URL may use it.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.commands.action import CommandFailed, CommandRefused
from edge_agent.core.problems import problem_text

log = logging.getLogger(__name__)

TIMEOUT_S = 60.0  # limit of one read or write: a mobile link may stall for half a minute
MAX_SERVER_TEXT = 200  # characters of a server's text in logs and replies


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
            raise CommandRefused(problem_text("command-bad-url"), "bad-arguments")
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
        """Shut the connection down at that monotonic time; a running operation then raises ``OSError``."""
        # A socket's timeout starts again with each byte: only a shutdown ends a transfer from a slow server.
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


DOWNLOAD_ATTEMPTS, DOWNLOAD_WAIT_S = 5, 20.0
DOWNLOAD_BLOCK = 65536
MAX_ATTEMPT_S = 3600.0  # limit of one attempt; the next one resumes the download


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

    ``received`` is called with the size of each block. Raises OSError; the downloaded part is kept.
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
            if not (have and answer.status == 206):  # the whole file comes: no range sent, or it was ignored
                have = 0
            file.truncate(have)
            file.seek(have)
            while have < size_bytes and (block := answer.read1(min(DOWNLOAD_BLOCK, size_bytes - have))):
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


def retry_download(
    fetch: Callable[[], bool], name: str, outcome: str, *, wait_s: float, stopping: Callable[[], bool]
) -> bool:
    """Call ``fetch``, which downloads the file ``name``, until it raises no OSError. False: the agent stops.

    Raises CommandFailed after ``DOWNLOAD_ATTEMPTS``. Its text has the code ``outcome``, which says, in
    addition to ``{why}``, what remains of the download.
    """
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        try:
            return fetch()
        except OSError as error:
            if attempt == DOWNLOAD_ATTEMPTS:
                failed = problem_text("download-failed", file=name, error=str(error))
                raise CommandFailed(problem_text(outcome, why=failed)) from error
            log.info("%s: %s, attempt %d of %d", name, error, attempt, DOWNLOAD_ATTEMPTS)
        for _ in range(int(wait_s * 2)):
            if stopping():
                break
            threading.Event().wait(0.5)
    return False


def sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, hex; None: the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


UPLOAD_ATTEMPTS = 4
FIRST_PAUSE_S = 2.0
UPLOAD_WITHIN_S = 3300.0
"""Limit of a whole upload: a server that sends a byte a minute would otherwise never end it."""
UPLOAD_BLOCK = 16_384
MAX_ETAG = 200

Pause = Callable[[float], bool]  # waits for the seconds; True: the agent stops


def ignore_bytes(size_bytes: int) -> None:
    """Default traffic callback that does nothing."""


@dataclass(frozen=True)
class Uploader:
    """Uploads files; any thread may call ``put``."""

    pause: Pause
    tls: ssl.SSLContext | None = None  # None: the system's trust store
    bytes_s: float = math.inf  # rate limit: else alarms wait behind the upload in the modem's queue
    on_bytes_sent: Callable[[int], None] = ignore_bytes  # called with the number of bytes sent
    within_s: float = UPLOAD_WITHIN_S

    def put(
        self, payload: bytes, targets: Sequence[HttpsTarget], part_bytes: int, content_type: str
    ) -> list[str]:
        """Send ``payload`` in parts of ``part_bytes``, one to each target. Returns the server's ETags.

        Raises CommandFailed when the numbers of targets and parts differ, or a part was refused, failed
        ``UPLOAD_ATTEMPTS`` times or took too long.
        """
        view = memoryview(payload)
        parts = [view[at : at + part_bytes] for at in range(0, len(view), part_bytes)]
        if len(parts) != len(targets):
            counts = {"bytes": len(payload), "parts": len(parts), "urls": len(targets)}
            raise CommandFailed(problem_text("upload-parts", **counts, part_bytes=part_bytes))
        tls = self.tls or ssl.create_default_context()
        deadline = time.monotonic() + self.within_s
        return [
            self._put_part(part, target, content_type, tls, deadline)
            for part, target in zip(parts, targets, strict=True)
        ]

    def _put_part(
        self, part: memoryview, target: HttpsTarget, content_type: str, tls: ssl.SSLContext, deadline: float
    ) -> str:
        host, reason = target.host, ""
        for attempt in range(UPLOAD_ATTEMPTS):
            if attempt and self.pause(FIRST_PAUSE_S * 2**attempt):
                raise CommandFailed(problem_text("agent-stops-unsent"), "interrupted")
            try:
                status, reason_text, etag = self._put_once(part, target, content_type, tls, deadline)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() >= deadline:
                    took = problem_text("upload-too-slow", host=host, seconds=round(self.within_s))
                    raise CommandFailed(took) from error
                reason = sanitized(f"{type(error).__name__}: {error}")
                log.info("upload to %s failed: %s", host, reason)
                continue
            if 200 <= status < 300:
                return etag
            reason = f"the server says {status} {reason_text}"
            if status < 500 and status not in (408, 429):
                break  # another attempt would fail in the same way, for example with an expired signature
        raise CommandFailed(problem_text("upload-failed", host=host, error=reason))

    def _put_once(
        self, part: memoryview, target: HttpsTarget, content_type: str, tls: ssl.SSLContext, deadline: float
    ) -> tuple[int, str, str]:
        """Send one part. Returns status, reason and ETag."""
        connection = HttpsConnection(target, tls)
        headers = {"Content-Type": content_type, "Content-Length": str(len(part))}
        with connection.until(deadline):
            connection.request("PUT", target.path, body=self._blocks(part), headers=headers)
            answer = connection.getresponse()
            answer.read(UPLOAD_BLOCK)
        etag = answer.headers.get("ETag", "")
        return answer.status, sanitized(answer.reason), etag if len(etag) <= MAX_ETAG else ""

    def _blocks(self, part: memoryview) -> Iterator[memoryview]:
        for at in range(0, len(part), UPLOAD_BLOCK):
            block = part[at : at + UPLOAD_BLOCK]
            yield block
            self.on_bytes_sent(len(block))
            if self.bytes_s < math.inf:
                self.pause(len(block) / self.bytes_s)
