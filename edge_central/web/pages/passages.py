"""The page of one passage that a search has found: the gateway's description of it, its pictures, and its
path.

Each opened picture is recorded with purpose and case of the search before it is requested or sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from edge_agent.core.delivery import content_type_of
from edge_central.console.events import EventRow
from edge_central.console.fleet import PRESENT
from edge_central.console.track_events import events_of_track
from edge_central.searches import match_pictures
from edge_central.searches.matches import PassageMatch
from edge_central.searches.model import (
    OPEN_PICTURES,
    SMALL_PICTURE,
    WHOLE_PICTURE,
    PictureKind,
    PictureStatus,
    SearchReader,
    TooManySearches,
)
from edge_central.searches.passage_holds import HOLD_DAYS, OPEN_HOLDS, read_hold
from edge_central.searches.sheet import read_match
from edge_central.web.auth.access_log import SAME_ACCESS_S
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.auth.login import safe_redirect_path
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.pages.passage_path import path_drawing, picture_ratio, scene_drawing
from edge_central.web.pages.searches import COLOURS, MOST_AT_ONCE, drawn_on, found_search, pictures
from edge_central.web.request_context import MOST_DIGITS, UserRequestContext
from edge_central.web.request_handler import Page

JPEG, SEALED = "image/jpeg", "application/octet-stream"


def passage_page(visit: UserRequestContext) -> Response:
    return render_passage(visit)


def render_passage(visit: UserRequestContext, refused: str | None = None, status: int = 200) -> Response:
    """Return the page of a passage. ``refused``: why the user's request on this page was refused."""
    search, match = found_search(visit), match_of_path(visit)
    key = (match.gateway, match.passage)
    picture = pictures(visit, search.id).get(key)
    site = visit.fleet(gateway=match.gateway).site(match.gateway)
    cameras = () if site is None else site.cameras
    camera = next((each for each in cameras if each.id == match.camera), None)
    drawing = None if picture is None else path_drawing(picture.path, picture_ratio(camera))
    scene = pictures(visit, search.id, kind=WHOLE_PICTURE).get(key)
    return visit.render(
        "passage.html",
        status,
        refused=refused,
        hold=read_hold(visit.connection, visit.scope, match.gateway, match.passage),
        open_holds=OPEN_HOLDS,
        hold_days=HOLD_DAYS,
        reports=_reports(visit, match),
        search=search,
        match=match,
        picture=picture,
        open_pictures=OPEN_PICTURES,
        online=site is not None and site.state in PRESENT,
        file_name=_sealed_name(*key),
        scene_file_name=_sealed_name(*key, WHOLE_PICTURE),
        drawing=drawing,
        scene=scene,
        scene_drawing=scene_drawing(scene, match.start_ms, picture_ratio(camera)),
        camera=camera,
        background=drawn_on(visit, match.gateway, camera) if drawing else None,
        colour_terms=COLOURS,
        limit_reached=match_pictures.picture_limit(visit.connection, visit.account.name, visit.now_ms),
    )


def _reports(visit: UserRequestContext, match: PassageMatch) -> tuple[EventRow, ...]:
    """Return the events in which rules have reported the object."""
    if not match.rules:
        return ()
    ends_ms = match.start_ms + round(match.for_s * 1000)
    place = (match.gateway, match.camera, match.track)
    return events_of_track(visit.connection, visit.scope, *place, match.start_ms, ends_ms)


def match_of_path(visit: UserRequestContext) -> PassageMatch:
    """Return the match in the path. Raises NotFound."""
    place = visit.path("gateway"), visit.number("passage")
    match = read_match(visit.connection, visit.search_reader, visit.path("id"), *place)
    if match is None:
        raise NotFound
    return match


def _sealed_name(gateway: str, passage: int, kind: PictureKind = SMALL_PICTURE) -> str:
    what = "-scene" if kind is WHOLE_PICTURE else ""
    return f"{gateway}-{passage}{what}.jpg.sealed"


def open_pictures(visit: UserRequestContext) -> Response:
    """Open pictures of a search. The form has the fields of ``open_named``."""
    search = found_search(visit).id
    return open_named(visit, search, visit.search_reader, passages_of_form(visit), f"/searches/{search}")


def open_scenes(visit: UserRequestContext) -> Response:
    """Open whole pictures of a search. The form has the fields of ``open_named``."""
    search, named = found_search(visit).id, passages_of_form(visit)
    return open_named(visit, search, visit.search_reader, named, f"/searches/{search}", WHOLE_PICTURE)


def passages_of_form(visit: UserRequestContext) -> list[tuple[str, int]]:
    """Return the passages of the field ``passage``: texts ``gateway/number``, separated by spaces."""
    named = [named_passage(each) for each in visit.form.get("passage", "").split()]
    if not 1 <= len(named) <= MOST_AT_ONCE:
        raise BadRequest(f"the request must name 1 to {MOST_AT_ONCE} passages")
    return named


def open_named(
    visit: UserRequestContext,
    search: str,
    reader: SearchReader,
    named: Sequence[tuple[str, int]],
    back: str,
    kind: PictureKind = SMALL_PICTURE,
) -> Response:
    """Record that the account opens these pictures, and have the ingest fetch them. ``back``: where to
    redirect, unless the form names another page in ``next``."""
    answer = visit.redirect(safe_redirect_path(visit.form.get("next") or back))
    for gateway, passage in named:
        try:
            with visit.writing() as connection:
                status = match_pictures.open_picture(
                    connection, visit.search_author, reader, search, gateway, passage, visit.now_ms, kind
                )
        except TooManySearches:
            return answer  # the page shows why
        if status is None:
            raise NotFound
    return answer


def named_passage(text: str) -> tuple[str, int]:
    gateway, _, number = text.partition("/")
    if not number.isdecimal() or len(number) > MOST_DIGITS:
        raise BadRequest("passage must be a gateway and the number of a passage, such as dt-001/412")
    return gateway, int(number)


def picture_file(visit: UserRequestContext) -> Response:
    """Return the small picture, or the sealed file, to an account that has opened it. The access log has the
    opening."""
    return stored_picture(visit, found_search(visit).id, visit.search_reader)


def scene_file(visit: UserRequestContext) -> Response:
    """Return the whole picture, or the sealed file, to an account that has opened it. The access log has the
    opening."""
    return stored_picture(visit, found_search(visit).id, visit.search_reader, WHOLE_PICTURE)


def stored_picture(
    visit: UserRequestContext, search: str, reader: SearchReader, kind: PictureKind = SMALL_PICTURE
) -> Response:
    """Return a picture of the passage in the path. Raises NotFound if the account has not opened it."""
    place = visit.path("gateway"), visit.number("passage")
    who = (visit.search_author, reader)
    picture = match_pictures.read_picture(visit.connection, *who, search, *place, kind)
    if picture is None or picture.status is not PictureStatus.RECEIVED or picture.jpeg is None:
        raise NotFound("this picture was not opened, or the gateway has not sent it yet")
    if picture.sealed:
        response = Response(picture.jpeg, media_type=SEALED)
        name = _sealed_name(*place, kind)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    elif content_type_of(picture.jpeg) == JPEG:
        response = Response(picture.jpeg, media_type=JPEG)
    else:
        raise NotFound("the file that the gateway sent is not a picture")
    response.headers["Cache-Control"] = f"private, max-age={SAME_ACCESS_S}"
    response.headers["Vary"] = "Cookie"
    return response


PAGES = (
    Page("/searches/{id}/pictures", open_pictures, "POST", roles=ACTING_ROLES),
    Page("/searches/{id}/pictures/{gateway}/{passage}", picture_file, roles=ACTING_ROLES),
    Page("/searches/{id}/scenes", open_scenes, "POST", roles=ACTING_ROLES),
    Page("/searches/{id}/scenes/{gateway}/{passage}", scene_file, roles=ACTING_ROLES),
    Page("/searches/{id}/passages/{gateway}/{passage}", passage_page, roles=ACTING_ROLES),
)
