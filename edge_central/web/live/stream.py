"""``/live``: Server-Sent Events, as a browser's ``EventSource`` reads them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edge_central.web.auth.accounts import ADMIN_ROLES, ALL_ROLES
from edge_central.web.http_errors import HttpError, TooMany, Unavailable
from edge_central.web.live.hub import STALE, LiveHub, LiveListener
from edge_central.web.request_handler import Principal, RequestHandler

MOST_LISTENERS = 200
MOST_OF_ONE = 20  # maximum number of streams and waiting requests of one session or token
MOST_OF_ACCOUNT = 40  # the same of one account in all its sessions, however often it logs in
KEEPALIVE_S = 10.0
"""Interval of ``alive`` in a stream without messages. Proxies close a connection that is silent for a minute,
and a page treats one without a message for 25 s as lost (SILENT_MS in live.js)."""
ALIVE = b"event: alive\ndata: {}\n\n"
"""Not a comment, which a browser hides from the page. It has no mark."""
RETRY_MS = 2_000
_MARK = re.compile(r"[0-9a-f]{8}-\d{1,15}")


def live_endpoint(front: RequestHandler, hub: LiveHub) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint."""

    async def live(request: Request) -> Response:
        try:
            known = await front.authenticate_async(request, ALL_ROLES)
            check_capacity(hub, known)
        except HttpError as refusal:
            return front.error_response(request, refusal)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        if after is not None and not _MARK.fullmatch(after):
            after = ""  # a mark of no process, so that the listener gets ``stale``
        return StreamingResponse(
            _messages(hub, known, after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return live


def check_capacity(hub: LiveHub, known: Principal) -> None:
    """Check that another stream may be opened. Raises Unavailable, TooMany."""
    if hub.count >= MOST_LISTENERS:
        raise Unavailable(f"{MOST_LISTENERS} listen already", retry_after_s=30)
    if hub.count_of(known.key) >= MOST_OF_ONE:
        raise TooMany(f"{MOST_OF_ONE} streams of yours are open already", retry_after_s=30)
    if hub.count_of_account(known.account.name) >= MOST_OF_ACCOUNT:
        raise TooMany(f"{MOST_OF_ACCOUNT} streams of your account are open already", retry_after_s=30)


async def _messages(hub: LiveHub, known: Principal, after: str | None) -> AsyncIterator[bytes]:
    account = known.account
    person, is_admin = known.session is not None, account.role in ADMIN_ROLES
    listener = hub.join(account.scope, known.key, person, after, account.name, is_admin=is_admin)
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        while not listener.ended:
            if await message_within(listener, KEEPALIVE_S):
                yield b"".join(map(hub.text, listener.take_waiting()))
            else:
                yield ALIVE
    finally:
        hub.leave(listener)


async def event_within(listener: LiveListener, timeout_s: float) -> bool:
    """Whether an event arrived within the time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    while not listener.ended and await message_within(listener, until - loop.time()):
        if any(message.content.kind in ("event", STALE.kind) for message in listener.take_waiting()):
            return True
    return False


async def message_within(listener: LiveListener, timeout_s: float) -> bool:
    """Whether a message arrived within the time."""
    try:
        async with asyncio.timeout(timeout_s):
            await listener.news.wait()
    except TimeoutError:
        return False
    return True
