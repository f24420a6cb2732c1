"""``GET /api/events``: the events after a cursor, and a wait for the next ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.problems.problem import encode_json
from edge_central.store.database import newest_cursor
from edge_central.web.api.event_history import (
    FIRST_CURSOR,
    EventPage,
    check_cursor,
    cursor_at_or_before,
    deleted_after,
    events_after,
    parse_cursor,
)
from edge_central.web.api.event_query import EventQuery, check_places, parse_event_query
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import HttpError
from edge_central.web.live.hub import LiveHub
from edge_central.web.live.stream import check_capacity, event_within
from edge_central.web.request_handler import Principal, RequestHandler, compressed

NOW = "now"
JSON = "application/json"


def events_endpoint(front: RequestHandler, hub: LiveHub) -> Callable[[Request], Awaitable[Response]]:
    async def events(request: Request) -> Response:
        try:
            known = await front.authenticate_async(request, ALL_ROLES)
            asked = parse_event_query(request.query_params, known.account.scope)
            mark = hub.mark()  # before the first query: later events wake the listener
            await _check_places(front, request, asked, known)
            found = await _read_events(front, request, asked)
            if not found.events and not found.more and asked.wait_s:
                found = await _wait_for_events(front, hub, request, asked, known, mark, found)
            # Events go out as the bytes that arrived: evidence is checked against their digest.
            return await front.run_in_thread(
                lambda: compressed(request, Response(encode_json(found), media_type=JSON))
            )
        except HttpError as refusal:
            return front.error_response(request, refusal)

    return events


async def _check_places(front: RequestHandler, request: Request, asked: EventQuery, known: Principal) -> None:
    """Check the places of the query in the database. Raises BadRequest."""

    def check() -> None:
        with front.reading(request) as connection:
            names = front.services.sheet.names()
            check_places(connection, asked.event_filter, known.account.scope, names)

    if asked.event_filter.gateway:
        await front.run_in_thread(check)


async def _read_events(front: RequestHandler, request: Request, asked: EventQuery) -> EventPage:
    def read() -> EventPage:
        with front.reading(request) as connection:
            if asked.after == NOW:
                here = cursor_at_or_before(connection, newest_cursor(connection))
                deleted = deleted_after(connection, asked.event_filter, here.number)
                return EventPage(events=[], next=str(here), more=False, deleted=deleted)
            after = FIRST_CURSOR if asked.after is None else parse_cursor(asked.after)
            check_cursor(connection, after)
            monotonic = front.services.clock.monotonic
            return events_after(connection, asked.event_filter, after.number, asked.limit, monotonic)

    return await front.run_in_thread(read)


async def _wait_for_events(
    front: RequestHandler,
    hub: LiveHub,
    request: Request,
    asked: EventQuery,
    known: Principal,
    mark: str,
    found: EventPage,
) -> EventPage:
    """Wait until there are events, the time is over, or the token is no longer valid."""
    check_capacity(hub, known)
    deleted = found.deleted
    name = known.account.name
    listener = hub.join(asked.event_filter.scope, known.key, known.session is not None, mark, name)
    loop = asyncio.get_running_loop()
    until = loop.time() + asked.wait_s
    try:
        while not found.events and await event_within(listener, until - loop.time()):
            found = await _read_events(front, request, replace(asked, after=found.next))
    finally:
        hub.leave(listener)
    return msgspec.structs.replace(found, deleted=deleted)
