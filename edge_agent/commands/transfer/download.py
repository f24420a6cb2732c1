"""Fetches one file of known size over https; a fetch that was cut off goes on where it ended."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.commands.transfer.https import HttpsConnection, HttpsTarget

BLOCK = 65536
ATTEMPT_S = 3600.0
"""Then the next attempt goes on where this one ended."""


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
    connection, deadline = HttpsConnection(target, tls), time.monotonic() + ATTEMPT_S
    try:
        with connection.until(deadline), part.open("r+b" if have else "wb") as file:
            headers = {"Range": f"bytes={have}-"} if have else {}
            connection.request("GET", target.path, headers=headers)
            answer = connection.getresponse()
            if answer.status not in (200, 206):  # a redirect, too
                raise OSError(f"{target.host}: the server says {answer.status}")
            if not (have and answer.status == 206):  # a server that always begins at the start
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
