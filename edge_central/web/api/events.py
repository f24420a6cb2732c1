"""``GET /api/events``: history after a cursor, and waiting for what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.clock import rfc3339
from edge_central.web.api import cursors
from edge_central.web.api.asked import NOW, Asked, asked_of
from edge_central.web.api.history import Deleted, Events, deleted_after, events_after
from edge_central.web.auth.accounts import ANYBODY
from edge_central.web.front import Front, Known, packed
from edge_central.web.live.hub import STALE, Hub, Listener
from edge_central.web.live.stream import check_room, heard_within
from edge_central.web.refusals import Refusal

JSON = "application/json"


def events_of(front: Front, hub: Hub) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint."""

    async def events(request: Request) -> Response:
        try:
            known = await front.who(request, ANYBODY)
            asked = asked_of(request.query_params, known.account.scope)
            mark = hub.mark()  # before the first look: what comes after it is heard
            found = await _look(front, request, asked)
            if not found.payloads and not found.more and asked.wait_s:
                found = await _wait(front, hub, request, asked, known, mark, found)
            return await front.thread(lambda: packed(request, _answer(found)))
        except Refusal as refusal:
            return front.refuse(request, refusal)

    return events


async def _look(front: Front, request: Request, asked: Asked) -> Events:
    def look() -> Events:
        with front.reading(request) as connection:
            if asked.after == NOW:
                here = cursors.at_or_before(connection, cursors.newest_number(connection))
                return Events((), here, False, deleted_after(connection, asked.wanted, here.number))
            after = cursors.BEGINNING if asked.after is None else cursors.parse(asked.after)
            cursors.confirm(connection, after)
            return events_after(connection, asked.wanted, after.number, asked.limit)

    return await front.thread(look)


async def _wait(
    front: Front, hub: Hub, request: Request, asked: Asked, known: Known, mark: str, found: Events
) -> Events:
    """Until there is something, or the time is over, or his token is."""
    check_room(hub, known)
    deleted = found.deleted
    name = known.account.name
    listener = hub.join(asked.wanted.scope, known.key, known.session is not None, mark, name)
    loop = asyncio.get_running_loop()
    until = loop.time() + asked.wait_s
    try:
        while not found.payloads and await _event_within(listener, until - loop.time()):
            found = await _look(front, request, replace(asked, after=str(found.next)))
    finally:
        hub.leave(listener)
    return replace(found, deleted=deleted)


async def _event_within(listener: Listener, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not listener.ended and await heard_within(listener, until - loop.time()):
        if any(message.told.kind in ("event", STALE.kind) for message in listener.take()):
            return True
    return False


def _answer(found: Events) -> Response:
    """Events go out as the bytes that came: evidence is checked against their digest."""
    head = {
        "next": str(found.next),
        "more": found.more,
        "deleted": [_deleted(each) for each in found.deleted],
    }
    body = b'{"events":[' + b",".join(found.payloads) + b"]," + msgspec.json.encode(head)[1:]
    return Response(body, media_type=JSON)


def _deleted(deleted: Deleted) -> dict[str, str]:
    received_until = datetime.fromtimestamp(deleted.upto_ms / 1000, UTC)
    return {"kind": deleted.kind, "received_until": rfc3339(received_until)}
