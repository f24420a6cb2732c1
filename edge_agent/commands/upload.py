"""A file to a presigned https URL, whole or in parts, with the standard library.

Nothing is resumed inside a part: a presigned PUT is all or nothing, so a part that fails is sent again whole.
No redirect is followed and no name of the URL's path is logged: who knows a presigned URL may use it.
"""

from __future__ import annotations

import http.client
import logging
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from edge_agent.commands.action import Failed

log = logging.getLogger(__name__)

ATTEMPTS = 4
FIRST_PAUSE_S = 2.0
TIMEOUT_S = 60.0
"""Of one read or write: a SIM link may stand still for half a minute."""
BLOCK = 65_536

Pause = Callable[[float], bool]
"""Waits so many seconds; True when the agent stops."""


def put(
    payload: bytes,
    urls: Sequence[str],
    part_bytes: int,
    content_type: str,
    pause: Pause,
    tls: ssl.SSLContext | None = None,
) -> list[str]:
    """Send ``payload`` in parts of ``part_bytes``, one for each URL; the ETags that the server gives.

    Raises Failed: the URLs are not as many as the parts, or a part was refused, or failed ``ATTEMPTS`` times.
    """
    parts = [payload[at : at + part_bytes] for at in range(0, len(payload), part_bytes)]
    if len(parts) != len(urls):
        needed = f"{len(payload)} bytes are {len(parts)} parts of {part_bytes}"
        raise Failed(f"{needed}, and there are {len(urls)} URLs; nothing was sent")
    context = tls or ssl.create_default_context()
    return [_put_part(part, url, content_type, pause, context) for part, url in zip(parts, urls, strict=True)]


def _put_part(part: bytes, url: str, content_type: str, pause: Pause, tls: ssl.SSLContext) -> str:
    host = urlsplit(url).hostname
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt and pause(FIRST_PAUSE_S * 2**attempt):
            raise Failed("the agent stops; it was not sent", "interrupted")
        try:
            status, words, etag = _put_once(part, url, content_type, tls)
        except (OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"
            log.info("upload to %s failed: %s", host, reason)
            continue
        if 200 <= status < 300:
            return etag
        reason = f"the server says {status} {words}"
        if status < 500 and status not in (408, 429):
            break  # an expired signature does not get better
    raise Failed(f"the upload to {host} failed: {reason}")


def _put_once(part: bytes, url: str, content_type: str, tls: ssl.SSLContext) -> tuple[int, str, str]:
    """Status, its words, ETag."""
    address = urlsplit(url)
    assert address.hostname is not None
    connection = http.client.HTTPSConnection(
        address.hostname, address.port or 443, timeout=TIMEOUT_S, context=tls, blocksize=BLOCK
    )
    try:
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        headers = {"Content-Type": content_type, "Content-Length": str(len(part))}
        connection.request("PUT", target, body=part, headers=headers)
        answer = connection.getresponse()
        answer.read(BLOCK)
        return answer.status, answer.reason, answer.headers.get("ETag", "")
    finally:
        connection.close()
