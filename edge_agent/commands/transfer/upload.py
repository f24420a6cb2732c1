"""Uploads a file to presigned https URLs, whole or in parts.

A presigned PUT cannot be resumed, so a part that fails is sent again as a whole. Redirects are not followed.
Logs and replies name only the host: a presigned URL is a secret, whoever has it may use it.
"""

from __future__ import annotations

import http.client
import logging
import math
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.commands.action import CommandFailed
from edge_agent.commands.transfer.https import HttpsConnection, HttpsTarget, sanitized

log = logging.getLogger(__name__)

ATTEMPTS = 4
FIRST_PAUSE_S = 2.0
WITHIN_S = 3300.0
"""Limit of a whole upload: a server that sends a byte a minute would otherwise never end it."""
BLOCK = 16_384
MAX_ETAG = 200

Pause = Callable[[float], bool]
"""Waits so many seconds; True when the agent stops."""


def ignore_bytes(size_bytes: int) -> None:
    """Default traffic callback that does nothing."""


@dataclass(frozen=True)
class Uploader:
    """Uploads files; any thread may call ``put``."""

    pause: Pause
    tls: ssl.SSLContext | None = None  # None: the system's trust store
    bytes_s: float = math.inf  # rate limit, so that alarms do not wait behind it in the modem's queue
    on_bytes_sent: Callable[[int], None] = ignore_bytes  # called with the number of bytes sent
    within_s: float = WITHIN_S

    def put(
        self, payload: bytes, targets: Sequence[HttpsTarget], part_bytes: int, content_type: str
    ) -> list[str]:
        """Send ``payload`` in parts of ``part_bytes``, one to each target. Returns the server's ETags.

        Raises CommandFailed when the numbers of targets and parts differ, or a part was refused, failed
        ``ATTEMPTS`` times or took too long.
        """
        view = memoryview(payload)
        parts = [view[at : at + part_bytes] for at in range(0, len(view), part_bytes)]
        if len(parts) != len(targets):
            needed = f"{len(payload)} bytes are {len(parts)} parts of {part_bytes}"
            raise CommandFailed(f"{needed}, and there are {len(targets)} URLs; nothing was sent")
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
        for attempt in range(ATTEMPTS):
            if attempt and self.pause(FIRST_PAUSE_S * 2**attempt):
                raise CommandFailed("the agent stops; it was not sent", "interrupted")
            try:
                status, reason_text, etag = self._put_once(part, target, content_type, tls, deadline)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() >= deadline:
                    raise CommandFailed(
                        f"the upload to {host} took longer than {self.within_s:.0f} s"
                    ) from error
                reason = sanitized(f"{type(error).__name__}: {error}")
                log.info("upload to %s failed: %s", host, reason)
                continue
            if 200 <= status < 300:
                return etag
            reason = f"the server says {status} {reason_text}"
            if status < 500 and status not in (408, 429):
                break  # another attempt would fail alike, for example with an expired signature
        raise CommandFailed(f"the upload to {host} failed: {reason}")

    def _put_once(
        self, part: memoryview, target: HttpsTarget, content_type: str, tls: ssl.SSLContext, deadline: float
    ) -> tuple[int, str, str]:
        """Send one part. Returns status, reason and ETag."""
        connection = HttpsConnection(target, tls)
        headers = {"Content-Type": content_type, "Content-Length": str(len(part))}
        with connection.until(deadline):
            connection.request("PUT", target.path, body=self._blocks(part), headers=headers)
            answer = connection.getresponse()
            answer.read(BLOCK)
        etag = answer.headers.get("ETag", "")
        return answer.status, sanitized(answer.reason), etag if len(etag) <= MAX_ETAG else ""

    def _blocks(self, part: memoryview) -> Iterator[memoryview]:
        for at in range(0, len(part), BLOCK):
            block = part[at : at + BLOCK]
            yield block
            self.on_bytes_sent(len(block))
            if self.bytes_s < math.inf:
                self.pause(len(block) / self.bytes_s)
