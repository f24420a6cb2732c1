"""A file to a presigned https URL, whole or in parts.

Nothing is resumed inside a part: a presigned PUT is all or nothing, so a part that fails is sent again whole.
No redirect is followed, and of a URL only the host is ever told: who knows a presigned URL may use it.
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
"""Of the whole: a server that answers a byte a minute would never end it."""
BLOCK = 16_384
LONGEST_ETAG = 200

Pause = Callable[[float], bool]
"""Waits so many seconds; True when the agent stops."""


def ignore_bytes(size_bytes: int) -> None:
    """Nobody counts."""


@dataclass(frozen=True)
class Uploader:
    """One for the box; ``put`` for any thread."""

    pause: Pause
    tls: ssl.SSLContext | None = None  # None: the system's trust store
    bytes_s: float = math.inf  # no faster: an alarm must not sit behind it in the modem's queue
    on_bytes_sent: Callable[[int], None] = ignore_bytes  # told how many bytes went
    within_s: float = WITHIN_S

    def put(
        self, payload: bytes, targets: Sequence[HttpsTarget], part_bytes: int, content_type: str
    ) -> list[str]:
        """Send ``payload`` in parts of ``part_bytes``, one for each target; the ETags that the server gives.

        Raises Failed: the targets are not as many as the parts, or a part was refused, failed ``ATTEMPTS``
        times or took too long.
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
                status, words, etag = self._put_once(part, target, content_type, tls, deadline)
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
            reason = f"the server says {status} {words}"
            if status < 500 and status not in (408, 429):
                break  # an expired signature does not get better
        raise CommandFailed(f"the upload to {host} failed: {reason}")

    def _put_once(
        self, part: memoryview, target: HttpsTarget, content_type: str, tls: ssl.SSLContext, deadline: float
    ) -> tuple[int, str, str]:
        """Status, its words, ETag."""
        connection = HttpsConnection(target, tls)
        headers = {"Content-Type": content_type, "Content-Length": str(len(part))}
        with connection.until(deadline):
            connection.request("PUT", target.path, body=self._blocks(part), headers=headers)
            answer = connection.getresponse()
            answer.read(BLOCK)
        etag = answer.headers.get("ETag", "")
        return answer.status, sanitized(answer.reason), etag if len(etag) <= LONGEST_ETAG else ""

    def _blocks(self, part: memoryview) -> Iterator[memoryview]:
        for at in range(0, len(part), BLOCK):
            block = part[at : at + BLOCK]
            yield block
            self.on_bytes_sent(len(block))
            if self.bytes_s < math.inf:
                self.pause(len(block) / self.bytes_s)
