"""``/api/searches``: ask gateways for passages, read matches as they come, open pictures.

It is for officers, administrators and programs with a token, within their wards. Each search and each opened
picture is added to the access log before a gateway is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.reported_names import with_reported
from edge_central.console.site_names import Names
from edge_central.searches import match_pictures, new_search, records
from edge_central.searches.matches import PassageMatch
from edge_central.searches.model import (
    OPEN_PICTURES,
    SMALL_PICTURE,
    WHOLE_PICTURE,
    GatewayAnswer,
    PictureKind,
    SearchesUnavailable,
    SearchPicture,
    SearchView,
    TooManySearches,
)
from edge_central.searches.question import InvalidQuestion, parse_question
from edge_central.searches.withdrawal import withdraw_search
from edge_central.web.api.event_query import parse_wait
from edge_central.web.api.events import JSON
from edge_central.web.api.search_documents import (
    AnswerEntry,
    MatchEntry,
    MatchPage,
    OpenPicture,
    PassageEntry,
    PictureEntry,
    PictureList,
    SearchEntry,
    SearchList,
    SearchStatus,
    StartedSearch,
)
from edge_central.web.auth.accounts import ADMIN_ROLES, SEARCHING_ROLES
from edge_central.web.http_errors import BadRequest, HttpError, NotFound, TooMany, Unavailable
from edge_central.web.live.hub import STALE, LiveHub, LiveListener
from edge_central.web.live.stream import check_capacity, message_within
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page, Principal, RequestHandler, compressed

DEFAULT_MATCHES, MOST_MATCHES = 200, 1_000
MATCH_KEYS = ("after", "limit", "wait")
JPEG, SEALED = "image/jpeg", "application/octet-stream"
NOT_THERE = "there is no such search, or you may not see it"


def _time(milliseconds: int) -> str:
    return rfc3339_of_ms(bounded_time(milliseconds))


# --- start, list, status ---


def start(visit: UserRequestContext) -> Response:
    """Start a search."""
    try:
        question = parse_question(visit.body)
        with visit.writing() as connection:
            search = new_search.start_search(
                connection, visit.search_author, question, visit.now_ms, visit.names
            )
    except InvalidQuestion as error:
        raise BadRequest(f"{error.field}: {error.text}" if error.field else str(error.text)) from None
    except TooManySearches as error:
        raise TooMany(str(error.text), retry_after_s=error.retry_after_s) from None
    except SearchesUnavailable as error:
        raise Unavailable(str(error)) from None
    headers = {"Location": f"/api/searches/{search}"}
    return Response(encode_json(StartedSearch(id=search)), 201, headers, JSON)


def searches(visit: UserRequestContext) -> Response:
    """Return the newest searches."""
    entries = [
        SearchEntry(
            id=each.id,
            asked_at=_time(each.asked_ms),
            asked_by=each.asked_by,
            purpose=each.purpose,
            case=each.case,
            expires_at=_time(each.expires_ms),
            asked=each.asked,
            answered=each.answered,
            open=each.open,
            matches=each.matches,
        )
        for each in records.list_searches(visit.connection, visit.search_reader)
    ]
    return Response(encode_json(SearchList(searches=entries)), media_type=JSON)


def status(visit: UserRequestContext) -> Response:
    """Return one search with the answers of all gateways."""
    found = records.read_search(visit.connection, visit.search_reader, visit.path("id"))
    if found is None:
        raise NotFound(NOT_THERE)
    return Response(encode_json(_status(visit, found)), media_type=JSON)


def _status(visit: UserRequestContext, found: SearchView) -> SearchStatus:
    return SearchStatus(
        id=found.id,
        asked_at=_time(found.asked_ms),
        asked_by=found.asked_by,
        expires_at=_time(found.expires_ms),
        question=found.question,
        asked=found.asked,
        answered=found.answered,
        open=found.is_open,
        total=found.total,
        answers=[_answer(visit, each) for each in found.answers],
        withdrawn_at=None if found.withdrawn_ms is None else _time(found.withdrawn_ms),
        withdrawn_by=found.withdrawn_by,
    )


def _answer(visit: UserRequestContext, answer: GatewayAnswer) -> AnswerEntry:
    return AnswerEntry(
        gateway=answer.gateway,
        ward=answer.ward,
        name=visit.names.site_name(answer.gateway),
        place=2 if answer.place == 2 else 1,
        status=answer.status.value,
        online=answer.online,
        answered_at=None if answer.answered_ms is None else _time(answer.answered_ms),
        total=answer.total,
        matches=answer.stored,
        dropped=answer.dropped,
        text=str(answer.words),
    )


def withdraw(visit: UserRequestContext) -> Response:
    """Withdraw a search. To withdraw it again changes nothing."""
    who = (visit.search_author, visit.search_reader)
    with visit.writing() as connection:
        if not withdraw_search(connection, *who, visit.path("id"), visit.now_ms):
            raise NotFound(NOT_THERE)
    return Response(status_code=204)


# --- matches, with a wait ---


@dataclass(frozen=True, slots=True)
class _MatchQuery:
    after: int
    limit: int
    wait_s: float


def _parse_match_query(request: Request) -> _MatchQuery:
    """Parse the query. Raises BadRequest."""
    query = request.query_params
    for key in query:
        if key not in MATCH_KEYS:
            raise BadRequest(
                f"there is no parameter {key[:40]!r}; the parameters are {', '.join(MATCH_KEYS)}"
            )
    after, limit = query.get("after") or "0", query.get("limit") or str(DEFAULT_MATCHES)
    if not re.fullmatch(r"[0-9]{1,18}", after):
        raise BadRequest("after must be the number that an earlier answer gave as next, or be left out")
    if not re.fullmatch(r"[0-9]{1,6}", limit) or not 1 <= int(limit) <= MOST_MATCHES:
        raise BadRequest(f"limit must be a whole number from 1 to {MOST_MATCHES}")
    return _MatchQuery(int(after), int(limit), parse_wait(query.get("wait")))


def matches_endpoint(front: RequestHandler, hub: LiveHub) -> Callable[[Request], Awaitable[Response]]:
    async def matches(request: Request) -> Response:
        try:
            known = await front.authenticate_async(request, SEARCHING_ROLES)
            asked, search = _parse_match_query(request), str(request.path_params["id"])
            mark = hub.mark()  # before the first query: later changes wake the listener
            found = await _read(front, request, known, search, asked)
            if asked.wait_s and found.open and not found.matches:
                found = await _wait(front, hub, request, known, search, asked, mark, found)
            body = encode_json(found)
            return await front.run_in_thread(lambda: compressed(request, Response(body, media_type=JSON)))
        except HttpError as refusal:
            return front.error_response(request, refusal)

    return matches


async def _read(
    front: RequestHandler, request: Request, known: Principal, search: str, asked: _MatchQuery
) -> MatchPage:
    """Read the matches after the cursor. Raises NotFound."""

    def read() -> MatchPage:
        reader, sheet = known.account.search_reader, front.services.sheet.names()
        with front.reading(request) as connection:
            view = records.read_search(connection, reader, search)
            if view is None:
                raise NotFound(NOT_THERE)
            found = records.read_matches(connection, reader, search, asked.after, asked.limit)
            names = with_reported(sheet, connection, known.account.scope)
            entries = [
                MatchEntry(
                    **passage_fields(each, names), then=None if each.then is None else _then(each.then, names)
                )
                for each in found
            ]
        newest = found[-1].cursor if found else asked.after
        more = len(found) >= asked.limit
        return MatchPage(matches=entries, next=newest, more=more, open=view.is_open)

    return await front.run_in_thread(read)


def _then(match: PassageMatch, names: Names) -> PassageEntry:
    return PassageEntry(**passage_fields(match, names))


def passage_fields(match: PassageMatch, names: Names) -> dict[str, Any]:
    """Return the fields of ``PassageEntry``."""
    fields = asdict(match)
    shown = {name: fields[name] for name in PassageEntry.__struct_fields__ if name in fields}
    return shown | {
        "name": names.site_name(match.gateway),
        "camera_name": names.camera(match.gateway, match.camera).name,
        "start": _time(match.start_ms),
        "colours": {part: list(terms) for part, terms in match.colours.items()},
        "rules": list(match.rules),
        "has_picture": match.picture_sha256 is not None,
    }


async def _wait(
    front: RequestHandler,
    hub: LiveHub,
    request: Request,
    known: Principal,
    search: str,
    asked: _MatchQuery,
    mark: str,
    found: MatchPage,
) -> MatchPage:
    """Wait for matches, or until no more can come, the time is over, or the token is no longer valid."""
    check_capacity(hub, known)
    account = known.account
    person, is_admin = known.session is not None, account.role in ADMIN_ROLES
    listener = hub.join(account.scope, known.key, person, mark, account.name, is_admin=is_admin)
    loop = asyncio.get_running_loop()
    until = loop.time() + asked.wait_s
    try:
        while found.open and not found.matches and await _changed(listener, search, until - loop.time()):
            found = await _read(front, request, known, search, asked)
    finally:
        hub.leave(listener)
    return found


async def _changed(listener: LiveListener, search: str, seconds: float) -> bool:
    """Whether an answer to this search was stored within ``seconds``."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    named = f'"{search}"'.encode()
    while not listener.ended and await message_within(listener, until - loop.time()):
        for message in listener.take_waiting():
            content = message.content
            if content.kind == STALE.kind or (content.kind == "search" and named in content.body):
                return True
    return False


# --- pictures ---


def open_picture(visit: UserRequestContext) -> Response:
    """Record that the small picture is opened, and ask the gateway for it."""
    return _open(visit, SMALL_PICTURE)


def open_scene(visit: UserRequestContext) -> Response:
    """Record that the whole picture is opened, and ask the gateway for it."""
    return _open(visit, WHOLE_PICTURE)


def _open(visit: UserRequestContext, kind: PictureKind) -> Response:
    try:
        asked = msgspec.json.decode(visit.body, type=OpenPicture)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest(
            f"the picture cannot be opened, because the body of the request is not valid: {error}"[:200]
        ) from None
    try:
        with visit.writing() as connection:
            author, search = visit.search_author, visit.path("id")
            passage = (asked.gateway, asked.passage)
            which = (visit.search_reader, search, *passage)
            status = match_pictures.open_picture(connection, author, *which, visit.now_ms, kind)
            found = None if status is None else match_pictures.read_picture(connection, author, *which, kind)
    except TooManySearches as error:
        raise TooMany(str(error.text), retry_after_s=error.retry_after_s) from None
    if found is None:
        raise NotFound("there is no such match, or you may not see it")
    return Response(encode_json(_entry(found)), 202, media_type=JSON)


def pictures(visit: UserRequestContext) -> Response:
    """Return the state of the small pictures that the account has opened in a search."""
    return _opened(visit, SMALL_PICTURE)


def scenes(visit: UserRequestContext) -> Response:
    """Return the state of the whole pictures that the account has opened in a search."""
    return _opened(visit, WHOLE_PICTURE)


def _opened(visit: UserRequestContext, kind: PictureKind) -> Response:
    who, search = (visit.search_author, visit.search_reader), visit.path("id")
    if records.read_search(visit.connection, visit.search_reader, search) is None:
        raise NotFound(NOT_THERE)
    found = match_pictures.opened_pictures(visit.connection, *who, search, kind)
    return Response(encode_json(PictureList(pictures=[_entry(each) for each in found])), media_type=JSON)


def _entry(found: SearchPicture) -> PictureEntry:
    return PictureEntry(
        gateway=found.gateway,
        passage=found.passage,
        status=found.status.value,
        sealed=found.sealed,
        path=list(found.path),
        text=str(found.words),
        box=found.box,
        after_s=None if found.box is None else found.after_s,
    )


def picture(visit: UserRequestContext) -> Response:
    """Return the small picture that was opened; 202 while the gateway has not answered."""
    return _file(visit, SMALL_PICTURE)


def scene(visit: UserRequestContext) -> Response:
    """Return the whole picture that was opened; 202 while the gateway has not answered."""
    return _file(visit, WHOLE_PICTURE)


def _file(visit: UserRequestContext, kind: PictureKind) -> Response:
    gateway, passage = visit.path("gateway"), visit.number("passage")
    who = (visit.search_author, visit.search_reader)
    found = match_pictures.read_picture(visit.connection, *who, visit.path("id"), gateway, passage, kind)
    if found is None:
        where = "scenes" if kind is WHOLE_PICTURE else "pictures"
        raise NotFound(f"you have not opened this picture: POST it to /api/searches/{{id}}/{where}")
    if found.status in OPEN_PICTURES:
        return Response(encode_json(_entry(found)), 202, media_type=JSON)
    if found.jpeg is None:
        raise NotFound(str(found.words) or "the gateway has not sent this picture in time")
    response = Response(found.jpeg, media_type=SEALED if found.sealed else JPEG)
    if found.sealed:
        response.headers["Content-Disposition"] = f'attachment; filename="{gateway}-{passage}.sealed"'
    return response


PAGES = (
    Page("/api/searches", searches, roles=SEARCHING_ROLES),
    Page("/api/searches", start, method="POST", roles=SEARCHING_ROLES, json=True),
    Page("/api/searches/{id}", status, roles=SEARCHING_ROLES),
    Page("/api/searches/{id}", withdraw, method="DELETE", roles=SEARCHING_ROLES, json=True),
    Page("/api/searches/{id}/pictures", pictures, roles=SEARCHING_ROLES),
    Page("/api/searches/{id}/pictures", open_picture, method="POST", roles=SEARCHING_ROLES, json=True),
    Page("/api/searches/{id}/pictures/{gateway}/{passage}", picture, roles=SEARCHING_ROLES),
    Page("/api/searches/{id}/scenes", scenes, roles=SEARCHING_ROLES),
    Page("/api/searches/{id}/scenes", open_scene, method="POST", roles=SEARCHING_ROLES, json=True),
    Page("/api/searches/{id}/scenes/{gateway}/{passage}", scene, roles=SEARCHING_ROLES),
)
MATCHES = "/api/searches/{id}/matches"
