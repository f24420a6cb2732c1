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
from edge_central.web.api.asked import NOW, EventQuery, parse_event_query
from edge_central.web.api.history import DeletedKind, EventBatch, deleted_after, events_after
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.front import Principal, RequestHandler, compressed
from edge_central.web.live.hub import STALE, LiveHub, LiveListener
from edge_central.web.live.stream import check_capacity, message_within
from edge_central.web.refusals import HttpError

JSON = "application/json"


def events_endpoint(front: RequestHandler, hub: LiveHub) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint."""

    async def events(request: Request) -> Response:
        try:
            known = await front.authenticate_async(request, ALL_ROLES)
            asked = parse_event_query(request.query_params, known.account.scope)
            mark = hub.mark()  # before the first look: what comes after it is heard
            found = await _read_events(front, request, asked)
            if not found.payloads and not found.more and asked.wait_s:
                found = await _wait_for_events(front, hub, request, asked, known, mark, found)
            return await front.run_in_thread(lambda: compressed(request, _response(found)))
        except HttpError as refusal:
            return front.error_response(request, refusal)

    return events


async def _read_events(front: RequestHandler, request: Request, asked: EventQuery) -> EventBatch:
    def read() -> EventBatch:
        with front.reading(request) as connection:
            if asked.after == NOW:
                here = cursors.cursor_at_or_before(connection, cursors.newest_number(connection))
                return EventBatch((), here, False, deleted_after(connection, asked.event_filter, here.number))
            after = cursors.FIRST_CURSOR if asked.after is None else cursors.parse_cursor(asked.after)
            cursors.check_cursor(connection, after)
            return events_after(connection, asked.event_filter, after.number, asked.limit)

    return await front.run_in_thread(read)


async def _wait_for_events(
    front: RequestHandler,
    hub: LiveHub,
    request: Request,
    asked: EventQuery,
    known: Principal,
    mark: str,
    found: EventBatch,
) -> EventBatch:
    """Until there is something, or the time is over, or his token is."""
    check_capacity(hub, known)
    deleted = found.deleted
    name = known.account.name
    listener = hub.join(asked.event_filter.scope, known.key, known.session is not None, mark, name)
    loop = asyncio.get_running_loop()
    until = loop.time() + asked.wait_s
    try:
        while not found.payloads and await _wait_for_event(listener, until - loop.time()):
            found = await _read_events(front, request, replace(asked, after=str(found.next)))
    finally:
        hub.leave(listener)
    return replace(found, deleted=deleted)


async def _wait_for_event(listener: LiveListener, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not listener.ended and await message_within(listener, until - loop.time()):
        if any(message.content.kind in ("event", STALE.kind) for message in listener.take_waiting()):
            return True
    return False


def _response(found: EventBatch) -> Response:
    """Events go out as the bytes that came: evidence is checked against their digest."""
    head = {
        "next": str(found.next),
        "more": found.more,
        "deleted": [_deleted(each) for each in found.deleted],
    }
    body = b'{"events":[' + b",".join(found.payloads) + b"]," + msgspec.json.encode(head)[1:]
    return Response(body, media_type=JSON)


def _deleted(deleted: DeletedKind) -> dict[str, str]:
    received_until = datetime.fromtimestamp(deleted.upto_ms / 1000, UTC)
    return {"kind": deleted.kind, "received_until": rfc3339(received_until)}
