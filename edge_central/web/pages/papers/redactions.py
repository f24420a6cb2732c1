"""The altered copies of a case next to their originals, for the person who checks each of them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import FileResponse, Response

from edge_central.cases import files, redactions
from edge_central.cases.model import CaseRefused, CaseSummary, CaseView
from edge_central.cases.redactions import Area, RedactedCopy, RedactionSubject
from edge_central.sentences import problem_text
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.pages.cases import found_case, record_view
from edge_central.web.pages.papers.attachments import case_folder
from edge_central.web.request_context import MOST_DIGITS, UserRequestContext
from edge_central.web.request_handler import Page

SIDES = ("left", "top", "width", "height")


@dataclass(frozen=True, slots=True)
class ShownCopy:
    subject: RedactionSubject
    original: str  # address of the original
    copy: RedactedCopy | None


def redactions_page(visit: UserRequestContext) -> Response:
    return _render(visit)


def _render(visit: UserRequestContext, refused: str | None = None, status: int = 200) -> Response:
    case = found_case(visit)
    record_view(visit, case)
    view = _view(visit, case)
    copies = redactions.read_copies(visit.connection, case.id)
    rows = [
        ShownCopy(each, _original(case, each), copies.get(each.key)) for each in redactions.subjects_of(view)
    ]
    return visit.render(
        "redactions.html",
        status,
        case=case,
        rows=rows,
        asked=sum(row.copy is not None and row.copy.status != "failed" for row in rows),
        checked=sum(row.copy is not None and row.copy.is_checked for row in rows),
        refused=refused,
        sides=SIDES,
    )


def _view(visit: UserRequestContext, case: CaseSummary) -> CaseView:
    view = files.read_case(visit.connection, visit.case_author, case.id)
    if view is None:
        raise NotFound
    return view


def _original(case: CaseSummary, subject: RedactionSubject) -> str:
    kind, _, number = subject.key.partition(" ")
    return f"/cases/{case.id}/{'pictures' if kind == 'picture' else 'files'}/{number}"


def ask(visit: UserRequestContext) -> Response:
    """Request a copy of each picture and clip that has none."""
    case = found_case(visit)
    view = _view(visit, case)
    with visit.writing() as connection:
        redactions.ask_copies(connection, visit.case_author, view, visit.now_ms)
    return visit.redirect(f"/cases/{case.id}/redacted")


def check(visit: UserRequestContext) -> Response:
    """Record that the officer has viewed the copy ``copy``, if its SHA-256 is ``sha256``."""
    case, copy, sha256 = found_case(visit), _copy_id(visit), visit.form.get("sha256", "")
    with visit.writing() as connection:
        done = redactions.check_copy(connection, visit.case_author, case.id, copy, sha256, visit.now_ms)
    if not done:
        return _render(visit, problem_text("case-copy-changed"), 409)
    return visit.redirect(f"/cases/{case.id}/redacted#copy-{copy}")


def set_area(visit: UserRequestContext) -> Response:
    """Cover one more area of ``copy``, given in percent. ``clear``: remove all areas that people added."""
    case, copy = found_case(visit), _copy_id(visit)
    try:
        area = None if "clear" in visit.form else _area(visit)
    except CaseRefused as refusal:
        return _render(visit, refusal.text, 409)
    with visit.writing() as connection:
        done = redactions.set_areas(connection, visit.case_author, case.id, copy, area, visit.now_ms)
    if not done:
        return _render(visit, problem_text("case-copy-changed"), 409)
    return visit.redirect(f"/cases/{case.id}/redacted#copy-{copy}")


def _copy_id(visit: UserRequestContext) -> int:
    text = visit.form.get("copy", "")
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise BadRequest("copy must be the number of a copy")
    return int(text)


def _area(visit: UserRequestContext) -> Area:
    """Return the area of the form. Raises CaseRefused."""
    try:
        left, top, width, height = (float(visit.form.get(name, "")[:20]) / 100 for name in SIDES)
    except ValueError:
        raise CaseRefused(problem_text("case-area")) from None
    if not (0 <= left < 1 and 0 <= top < 1 and 0 < width <= 1 and 0 < height <= 1):
        raise CaseRefused(problem_text("case-area"))
    return left, top, min(1.0, left + width), min(1.0, top + height)


def copy_file(visit: UserRequestContext) -> Response:
    """Return an altered copy; this is recorded as a view of the case."""
    case = found_case(visit)
    copy = redactions.find_copy(visit.connection, case.id, visit.number("copy"))
    if copy is None or copy.sha256 is None:
        raise NotFound("there is no such copy, or it is not made yet")
    path = case_folder(visit).path(case.id, copy.sha256)
    try:
        status = path.stat()
        with path.open("rb") as file:
            is_jpeg = file.read(3) == b"\xff\xd8\xff"
    except FileNotFoundError:
        raise NotFound("the file is not at this centre") from None
    record_view(visit, case)
    response = FileResponse(path, media_type="image/jpeg" if is_jpeg else "video/mp4", stat_result=status)
    response.headers["Cache-Control"] = "no-store"  # the file at this address changes when an area is added
    return response


PAGES = (
    Page("/cases/{id}/redacted", redactions_page, roles=ACTING_ROLES),
    Page("/cases/{id}/redacted", ask, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/redacted/check", check, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/redacted/area", set_area, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/redacted/{copy}", copy_file, roles=ACTING_ROLES),
)
