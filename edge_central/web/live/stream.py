"""``/live``: Server-Sent Events, as a browser's ``EventSource`` reads them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edge_central.web.auth.accounts import ANYBODY
from edge_central.web.front import Front, Known
from edge_central.web.live.hub import Hub, Listener
from edge_central.web.refusals import Refusal, TooMany, Unavailable

MOST_LISTENERS = 200
MOST_OF_ONE = 20
"""Streams and waiting questions of one session or token."""
MOST_OF_ACCOUNT = 40
"""In all its sessions: an account that logs in ten times must not take all streams."""
SIGN_OF_LIFE_S = 15.0
"""Proxies close what says nothing for a minute."""
RETRY_MS = 2_000
_MARK = re.compile(r"[0-9a-f]{8}-\d{1,15}")


def stream_of(front: Front, hub: Hub) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint."""

    async def live(request: Request) -> Response:
        try:
            known = await front.who(request, ANYBODY)
            check_room(hub, known)
        except Refusal as refusal:
            return front.refuse(request, refusal)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        if after is not None and not _MARK.fullmatch(after):
            after = ""  # of nobody's: he is stale
        return StreamingResponse(
            _messages(hub, known, after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return live


def check_room(hub: Hub, known: Known) -> None:
    """Raises Unavailable, TooMany."""
    if hub.count >= MOST_LISTENERS:
        raise Unavailable(f"{MOST_LISTENERS} listen already", retry_after_s=30)
    if hub.count_of(known.key) >= MOST_OF_ONE:
        raise TooMany(f"{MOST_OF_ONE} streams of yours are open already", retry_after_s=30)
    if hub.count_of_account(known.account.name) >= MOST_OF_ACCOUNT:
        raise TooMany(f"{MOST_OF_ACCOUNT} streams of your account are open already", retry_after_s=30)


async def _messages(hub: Hub, known: Known, after: str | None) -> AsyncIterator[bytes]:
    account = known.account
    listener = hub.join(account.scope, known.key, known.session is not None, after, account.name)
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        while not listener.ended:
            if await heard_within(listener, SIGN_OF_LIFE_S):
                yield b"".join(map(hub.text, listener.take()))
            else:
                yield b": still here\n\n"
    finally:
        hub.leave(listener)


async def heard_within(listener: Listener, timeout_s: float) -> bool:
    """Whether there is something to take."""
    try:
        async with asyncio.timeout(timeout_s):
            await listener.news.wait()
    except TimeoutError:
        return False
    return True
