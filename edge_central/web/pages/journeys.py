"""Journeys: their list, the route, and the candidates of one step, which the officer confirms or rejects."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import msgspec
from starlette.responses import Response

from edge_agent.wire.searches import ColourTerm
from edge_central.appearance.comparison import read_records
from edge_central.cases.model import CaseRefused
from edge_central.journeys import case_copy
from edge_central.journeys import journey as journeys
from edge_central.journeys.asking import NeighbourQuestion, ask_neighbours
from edge_central.journeys.candidates import CandidateList, link_reasons, read_candidates
from edge_central.journeys.journey import JourneyRefused
from edge_central.journeys.model import Journey, JourneyStep, MatchKey, StepStatus, Way
from edge_central.journeys.neighbours import DEFAULT_REACH_M, gap_s
from edge_central.searches import match_pictures, records
from edge_central.searches.model import (
    OPEN_PICTURES,
    AnswerStatus,
    SearchesUnavailable,
    SearchReader,
    TooManySearches,
)
from edge_central.searches.question import InvalidQuestion
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.i18n import translate
from edge_central.web.pages.journey_map import route_map
from edge_central.web.pages.journey_words import reason_line
from edge_central.web.pages.passages import named_passage, open_named, passages_of_form, stored_picture
from edge_central.web.pages.searches import COLOURS, pictures
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

REACHES_M = (300, 600, 900, 1_500, 3_000, 5_000)
STOPS_MIN = (0, 15, 60, 240)


def list_page(visit: UserRequestContext) -> Response:
    rows = journeys.list_journeys(visit.connection, visit.search_author)
    return visit.render("journeys.html", rows=rows)


def begin(visit: UserRequestContext) -> Response:
    """Begin a journey with a match of a search of this account.

    Form fields: ``search``, the id of the search; ``passage``, as ``gateway/number``.
    """
    match = _match_of_form(visit)
    try:
        with visit.writing() as connection:
            journey = journeys.begin_journey(connection, visit.search_author, match, visit.now_ms)
    except TooManySearches as error:
        return _refused(visit, error.text, 429)
    if journey is None:
        raise NotFound("there is no such passage in a search of yours")
    return visit.redirect(f"/journeys/{journey}")


def _match_of_form(visit: UserRequestContext) -> MatchKey:
    return MatchKey(visit.form.get("search", ""), *named_passage(visit.form.get("passage", "")))


def _refused(visit: UserRequestContext, text: str, status: int) -> Response:
    rows = journeys.list_journeys(visit.connection, visit.search_author)
    return visit.render("journeys.html", status, rows=rows, refused=text)


def route_page(visit: UserRequestContext) -> Response:
    return _route(visit, _journey(visit))


def _route(
    visit: UserRequestContext, journey: Journey, refused: str | None = None, status: int = 200
) -> Response:
    route = journey.route
    gaps = [gap_s(one.match, next_.match, Way.FORWARD) for one, next_ in pairwise(route)]
    return visit.render(
        "journey.html",
        status,
        gaps=[None, *gaps],
        drawn=route_map(visit.fleet(), route),
        **_opened(visit, journey, {each.search for each in route}),
        open_pictures=OPEN_PICTURES,
        colour_terms=COLOURS,
        refused=refused,
        legend=_legend(visit, journey),
        added=visit.query("added") is not None,
    )


def add_to_case(visit: UserRequestContext) -> Response:
    """Copy the route, with reasons and pictures, into the case of the journey."""
    journey = _journey(visit)
    try:
        case_copy.check_length(journey)
        links = _links(visit, journey)  # not in the transaction: it reads all gateways for each passage
        with visit.writing() as connection:
            case_copy.add_to_case(
                *(connection, visit.case_author, journey, links),
                *(_legend(visit, journey), visit.names, visit.now_ms),
            )
    except CaseRefused as error:
        return _route(visit, journey, error.text, 409)
    return visit.redirect(f"/journeys/{journey.id}?added=1")


def _links(visit: UserRequestContext, journey: Journey) -> list[list[str]]:
    """Return the lines between each passage and the next: who has confirmed the step, and the reasons."""
    found = []
    for one, later in pairwise(journey.route):
        who = (visit.connection, visit.scope, visit.names)
        reasons = link_reasons(*who, one.match, later.match, visit.now_ms)
        found.append([reason_line(each, Way.FORWARD, visit.lang) for each in reasons])
    return found


def _legend(visit: UserRequestContext, journey: Journey) -> str:
    names = ", ".join(dict.fromkeys(each.decided_by for each in journey.route))
    return translate("journey-legend", visit.lang, names=names)


def _journey(visit: UserRequestContext) -> Journey:
    """Return the journey in the path. Raises NotFound."""
    found = journeys.read_journey(visit.connection, visit.search_author, visit.path("id"))
    if found is None:
        raise NotFound("there is no such journey, or you may not see it")
    return found


def _opened(visit: UserRequestContext, journey: Journey, searches: set[str]) -> dict[str, object]:
    """Return values for templates: by search, the pictures that this account has opened; and the searches
    that the account may see without the journey. Deleted searches are in neither."""
    found = {
        search: pictures(visit, search, reader_of(visit))
        for search in sorted(searches)
        if records.find_row(visit.connection, search) is not None
    }
    own = [each for each in found if records.may_read(visit.connection, visit.search_reader, each)]
    return {"pictures": found, "own": own, "journey": journey}


def reader_of(visit: UserRequestContext) -> SearchReader:
    """Return the reader for the searches of a journey: an account that may see the journey may see what these
    searches found in the account's wards."""
    return SearchReader(visit.scope, None)


def open_pictures(visit: UserRequestContext) -> Response:
    journey, search = _journey(visit), visit.path("search")
    named = passages_of_form(visit)
    if not all(journey.includes(MatchKey(search, *each)) for each in named):
        raise NotFound("there is no such passage in this journey")
    return open_named(visit, search, reader_of(visit), named, f"/journeys/{journey.id}")


def picture_file(visit: UserRequestContext) -> Response:
    journey, search = _journey(visit), visit.path("search")
    if not journey.includes(MatchKey(search, visit.path("gateway"), visit.number("passage"))):
        raise NotFound("there is no such passage in this journey")
    return stored_picture(visit, search, reader_of(visit))


# --- the candidates of a step ---


def step_page(visit: UserRequestContext) -> Response:
    journey = _journey(visit)
    return _step_page(visit, journey, _step(visit, journey))


def _step(visit: UserRequestContext, journey: Journey) -> JourneyStep:
    """Return the confirmed step in the path. Raises NotFound."""
    found = journey.step(visit.number("step"))
    if found is None or found.status is not StepStatus.CONFIRMED:
        raise NotFound("there is no such step, or it is not confirmed any more")
    return found


def _step_page(
    visit: UserRequestContext,
    journey: Journey,
    step: JourneyStep,
    refused: str | None = None,
    status: int = 200,
) -> Response:
    lists = {way: _candidates(visit, journey, step, way) for way in Way}
    searches = {each.id for found in lists.values() for each in found.searches}
    return visit.render(
        "journey_step.html",
        status,
        step=step,
        number=1 + [each.id for each in journey.route].index(step.id),
        lists=lists,
        answers={way: _progress(found) for way, found in lists.items()},
        **_opened(visit, journey, {*searches, step.search}),
        open_pictures=OPEN_PICTURES,
        colour_terms=COLOURS,
        colours=get_args(ColourTerm),
        reaches=REACHES_M,
        usual_reach=round(DEFAULT_REACH_M),
        stops=STOPS_MIN,
        refused=refused,
        reason_line=reason_line,
        models=read_records(visit.connection),
        limit_reached=match_pictures.picture_limit(visit.connection, visit.account.name, visit.now_ms),
    )


def _candidates(visit: UserRequestContext, journey: Journey, step: JourneyStep, way: Way) -> CandidateList:
    return read_candidates(
        visit.connection, visit.search_author, visit.names, journey, step, way, visit.now_ms
    )


def _progress(found: CandidateList) -> tuple[int, int, int]:
    """Return three counts of the newest search: gateways that have answered, gateways that were asked, and
    gateways that found more than they sent."""
    answers = found.searches[0].answers if found.searches else ()
    answered = sum(each.status is AnswerStatus.ANSWERED for each in answers)
    return answered, len(answers), sum(each.total > each.stored for each in answers)


def ask(visit: UserRequestContext) -> Response:
    """Ask the neighbours of a step. The form has the fields of NeighbourQuestion."""
    journey = _journey(visit)
    step = _step(visit, journey)
    given = {name: value for name, value in visit.form.items() if value and name != "csrf"}
    try:
        asked = msgspec.convert(given | {"step": step.id}, NeighbourQuestion, strict=False)
        with visit.writing() as connection:
            ask_neighbours(connection, visit.search_author, journey, step, asked, visit.now_ms, visit.names)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)[:200]) from None
    except InvalidQuestion as error:
        return _step_page(visit, journey, step, error.text, 400)
    except SearchesUnavailable as error:
        return _step_page(visit, journey, step, str(error), 503)
    except TooManySearches as error:
        return _step_page(visit, journey, step, error.text, 429)
    return visit.redirect(f"/journeys/{journey.id}/steps/{step.id}")


def decide(visit: UserRequestContext) -> Response:
    """Confirm or reject (``decision``) the candidate ``passage`` (``gateway/number``) of ``search``."""
    journey = _journey(visit)
    step = _step(visit, journey)
    decision = visit.form.get("decision", "")
    if decision not in tuple(StepStatus):
        raise BadRequest("decision must be confirmed or rejected")
    candidate, status = _match_of_form(visit), StepStatus(decision)
    try:
        with visit.writing() as connection:
            decided = journeys.decide(
                connection, visit.search_author, journey, step.id, candidate, status, visit.now_ms
            )
    except JourneyRefused as error:
        return _step_page(visit, journey, step, error.text, 409)
    if decided is None:
        raise NotFound("there is no such candidate")
    return visit.redirect(f"/journeys/{journey.id}/steps/{step.id}")


def undo(visit: UserRequestContext) -> Response:
    """Withdraw the decision of the step in the path."""
    journey = _journey(visit)
    step = journey.step(visit.number("step"))
    try:
        with visit.writing() as connection:
            done = step is not None and journeys.undo(
                connection, visit.search_author, journey, step.id, visit.now_ms
            )
    except JourneyRefused as error:
        return _route(visit, journey, error.text, 409)
    if step is None or not done:
        raise NotFound("there is no such decision")
    back = f"/journeys/{journey.id}/steps/{step.parent}"
    return visit.redirect(back if visit.form.get("next") == back else f"/journeys/{journey.id}")


PAGES = (
    Page("/journeys", list_page, roles=ACTING_ROLES),
    Page("/journeys", begin, "POST", roles=ACTING_ROLES),
    Page("/journeys/{id}", route_page, roles=ACTING_ROLES),
    Page("/journeys/{id}/case", add_to_case, "POST", roles=ACTING_ROLES),
    Page("/journeys/{id}/searches/{search}/pictures", open_pictures, "POST", roles=ACTING_ROLES),
    Page("/journeys/{id}/searches/{search}/pictures/{gateway}/{passage}", picture_file, roles=ACTING_ROLES),
    Page("/journeys/{id}/steps/{step}", step_page, roles=ACTING_ROLES),
    Page("/journeys/{id}/steps/{step}/searches", ask, "POST", roles=ACTING_ROLES),
    Page("/journeys/{id}/steps/{step}/decisions", decide, "POST", roles=ACTING_ROLES),
    Page("/journeys/{id}/steps/{step}/undo", undo, "POST", roles=ACTING_ROLES),
)
