"""Cases: the list, one case with its pictures, and what officers do with passages: hold, add, strike out.

Each view of a case is recorded before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from starlette.responses import Response, StreamingResponse

from edge_agent.core.delivery import content_type_of
from edge_central.cases import exports, files, items
from edge_central.cases.accesses import newest_accesses
from edge_central.cases.export_page import PageWording
from edge_central.cases.facts import (
    EventFacts,
    FileFacts,
    NoteFacts,
    PassageFacts,
    as_facts,
    event_of,
    facts_of_match,
    file_of,
    links_of,
    note_of,
    passages_of,
)
from edge_central.cases.model import (
    MAX_FILE_BYTES,
    CaseItem,
    CaseItemKind,
    CasePicture,
    CaseRefused,
    CaseSummary,
    NewCaseItem,
    PictureReference,
)
from edge_central.cases.redactions import subjects_of
from edge_central.console.documents import milliseconds
from edge_central.console.events import StoredMedia
from edge_central.console.fleet import CameraOverview
from edge_central.searches import match_pictures, passage_holds
from edge_central.searches.matches import PassageMatch
from edge_central.searches.model import SearchesUnavailable, SearchReader, SearchView, TooManySearches
from edge_central.searches.new_search import searchable_wards
from edge_central.sentences import problem_text
from edge_central.store.case_folder import CHUNK_BYTES, CaseFolder
from edge_central.web.auth.access_log import SAME_ACCESS_S
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import BadRequest, Conflict, NotFound, Unavailable
from edge_central.web.i18n import translate_word
from edge_central.web.pages.passage_path import PathDrawing, path_drawing, picture_ratio
from edge_central.web.pages.passages import JPEG, SEALED, match_of_path, render_passage
from edge_central.web.pages.searches import COLOURS, drawn_on, found_search
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import RETRY_AFTER_S, Page

MAX_ACCESSES = 100
"""Number of accesses that the page of a case lists, the newest; an export has all."""
MAX_BACKGROUNDS = 24
"""Limit of cameras of a case with a picture below paths, each searched among the newest of its camera."""


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage of an item, with what is drawn on its picture."""

    facts: PassageFacts
    start_ms: int | None
    picture: CasePicture | None
    drawing: PathDrawing | None
    background: StoredMedia | None
    camera: CameraOverview | None


@dataclass(frozen=True, slots=True)
class ShownItem:
    item: CaseItem
    passages: tuple[ShownPassage, ...]
    links: tuple[tuple[str, ...], ...]  # of a journey: the reasons between each passage and the next
    event: EventFacts | None
    event_ms: int | None
    file: FileFacts | None
    note: NoteFacts | None


# --- the list, one case ---


def cases_page(visit: UserRequestContext) -> Response:
    """Return the cases that the account may see (``closed``: closed ones); its own cases are marked."""
    closed = visit.query("closed") is not None
    rows = files.list_cases(visit.connection, visit.case_author, closed=closed)
    return visit.render("cases.html", rows=rows, closed=closed)


def case_page(visit: UserRequestContext) -> Response:
    return render_case(visit)


def render_case(visit: UserRequestContext, refused: str | None = None, status: int = 200) -> Response:
    """Return the page of the case in the path. ``refused``: why a form was refused."""
    summary = found_case(visit)
    record_view(visit, summary)
    view = files.read_case(visit.connection, visit.case_author, summary.id)
    if view is None:
        raise NotFound
    return visit.render(
        "case.html",
        status,
        case=view.summary,
        items=_shown(visit, view.items),
        colour_terms=COLOURS,
        refused=refused,
        days=visit.services.settings.cases.days,
        exports=exports.list_exports(visit.connection, summary.id),
        pictures_and_clips=len(list(subjects_of(view))),
        checked=len(exports.checked_copies(visit.connection, view)),
        holds=passage_holds.holds_of_case(visit.connection, summary.number, summary.wards),
        accesses=newest_accesses(visit.connection, summary, MAX_ACCESSES),
        most_file_bytes=MAX_FILE_BYTES,
    )


def found_case(visit: UserRequestContext) -> CaseSummary:
    """Return the case in the path. Raises NotFound."""
    found = files.find_case(visit.connection, visit.case_author, visit.number("id"))
    if found is None:
        raise NotFound("there is no such case, or you may not see it")
    return found


def record_view(visit: UserRequestContext, case: CaseSummary) -> None:
    """Record a view of the case. Requests within SAME_ACCESS_S are one view, as the page reloads itself."""
    recent, access = (
        visit.services.media_access_log,
        (visit.account.name, visit.address, "case", str(case.id)),
    )
    if recent.is_new(access):
        with visit.writing() as connection:
            files.record_view(connection, visit.case_author, case, visit.now_ms)
        recent.add(access)


def _shown(visit: UserRequestContext, found: Iterable[CaseItem]) -> list[ShownItem]:
    cameras = _Cameras(visit)
    return [_shown_item(cameras, item) for item in found]


def _shown_item(cameras: _Cameras, item: CaseItem) -> ShownItem:
    event = event_of(item.facts)
    return ShownItem(
        item,
        tuple(_passage(cameras, item, facts) for facts in passages_of(item.facts)),
        tuple(tuple(link.lines) for link in links_of(item.facts)),
        event,
        None if event is None else milliseconds(event.time),
        file_of(item.facts),
        note_of(item.facts),
    )


class _Cameras:
    """Cameras by gateway and id, each with a picture to draw on. Each is read once."""

    def __init__(self, visit: UserRequestContext) -> None:
        self._visit = visit
        self._found: dict[tuple[str, str], tuple[CameraOverview | None, StoredMedia | None]] = {}

    def find(self, gateway: str, camera: str) -> tuple[CameraOverview | None, StoredMedia | None]:
        key = gateway, camera
        if key not in self._found:
            if len(self._found) >= MAX_BACKGROUNDS:
                return None, None
            site = self._visit.fleet(gateway=gateway).site(gateway)
            cameras = () if site is None else site.cameras
            overview = next((each for each in cameras if each.id == camera), None)
            self._found[key] = overview, drawn_on(self._visit, gateway, overview)
        return self._found[key]


def _passage(cameras: _Cameras, item: CaseItem, facts: PassageFacts) -> ShownPassage:
    of_passage = (
        each for each in item.pictures if (each.gateway, each.passage) == (facts.gateway, facts.passage)
    )
    picture = next(of_passage, None)
    camera, background = (
        (None, None) if picture is None or not picture.path else cameras.find(facts.gateway, facts.camera)
    )
    drawing = None if picture is None else path_drawing(picture.path, picture_ratio(camera))
    return ShownPassage(facts, milliseconds(facts.start), picture, drawing, background, camera)


def picture_file(visit: UserRequestContext) -> Response:
    """Return a picture of a case, or the sealed file. The view of the case is already recorded."""
    case = found_case(visit)
    content = items.read_content(visit.connection, case.id, visit.number("picture"))
    if content is None:
        raise NotFound("there is no such picture, or the gateway has not sent it yet")
    record_view(visit, case)
    if content_type_of(content) == JPEG:
        response = Response(content, media_type=JPEG)
    else:
        response = Response(content, media_type=SEALED)
        name = f"case-{case.id}-{visit.number('picture')}.jpg.sealed"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = f"private, max-age={SAME_ACCESS_S}"
    response.headers["Vary"] = "Cookie"
    return response


def open_picture(visit: UserRequestContext) -> Response:
    """Open the picture that an item waits for, as the page of its search does: record the access, and ask
    the gateway. Users who see the case may do this even if they may not see the search."""
    case = found_case(visit)
    picture = items.find_picture(visit.connection, case.id, visit.number("picture"))
    if picture is None:
        raise NotFound
    reader = SearchReader(visit.scope, None)  # the case has its own rules of access
    try:
        with visit.writing() as connection:
            who = (connection, visit.search_author, reader)
            place = (picture.search, picture.gateway, picture.passage)
            opened = match_pictures.open_picture(*who, *place, visit.now_ms)
            items.take_pictures(connection, case.id)
    except TooManySearches as error:
        return render_case(visit, error.text, 409)
    if opened is None:
        return render_case(visit, problem_text("case-picture-gone"), 409)
    return visit.redirect(f"/cases/{case.id}")


def strike(visit: UserRequestContext) -> Response:
    """Strike out the item ``item`` for the reason ``why``."""
    case, item = found_case(visit), visit.form.get("item", "")
    if not item.isdecimal() or len(item) > 18:
        raise BadRequest("item must be the number of an item")
    try:
        with visit.writing() as connection:
            author = visit.case_author
            done = items.strike_item(
                connection, author, case.id, int(item), visit.form.get("why", ""), visit.now_ms
            )
    except CaseRefused as error:
        return render_case(visit, error.text, 409)
    if done is None:
        raise NotFound
    return visit.redirect(f"/cases/{case.id}#item-{item}")


def export(visit: UserRequestContext) -> Response:
    """Store an export for the ingest to sign. ``redacted``: it contains the checked altered copies."""
    case, redacted = found_case(visit), "redacted" in visit.form
    wards = searchable_wards(visit.connection)
    author, now_ms = visit.case_author, visit.now_ms
    if redacted and not exports.has_checked(visit.connection, case.id):
        return render_case(visit, problem_text("case-copies-unchecked"), 409)
    with visit.writing() as connection:
        ward = exports.record_export(connection, author, case.id, wards, now_ms)
    if ward is None:
        return render_case(visit, problem_text("case-no-key"), 409)
    wording = PageWording(visit.services.console.timezone, translate_word)
    folder = CaseFolder(visit.services.settings.media_dir)
    with visit.services.connections.reading() as connection:  # after the commit: sees its access record
        row = exports.read_export(connection, folder, author, case.id, ward, now_ms, wording, redacted)
    if row is None:
        raise NotFound
    with visit.writing() as connection:
        stored = exports.store_export(connection, folder, row)
    if stored is None:
        raise Conflict("an altered copy of the case is being made again")
    return visit.redirect(f"/cases/{case.id}#exports")


def export_file(visit: UserRequestContext) -> Response:
    """Return the zip of a signed export. Its maker is recorded; each download is a view of the case."""
    case = found_case(visit)
    folder = CaseFolder(visit.services.settings.media_dir)
    try:
        zipped = exports.open_zip(
            visit.connection, visit.case_author, case.id, visit.number("export"), folder
        )
    except FileNotFoundError as error:
        raise NotFound("a file of this export is not at this centre") from error
    except OSError as error:
        raise Unavailable("the zip cannot be written", retry_after_s=RETRY_AFTER_S) from error
    if zipped is None:
        raise NotFound("there is no such export, or it is not signed yet")
    record_view(visit, case)
    size = zipped.seek(0, 2)
    zipped.seek(0)
    response = StreamingResponse(_chunks(zipped), media_type="application/zip")
    name = f"case-{case.id}-export-{visit.number('export')}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Length"] = str(size)
    response.headers["Cache-Control"] = "no-store"
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def close(visit: UserRequestContext) -> Response:
    case = found_case(visit)
    with visit.writing() as connection:
        files.close_case(connection, visit.case_author, case.id, visit.now_ms)
    return visit.redirect(f"/cases/{case.id}")


def reopen(visit: UserRequestContext) -> Response:
    case = found_case(visit)
    with visit.writing() as connection:
        files.reopen_case(connection, visit.case_author, case.id, visit.now_ms)
    return visit.redirect(f"/cases/{case.id}")


# --- from the page of a passage ---


def add_passage(visit: UserRequestContext) -> Response:
    """Add a passage to the case that has the case number of the search."""
    search, match = found_search(visit), match_of_path(visit)
    try:
        with visit.writing() as connection:
            item = passage_item(visit, search, match)
            added = items.add_item(connection, visit.case_author, search.case, item, visit.now_ms)
    except CaseRefused as error:
        return render_passage(visit, error.text, 409)
    return visit.redirect(f"/cases/{added.case_id}#item-{added.item}")


def passage_item(visit: UserRequestContext, search: SearchView, match: PassageMatch) -> NewCaseItem:
    names = visit.names
    camera = names.camera(match.gateway, match.camera).name
    return NewCaseItem(
        kind=CaseItemKind.PASSAGE,
        source=f"passage {match.gateway}/{match.passage}",
        at_ms=match.start_ms,
        wards=frozenset({match.ward}),
        facts=as_facts(facts_of_match(match, names.site_name(match.gateway), camera)),
        gateway=match.gateway,
        camera=match.camera,
        search=search.id,
        pictures=(PictureReference(search.id, match.gateway, match.passage),)
        if match.picture_sha256 is not None
        else (),
    )


def hold_passage(visit: UserRequestContext) -> Response:
    """Have the gateway keep a passage for ``days``, or release it if ``days`` is empty."""
    search, match = found_search(visit), match_of_path(visit)
    text = visit.form.get("days", "")
    if text and text not in map(str, passage_holds.HOLD_DAYS):
        raise BadRequest(f"days must be one of {passage_holds.HOLD_DAYS}, or empty")
    try:
        with visit.writing() as connection:
            days = int(text) if text else None
            who = (connection, visit.search_author, visit.search_reader)
            place = (search.id, match.gateway, match.passage)
            asked = passage_holds.ask_hold(*who, *place, days, visit.now_ms)
    except (SearchesUnavailable, TooManySearches) as error:
        return render_passage(visit, str(error), 409)
    if asked is None:
        return render_passage(visit, problem_text("hold-not-yours"), 409)
    return visit.redirect(f"/searches/{search.id}/passages/{match.gateway}/{match.passage}")


PAGES = (
    Page("/cases", cases_page, roles=ACTING_ROLES),
    Page("/cases/{id}", case_page, roles=ACTING_ROLES),
    Page("/cases/{id}/pictures/{picture}", picture_file, roles=ACTING_ROLES),
    Page("/cases/{id}/pictures/{picture}/open", open_picture, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/strike", strike, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/export", export, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/exports/{export}", export_file, roles=ACTING_ROLES),
    Page("/cases/{id}/close", close, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/reopen", reopen, "POST", roles=ACTING_ROLES),
    Page("/searches/{id}/passages/{gateway}/{passage}/case", add_passage, "POST", roles=ACTING_ROLES),
    Page("/searches/{id}/passages/{gateway}/{passage}/hold", hold_passage, "POST", roles=ACTING_ROLES),
)
