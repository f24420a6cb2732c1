"""Searches of passages: the list, the form, the answers with the contact sheet.

Rows are written here, and the ingest asks the gateways (docs/decisions/0058).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import get_args

from starlette.responses import Response

from edge_agent.core.languages import decimal
from edge_agent.wire.searches import ColourTerm, Group, Part
from edge_central.console.events import StoredMedia
from edge_central.console.fleet import CameraOverview
from edge_central.rehearsals.records import is_rehearsal
from edge_central.searches import match_pictures, new_search, records
from edge_central.searches.model import (
    OPEN_PICTURES,
    SMALL_PICTURE,
    AnswerStatus,
    GatewayAnswer,
    PictureKind,
    SearchesUnavailable,
    SearchPicture,
    SearchReader,
    SearchView,
    TooManySearches,
)
from edge_central.searches.question import InvalidQuestion, SearchQuestion
from edge_central.searches.sheet import ContactSheet, SheetPosition, oldest_matches, read_sheet
from edge_central.searches.withdrawal import withdraw_search
from edge_central.store.media_folder import MediaFolder
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.i18n import Lang
from edge_central.web.pages import search_form
from edge_central.web.pages.charts import site_map
from edge_central.web.pages.passage_path import WIDTH, background, picture_ratio
from edge_central.web.pages.search_form import KM_H, FormError, InvalidForm, Values
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

MOST_AT_ONCE = 12
"""Maximum number of pictures that one click opens."""
MOST_DIGITS = 15
"""Maximum number of digits of a time in an address."""
COLOURS: tuple[str, ...] = get_args(ColourTerm)


def searches_page(visit: UserRequestContext) -> Response:
    """Return the searches of the account; for an administrator those of all accounts."""
    rows = records.list_searches(visit.connection, visit.search_reader)
    return visit.render("searches.html", rows=rows, available=_is_available(visit))


def _is_available(visit: UserRequestContext) -> bool:
    return any(visit.scope.admits(ward) for ward in new_search.searchable_wards(visit.connection))


# --- the form ---


def form_page(visit: UserRequestContext) -> Response:
    """Show the form of a new search.

    In the query, ``like`` is the id of an earlier search to begin with; ``near``, ``site`` and ``camera``
    say where; ``at`` is a time in milliseconds since 1970 to search around; ``until`` with ``site`` repeats
    the question for that site and passages before that time.
    """
    fleet, zone = visit.fleet(), visit.services.console.timezone
    values = search_form.usual_values(visit.now_ms, zone)
    like = visit.query("like")
    if like is not None:
        found = records.read_search(visit.connection, visit.search_reader, like)
        if found is None:
            raise NotFound
        values = search_form.values_of(found.question, fleet, zone)
    at, until_ms = _time(visit, "at"), _time(visit, "until")
    if at is not None:
        values |= search_form.times_around(at, zone)
    near, site, camera = visit.query("near"), visit.query("site"), visit.query("camera")
    if until_ms is not None and site is not None:
        return _form(visit, search_form.earlier(values, site[:63], until_ms, zone), {})
    if near is not None:
        values = search_form.somewhere_else(values) | {"near": near[:63]}
    if site is not None:
        values[f"camera.{site[:63]}/{camera[:63]}" if camera else f"site.{site[:63]}"] = "1"
        values["line_camera"] = f"{site[:63]}/{camera[:63]}" if camera else ""
    return _form(visit, values, search_form.unknown_places(values, fleet))


def _time(visit: UserRequestContext, name: str) -> int | None:
    """Return a time of the address."""
    text = visit.query(name)
    if text is not None and (not text.isdecimal() or len(text) > MOST_DIGITS):
        raise BadRequest(f"{name} must be a time in milliseconds since 1970")
    return None if text is None else int(text)


def _form(
    visit: UserRequestContext, values: Values, errors: Mapping[str, FormError], status: int = 200
) -> Response:
    fleet = visit.fleet()
    gateway, camera = search_form.line_camera(values, fleet)
    return visit.render(
        "search_form.html",
        status,
        line_at=gateway,
        line_camera=camera,
        line_height=round(WIDTH / picture_ratio(camera)),
        line_picture=drawn_on(visit, gateway, camera),
        values=values,
        errors=errors,
        fleet=fleet,
        wards=fleet.wards,
        map=site_map(fleet),
        opened=search_form.opened(values, fleet),
        groups=get_args(Group),
        colours=COLOURS,
        colour_parts=get_args(Part),
        lives=search_form.LIVES,
        available=_is_available(visit),
    )


def drawn_on(visit: UserRequestContext, gateway: str, camera: CameraOverview | None) -> StoredMedia | None:
    """Return the picture of a camera to draw a path or a line on."""
    folder = MediaFolder(visit.services.settings.media_dir)
    return background(visit.connection, visit.scope, folder, gateway, camera)


def start(visit: UserRequestContext) -> Response:
    """Start a search, or show the form again with what is wrong in it."""
    values = Values(str, visit.form)
    try:
        question = search_form.question_of(visit.form, visit.fleet(), visit.services.console.timezone)
        with visit.writing() as connection:
            search = new_search.start_search(
                connection, visit.search_author, question, visit.now_ms, visit.names
            )
    except InvalidForm as error:
        return _form(visit, values, error.errors, 400)
    except InvalidQuestion as error:
        return _form(visit, values, {search_form.field_of(error.field): FormError(text=error.text)}, 400)
    except SearchesUnavailable as error:
        return _form(visit, values, {"": FormError(text=str(error))}, 503)
    except TooManySearches as error:
        return _form(visit, values, {"": FormError(text=error.text)}, 429)
    return visit.redirect(f"/searches/{search}")


# --- the answers ---


def result_page(visit: UserRequestContext) -> Response:
    search = found_search(visit)
    if is_rehearsal(visit.connection, search.id):
        return visit.redirect(f"/rehearsals/{search.id}")
    before = visit.query("before")
    position = None if before is None else SheetPosition.parse(before)
    if before is not None and position is None:
        raise BadRequest("before must be a position that a page of the search gave")
    question = search.question
    asked = {each.gateway for each in search.answers}
    waiting = {each.gateway for each in search.answers if each.status is not AnswerStatus.ANSWERED}
    sheet = read_sheet(visit.connection, visit.search_reader, search.id, question, position)
    opened = pictures(visit, search.id)
    return visit.render(
        "search_result.html",
        search=search,
        asked=len(asked),
        answered=len(asked - waiting),
        states=states(search),
        sheet=sheet,
        pictures=opened,
        unopened=unopened(sheet, opened)[:MOST_AT_ONCE],
        open_pictures=OPEN_PICTURES,
        newest=position is None,
        earlier=earlier(visit, search),
        limits=limits(question, visit.lang),
        circle_site=_circle_site(visit, question),
        colour_terms=COLOURS,
        limit_reached=match_pictures.picture_limit(visit.connection, visit.account.name, visit.now_ms),
    )


def withdraw(visit: UserRequestContext) -> Response:
    """Withdraw the search of the path. Raises NotFound."""
    who = (visit.search_author, visit.search_reader)
    with visit.writing() as connection:
        if not withdraw_search(connection, *who, visit.path("id"), visit.now_ms):
            raise NotFound
    return visit.redirect(f"/searches/{visit.path('id')}")


def found_search(visit: UserRequestContext) -> SearchView:
    """Return the search in the path. Raises NotFound."""
    found = records.read_search(visit.connection, visit.search_reader, visit.path("id"))
    if found is None:
        raise NotFound
    return found


def pictures(
    visit: UserRequestContext,
    search: str,
    reader: SearchReader | None = None,
    kind: PictureKind = SMALL_PICTURE,
) -> dict[tuple[str, int], SearchPicture]:
    """Return the pictures that the account has opened, by gateway and passage."""
    who = (visit.search_author, reader or visit.search_reader)
    opened = match_pictures.opened_pictures(visit.connection, *who, search, kind)
    return {(each.gateway, each.passage): each for each in opened}


def unopened(sheet: ContactSheet, opened: Container[tuple[str, int]]) -> list[str]:
    """Return the passages of a page with a picture that the account has not opened, in their order."""
    shown = [each for match in sheet.matches for each in (match, match.then) if each is not None]
    names = [
        f"{each.gateway}/{each.passage}"
        for each in shown
        if each.picture_sha256 is not None and (each.gateway, each.passage) not in opened
    ]
    return list(dict.fromkeys(names))  # a passage may be in several pairs


def earlier(visit: UserRequestContext, search: SearchView) -> list[tuple[GatewayAnswer, int]]:
    """Return the gateways that found more than they sent, most first, each with the time before which to
    ask for the rest. Empty if the question has a colour or second place, or is for the oldest first."""
    question = search.question
    if question.colour is not None or question.second is not None or question.oldest_first:
        return []
    oldest = oldest_matches(visit.connection, visit.search_reader, search.id)
    more = [each for each in search.answers if each.total > each.stored and each.gateway in oldest]
    more.sort(key=lambda each: each.stored - each.total)
    return [(each, oldest[each.gateway]) for each in more]


def states(search: SearchView) -> dict[str, tuple[GatewayAnswer, ...]]:
    """Return the gateways by state, most urgent first."""
    waiting = search.of_status(AnswerStatus.WAITING, AnswerStatus.SENT)
    return {
        "later": search.later,
        "offline": search.offline,
        "sent": tuple(each for each in waiting if each.online),
        "refused": search.of_status(AnswerStatus.REFUSED),
        "failed": search.of_status(AnswerStatus.FAILED),
        "expired": search.of_status(AnswerStatus.EXPIRED),
        "withdrawn": search.of_status(AnswerStatus.WITHDRAWN),
        "answered": search.of_status(AnswerStatus.ANSWERED),
    }


def limits(question: SearchQuestion, lang: Lang) -> Iterable[tuple[str, str]]:
    """Yield the numeric filters of a question: a word of the pages and a text such as ``>= 20``."""
    for word, low, high, by in (
        ("search-height", question.min_height, question.max_height, 100.0),
        ("search-speed", question.min_speed, question.max_speed, 1.0),
        ("search-speed-km-h", question.min_speed_m_s, question.max_speed_m_s, KM_H),
        ("search-still", question.min_still_s, None, 1.0),
        ("search-for", question.min_for_s, None, 1.0),
    ):
        bounds = [("≥", low), ("≤", high)]
        text = "; ".join(f"{sign} {decimal(value * by, lang)}" for sign, value in bounds if value is not None)
        if text:
            yield word, text


def _circle_site(visit: UserRequestContext, question: SearchQuestion) -> str | None:
    """Return the name of the site in the middle of the circle."""
    if question.circle is None:
        return None
    site = search_form.site_at(visit.fleet(), question.circle)
    return None if site is None else site.name


PAGES = (
    Page("/searches", searches_page, roles=ACTING_ROLES),
    Page("/searches", start, "POST", roles=ACTING_ROLES),
    Page("/searches/new", form_page, roles=ACTING_ROLES),
    Page("/searches/{id}", result_page, roles=ACTING_ROLES),
    Page("/searches/{id}/withdraw", withdraw, "POST", roles=ACTING_ROLES),
)
