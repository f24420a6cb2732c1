"""``GET /api/events``: the events after a cursor, and a wait for the next ones.

Every mistake in the query of the address is refused with a text that names it.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.model import Severity
from edge_agent.core.problems.problem import encode_json
from edge_central.store.database import newest_cursor
from edge_central.store.scope import Scope
from edge_central.web.api.event_history import (
    FIRST_CURSOR,
    EventPage,
    HistoryFilter,
    check_cursor,
    cursor_at_or_before,
    deleted_after,
    events_after,
    parse_cursor,
)
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import BadRequest, HttpError, NotFound
from edge_central.web.live.hub import STALE, LiveHub, LiveListener
from edge_central.web.live.stream import check_capacity, message_within
from edge_central.web.request_handler import Principal, RequestHandler, compressed

MOST_EVENTS = 1_000
DEFAULT_EVENTS = 100
MOST_WAIT_S = 30.0
NOW = "now"
SEVERITIES = {"info": Severity.INFO, "warning": Severity.WARNING, "alarm": Severity.ALARM}
_KIND = re.compile(r"[a-z0-9-]{1,63}")
KEYS = ("after", "limit", "ward", "kind", "severity", "wait")


@dataclass(frozen=True, slots=True)
class EventQuery:
    after: str | None
    limit: int
    event_filter: HistoryFilter
    wait_s: float


def parse_event_query(query: Mapping[str, str], scope: Scope) -> EventQuery:
    """Raises BadRequest, NotFound."""
    for key in query:
        if key not in KEYS:
            raise BadRequest(f"there is no parameter {key[:40]!r}; there are {', '.join(KEYS)}")
    return EventQuery(
        query.get("after") or None,
        _parse_limit(query.get("limit")),
        HistoryFilter(
            _parse_scope(query.get("ward"), scope),
            _parse_kinds(query.get("kind")),
            _parse_severity(query.get("severity")),
        ),
        parse_wait(query.get("wait")),
    )


def _parse_scope(ward: str | None, scope: Scope) -> Scope:
    if ward and not scope.admits(ward):
        raise NotFound("there is no such ward, or it is not yours")
    return scope.narrowed(ward or None)


def _parse_limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_EVENTS
    if not re.fullmatch(r"\d{1,6}", text) or not 1 <= int(text) <= MOST_EVENTS:
        raise BadRequest(f"limit is a whole number from 1 to {MOST_EVENTS}")
    return int(text)


def _parse_kinds(text: str | None) -> frozenset[str]:
    kinds = frozenset(filter(None, (text or "").split(",")))
    if len(kinds) > 32 or not all(map(_KIND.fullmatch, kinds)):
        raise BadRequest("kind is a kind of event, or several with commas between them")
    return kinds


def _parse_severity(text: str | None) -> int:
    if text is None:
        return 0
    if text not in SEVERITIES:
        raise BadRequest(f"severity is {', '.join(SEVERITIES)}: that one and worse")
    return SEVERITIES[text].number


def parse_wait(text: str | None) -> float:
    """Seconds of a long poll. Raises BadRequest."""
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MOST_WAIT_S:
        raise BadRequest(f"wait is a number of seconds from 0 to {MOST_WAIT_S:.0f}")
    return seconds


JSON = "application/json"


def events_endpoint(front: RequestHandler, hub: LiveHub) -> Callable[[Request], Awaitable[Response]]:
    async def events(request: Request) -> Response:
        try:
            known = await front.authenticate_async(request, ALL_ROLES)
            asked = parse_event_query(request.query_params, known.account.scope)
            mark = hub.mark()  # before the first query: events after it wake the listener
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
        while not found.events and await _wait_for_event(listener, until - loop.time()):
            found = await _read_events(front, request, replace(asked, after=found.next))
    finally:
        hub.leave(listener)
    return msgspec.structs.replace(found, deleted=deleted)


async def _wait_for_event(listener: LiveListener, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not listener.ended and await message_within(listener, until - loop.time()):
        if any(message.content.kind in ("event", STALE.kind) for message in listener.take_waiting()):
            return True
    return False
