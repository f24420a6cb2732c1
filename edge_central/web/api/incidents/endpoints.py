"""``GET /api/incidents``, and ``/api/incidents/steps``: record a step, read steps, wait for the next ones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import assert_never

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console import incident_log
from edge_central.console.alarms.model import QueueFilter, QueueItem, QueuePosition
from edge_central.console.alarms.queue import read_queue
from edge_central.console.alarms.subjects import find_subjects
from edge_central.console.incident_log import Handling, IncidentOutcome, LogAuthor, Subjects
from edge_central.console.site_names import Names
from edge_central.store.ringing import ALARM, WARNING
from edge_central.store.scope import Scope
from edge_central.web.api.event_history import FIRST_CURSOR, HistoryFilter, parse_cursor
from edge_central.web.api.event_query import check_keys, check_places, parse_limit, parse_wait, parse_ward
from edge_central.web.api.events import JSON, NOW
from edge_central.web.api.incidents.documents import (
    OUTCOME_WORDS,
    SUBJECT_PATTERN,
    AcknowledgeIncident,
    AssignIncident,
    CloseIncident,
    IncidentAction,
    IncidentEntry,
    IncidentHandling,
    IncidentList,
    IncidentStepPage,
    NoteIncident,
    RecordedStep,
    ReopenIncident,
)
from edge_central.web.api.incidents.step_history import (
    check_step_cursor,
    newest_step_cursor,
    steps_after,
)
from edge_central.web.auth.accounts import ALL_ROLES, HANDLING_ROLES, acting_accounts
from edge_central.web.http_errors import BadRequest, Conflict, HttpError, NotFound
from edge_central.web.live.hub import STALE, LiveHub, LiveListener
from edge_central.web.live.stream import check_capacity, message_within
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page, Principal, RequestHandler, compressed

STEPS = "/api/incidents/steps"
LIST_KEYS = ("after", "limit", "ward", "gateway")
STEP_KEYS = ("after", "limit", "ward", "subject", "wait")
DEFAULT_STEPS, MOST_STEPS = 100, 1_000
DEFAULT_LISTED, MOST_LISTED = 100, 500
_ACTION: msgspec.json.Decoder[IncidentAction] = msgspec.json.Decoder(IncidentAction)


def _time(milliseconds: int) -> str:
    return rfc3339_of_ms(bounded_time(milliseconds))


# --- the list ---


def listed(visit: UserRequestContext) -> Response:
    """Return the open incidents."""
    check_keys(visit.request.query_params, LIST_KEYS)
    scope, gateway = parse_ward(visit.query("ward"), visit.scope), visit.query("gateway")
    if gateway is not None:
        check_places(visit.connection, HistoryFilter(scope, gateway=gateway), scope, visit.names)
    after, position = visit.query("after"), None
    if after is not None:
        position = QueuePosition.parse(after)
        if position is None:
            raise BadRequest("after must be the position that an earlier answer gave as next, or be left out")
    size = parse_limit(visit.query("limit"), DEFAULT_LISTED, MOST_LISTED)
    wanted = QueueFilter(gateway=gateway or "")
    queue, names = read_queue(visit.connection, scope, visit.now_ms, wanted, position, size), visit.names
    document = IncidentList(
        incidents=[_entry(item, names) for item in queue.items],
        open=queue.counts.total,
        alarms=queue.counts.open_alarms,
        ringing=queue.counts.ringing,
        next=None if queue.next is None else str(queue.next),
    )
    return Response(encode_json(document), media_type=JSON)


def _entry(item: QueueItem, names: Names) -> IncidentEntry:
    is_of_gateway = bool(item.gateway)
    return IncidentEntry(
        **msgspec.structs.asdict(_handling(item.handling, item.ward)),
        gateway=item.gateway or None,
        camera=item.camera or None,
        name=names.site_name(item.gateway) if is_of_gateway else "",
        camera_name=names.camera(item.gateway, item.camera).name if item.camera else "",
        kind=item.kind,
        severity="alarm" if item.severity >= ALARM else "warning" if item.severity >= WARNING else "info",
        text=str(item.words),
        time=_time(item.time_ms),
        received=_time(item.last_ms),
        first=_time(item.first_ms),
        row=item.name,
        count=item.count,
        waiting=item.waiting,
        ringing=item.rings,
        silenced=item.silence is not None,
        page=None if item.cursor is None else f"/events/{item.cursor}",
    )


def _handling(handling: Handling, ward: str) -> IncidentHandling:
    acknowledged_ms, closed_ms = handling.acknowledged_ms, handling.closed_ms
    return IncidentHandling(
        subject=handling.subject,
        ward=ward,
        acknowledged_at=None if acknowledged_ms is None else _time(acknowledged_ms),
        acknowledged_by=handling.acknowledged_by,
        owner=handling.owner,
        outcome=None if handling.outcome is None else handling.outcome.value,
        closed_at=None if closed_ms is None else _time(closed_ms),
    )


# --- record a step ---


def record_step(visit: UserRequestContext) -> Response:
    """Record a step, with the functions that the pages of the console use."""
    try:
        action = _ACTION.decode(visit.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest(_mistake(error)) from None
    here = visit.connection, visit.scope, [action.subject]
    subjects = find_subjects(*here, only_waiting=isinstance(action, AcknowledgeIncident))
    known = subjects or find_subjects(*here, most=1)
    if not known:
        raise NotFound("there is no such incident, or you may not see it")
    subject, ward = next(iter(known.items()))  # all alarms of a row belong to one ward
    owner = getattr(action, "owner", None)
    if owner not in (None, visit.author.who) and not any(
        each.name == owner for each in acting_accounts(visit.connection, ward)
    ):
        raise BadRequest("owner must be a user who may act in this ward, or the account itself")
    with visit.writing() as connection:
        count = _record(connection, visit.author, action, subjects)
        if isinstance(action, CloseIncident) and subjects and not count:
            raise Conflict(incident_log.why_closed(connection, subject))
        handlings = incident_log.handlings(connection, visit.scope, [subject])
    handling = _handling(handlings.get(subject, Handling(subject)), ward)
    recorded = RecordedStep(count=count, incident=handling)
    return Response(encode_json(recorded), 201, media_type=JSON)


def _mistake(error: Exception) -> str:
    """Say what is wrong with the body of a step."""
    said = str(error)[:200]
    if said.endswith("`$.outcome`"):
        return f"{said}; outcome must be one of {', '.join(OUTCOME_WORDS)}"
    return said


def _record(connection: Connection, by: LogAuthor, action: IncidentAction, subjects: Subjects) -> int:
    """Record the step, and return the number of incidents that it covered."""
    match action:
        case AcknowledgeIncident():
            new = incident_log.acknowledge_waiting(connection, by, subjects)
            if new and action.owner is not None:
                incident_log.assign_all(connection, by, new, action.owner)
            return len(new)
        case AssignIncident():
            incident_log.assign_all(connection, by, subjects, action.owner)
        case CloseIncident():
            outcome = IncidentOutcome(action.outcome)
            return incident_log.close_all(connection, by, subjects, outcome, action.note)
        case ReopenIncident():
            for subject, ward in subjects.items():
                incident_log.reopen(connection, by, subject, ward)
        case NoteIncident():
            incident_log.note_all(connection, by, subjects, action.note)
        case _:
            assert_never(action)
    return len(subjects)


# --- read steps, with a wait ---


@dataclass(frozen=True, slots=True)
class _StepQuery:
    after: str | None
    limit: int
    scope: Scope
    subject: str
    wait_s: float


def _parse_step_query(request: Request, scope: Scope) -> _StepQuery:
    """Parse the query. Raises BadRequest, NotFound."""
    query = request.query_params
    check_keys(query, STEP_KEYS)
    subject = query.get("subject") or ""
    if subject and not re.fullmatch(SUBJECT_PATTERN, subject):
        raise BadRequest("subject must be `event <gateway> <event id>` or `alert <number>`")
    limit = parse_limit(query.get("limit"), DEFAULT_STEPS, MOST_STEPS)
    ward = parse_ward(query.get("ward"), scope)
    return _StepQuery(query.get("after") or None, limit, ward, subject, parse_wait(query.get("wait")))


def steps_endpoint(front: RequestHandler, hub: LiveHub) -> Callable[[Request], Awaitable[Response]]:
    async def steps(request: Request) -> Response:
        try:
            known = await front.authenticate_async(request, ALL_ROLES)
            asked = _parse_step_query(request, known.account.scope)
            mark = hub.mark()  # before the first query: later steps wake the listener
            found = await _read(front, request, asked)
            if asked.wait_s and not found.events and not found.more:
                found = await _wait(front, hub, request, known, asked, mark, found)
            body = encode_json(found)
            return await front.run_in_thread(lambda: compressed(request, Response(body, media_type=JSON)))
        except HttpError as refusal:
            return front.error_response(request, refusal)

    return steps


async def _read(front: RequestHandler, request: Request, asked: _StepQuery) -> IncidentStepPage:
    """Read the steps after the cursor. Raises BadRequest, Conflict."""

    def read() -> IncidentStepPage:
        source = f"/tb/{front.services.settings.id}"
        with front.reading(request) as connection:
            if asked.after == NOW:
                newest = newest_step_cursor(connection)
                return IncidentStepPage(events=[], next=str(newest), more=False)
            after = FIRST_CURSOR if asked.after is None else parse_cursor(asked.after)
            check_step_cursor(connection, after)
            return steps_after(
                connection, asked.scope, after.number, asked.limit, source=source, subject=asked.subject
            )

    return await front.run_in_thread(read)


async def _wait(
    front: RequestHandler,
    hub: LiveHub,
    request: Request,
    known: Principal,
    asked: _StepQuery,
    mark: str,
    found: IncidentStepPage,
) -> IncidentStepPage:
    """Wait until there are steps, the time is over, or the token is no longer valid."""
    check_capacity(hub, known)
    listener = hub.join(asked.scope, known.key, known.session is not None, mark, known.account.name)
    loop = asyncio.get_running_loop()
    until = loop.time() + asked.wait_s
    try:
        while not found.events and await _step_recorded(listener, until - loop.time()):
            found = await _read(front, request, replace(asked, after=found.next))
    finally:
        hub.leave(listener)
    return found


async def _step_recorded(listener: LiveListener, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not listener.ended and await message_within(listener, until - loop.time()):
        if any(message.content.kind in ("step", STALE.kind) for message in listener.take_waiting()):
            return True
    return False


PAGES = (
    Page("/api/incidents", listed, roles=ALL_ROLES),
    Page(STEPS, record_step, method="POST", roles=HANDLING_ROLES, json=True),
)
