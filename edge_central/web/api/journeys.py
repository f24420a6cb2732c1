"""``/api/journeys``: begin a journey, ask the neighbours, read candidates, decide.

It is for officers, administrators and programs with a token, as docs/design/journeys.md says. Each change
adds a row to the access log in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire.received.bounds import bounded_time
from edge_central.journeys import journey as journeys
from edge_central.journeys.asking import NeighbourQuestion, ask_neighbours
from edge_central.journeys.candidates import Candidate, read_candidates
from edge_central.journeys.journey import JourneyRefused
from edge_central.journeys.likelihood import Reason, ReasonKind
from edge_central.journeys.model import Journey, JourneyStep, MatchKey, StepStatus, Way
from edge_central.journeys.neighbours import Neighbour
from edge_central.searches.model import SearchesUnavailable, TooManySearches
from edge_central.searches.question import InvalidQuestion
from edge_central.web.api.events import JSON
from edge_central.web.api.journey_documents import (
    BeginJourney,
    BegunJourney,
    CandidateEntry,
    CandidatePage,
    DecideCandidate,
    JourneyDocument,
    JourneyEntry,
    JourneyList,
    NeighbourEntry,
    OtherSite,
    ReasonEntry,
    StepEntry,
    StepSearch,
    WithdrawDecision,
)
from edge_central.web.api.search_documents import PassageEntry, StartedSearch
from edge_central.web.api.searches import passage_fields
from edge_central.web.auth.accounts import SEARCHING_ROLES
from edge_central.web.http_errors import BadRequest, Conflict, NotFound, TooMany, Unavailable
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

NOT_THERE = "there is no such journey, or you may not see it"
CANDIDATE_KEYS = ("step", "way")
_Body = TypeVar("_Body", bound=msgspec.Struct)


def _time(milliseconds: int) -> str:
    return rfc3339_of_ms(bounded_time(milliseconds))


def _body(visit: UserRequestContext, kind: type[_Body]) -> _Body:
    """Decode the body of the request. Raises BadRequest."""
    try:
        return msgspec.json.decode(visit.body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest(str(error)[:200]) from None


def _journey(visit: UserRequestContext) -> Journey:
    """Return the journey that the path names. Raises NotFound."""
    found = journeys.read_journey(visit.connection, visit.search_author, visit.path("id"))
    if found is None:
        raise NotFound(NOT_THERE)
    return found


def _confirmed(journey: Journey, step: int) -> JourneyStep:
    """Return a confirmed step of the journey. Raises NotFound."""
    found = journey.step(step)
    if found is None or found.status is not StepStatus.CONFIRMED:
        raise NotFound("there is no such confirmed step")
    return found


# --- begin, list, read ---


def begin(visit: UserRequestContext) -> Response:
    """Begin a journey."""
    asked = _body(visit, BeginJourney)
    match = MatchKey(asked.search, asked.gateway, asked.passage)
    try:
        with visit.writing() as connection:
            begun = journeys.begin_journey(connection, visit.search_author, match, visit.now_ms)
            found = begun and journeys.read_journey(connection, visit.search_author, begun)
    except TooManySearches as error:
        raise TooMany(str(error.text), retry_after_s=error.retry_after_s) from None
    if not found:
        raise NotFound("there is no such passage in a search of yours")
    headers = {"Location": f"/api/journeys/{found.id}"}
    return Response(encode_json(BegunJourney(id=found.id, step=found.steps[0].id)), 201, headers, JSON)


def listed(visit: UserRequestContext) -> Response:
    """Return the journeys that the account may see."""
    entries = [
        JourneyEntry(
            id=each.id,
            purpose=each.purpose,
            case=each.case,
            author=each.author,
            begun_at=_time(each.made_ms),
            changed_at=_time(each.changed_ms),
            confirmed=each.confirmed,
        )
        for each in journeys.list_journeys(visit.connection, visit.search_author)
    ]
    return Response(encode_json(JourneyList(journeys=entries)), media_type=JSON)


def status(visit: UserRequestContext) -> Response:
    """Return one journey with its steps."""
    found = _journey(visit)
    document = JourneyDocument(
        id=found.id,
        purpose=found.purpose,
        case=found.case,
        author=found.author,
        begun_at=_time(found.made_ms),
        changed_at=_time(found.changed_ms),
        wards=list(found.wards),
        route=[_step(visit, each) for each in found.route],
        rejected=[_step(visit, each) for each in found.rejected],
        searches=[
            StepSearch(search=each.search, step=each.step, way=each.way.value, asked_at=_time(each.asked_ms))
            for each in found.searches
        ],
    )
    return Response(encode_json(document), media_type=JSON)


def _step(visit: UserRequestContext, step: JourneyStep) -> StepEntry:
    return StepEntry(
        step=step.id,
        parent=step.parent,
        way=None if step.way is None else step.way.value,
        decision=step.status.value,
        decided_by=step.decided_by,
        decided_at=_time(step.decided_ms),
        search=step.search,
        passage=PassageEntry(**passage_fields(step.match, visit.names)),
    )


# --- ask, candidates ---


def ask(visit: UserRequestContext) -> Response:
    """Ask the neighbours of a step."""
    journey, asked = _journey(visit), _body(visit, NeighbourQuestion)
    step = _confirmed(journey, asked.step)
    try:
        with visit.writing() as connection:
            search = ask_neighbours(
                *(connection, visit.search_author, journey, step, asked, visit.now_ms, visit.names)
            )
    except InvalidQuestion as error:
        raise BadRequest(str(error.text)) from None
    except TooManySearches as error:
        raise TooMany(str(error.text), retry_after_s=error.retry_after_s) from None
    except SearchesUnavailable as error:
        raise Unavailable(str(error)) from None
    headers = {"Location": f"/api/searches/{search}"}
    return Response(encode_json(StartedSearch(id=search)), 201, headers, JSON)


def candidates(visit: UserRequestContext) -> Response:
    """Return the candidates of a step in one direction of time."""
    journey = _journey(visit)
    for key in visit.request.query_params:
        if key not in CANDIDATE_KEYS:
            raise BadRequest(
                f"there is no parameter {key[:40]!r}; the parameters are {', '.join(CANDIDATE_KEYS)}"
            )
    step, way = visit.query("step") or "", visit.query("way") or Way.FORWARD.value
    if not step.isdecimal() or len(step) > 18 or way not in tuple(Way):
        raise BadRequest(
            "step must be the number of a step of the journey, and way must be forward or backward"
        )
    found = read_candidates(
        *(visit.connection, visit.search_author, visit.names, journey),
        *(_confirmed(journey, int(step)), Way(way), visit.now_ms),
    )
    page = CandidatePage(
        candidates=_candidates(visit, found.candidates),
        rejected=_candidates(visit, found.rejected),
        more=found.more,
        neighbours=[_neighbour(visit, each) for each in found.yours],
        not_yours=[_other_site(visit, each) for each in found.not_yours],
        searches=[each.id for each in found.searches],
        open=found.is_open,
    )
    return Response(encode_json(page), media_type=JSON)


def _candidates(visit: UserRequestContext, found: Sequence[Candidate]) -> list[CandidateEntry]:
    return [
        CandidateEntry(
            search=each.search,
            passage=PassageEntry(**passage_fields(each.match, visit.names)),
            reasons=[_reason(reason) for reason in each.reasons],
            decision=None if each.decision is None else each.decision.status.value,
        )
        for each in found
    ]


def _reason(reason: Reason) -> ReasonEntry:
    is_time = reason.kind in (ReasonKind.LEARNT_TIME, ReasonKind.MAP_TIME)
    return ReasonEntry(
        kind=reason.kind.value,
        supports=reason.supports,
        after_s=round(reason.gap_s, 3) if is_time else None,
        low_s=round(reason.low_s, 3) if is_time else None,
        high_s=round(reason.high_s, 3) if is_time else None,
        others=reason.others if is_time else None,
        part=reason.part or None,
        here=reason.here or None,
        there=reason.there or None,
        text=str(reason.words) or None,
    )


def _other_site(visit: UserRequestContext, each: Neighbour) -> OtherSite:
    return OtherSite(gateway=each.gateway, ward=each.ward, name=visit.names.site_name(each.gateway))


def _neighbour(visit: UserRequestContext, each: Neighbour) -> NeighbourEntry:
    return NeighbourEntry(
        gateway=each.gateway,
        camera=each.camera,
        name=visit.names.site_name(each.gateway),
        distance_m=None if each.distance_m is None else round(each.distance_m),
        learnt=each.learnt is not None,
        low_s=round(each.low_s, 3),
        high_s=round(each.high_s, 3),
    )


# --- decide ---


def decide(visit: UserRequestContext) -> Response:
    """Confirm or reject a candidate."""
    journey, asked = _journey(visit), _body(visit, DecideCandidate)
    step, status = _confirmed(journey, asked.step), StepStatus(asked.decision)
    candidate = MatchKey(asked.search, asked.gateway, asked.passage)
    try:
        with visit.writing() as connection:
            decided = journeys.decide(
                connection, visit.search_author, journey, step.id, candidate, status, visit.now_ms
            )
            found = journeys.read_journey(connection, visit.search_author, journey.id)
    except JourneyRefused as error:
        raise Conflict(str(error.text)) from None
    of_step = None if found is None or decided is None else found.step(decided)
    if of_step is None:
        raise NotFound("there is no such candidate")
    return Response(encode_json(_step(visit, of_step)), 201, media_type=JSON)


def withdraw(visit: UserRequestContext) -> Response:
    """Undo a decision."""
    journey, asked = _journey(visit), _body(visit, WithdrawDecision)
    try:
        with visit.writing() as connection:
            done = journeys.undo(connection, visit.search_author, journey, asked.step, visit.now_ms)
    except JourneyRefused as error:
        raise Conflict(str(error.text)) from None
    if not done:
        raise NotFound("there is no such decision")
    return Response(status_code=204)


PAGES = (
    Page("/api/journeys", listed, roles=SEARCHING_ROLES),
    Page("/api/journeys", begin, method="POST", roles=SEARCHING_ROLES, json=True),
    Page("/api/journeys/{id}", status, roles=SEARCHING_ROLES),
    Page("/api/journeys/{id}/searches", ask, method="POST", roles=SEARCHING_ROLES, json=True),
    Page("/api/journeys/{id}/candidates", candidates, roles=SEARCHING_ROLES),
    Page("/api/journeys/{id}/decisions", decide, method="POST", roles=SEARCHING_ROLES, json=True),
    Page("/api/journeys/{id}/withdrawals", withdraw, method="POST", roles=SEARCHING_ROLES, json=True),
)
