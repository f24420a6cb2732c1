"""What is open, who sees to it, what it was; shifts."""

from __future__ import annotations

from starlette.responses import Response

from edge_central.console import book, requests
from edge_central.console.book import Outcome, Writer
from edge_central.console.desk import Subject, desk, find_subject
from edge_central.console.events import story
from edge_central.web.auth.accounts import ACTING, acting_in
from edge_central.web.auth.login import way_back
from edge_central.web.front import Page
from edge_central.web.refusals import BadRequest, Conflict, NotFound
from edge_central.web.visit import Visit

HANDED_OVER = 50
"""Of each gateway, open things that a shift leaves to the next one."""


def desk_page(visit: Visit) -> Response:
    found = desk(visit.connection, visit.scope, visit.now_ms)
    return visit.render("desk.html", desk=found, names=visit.names)


def acknowledge(visit: Visit) -> Response:
    text, subject = _subject(visit)
    with visit.writing() as connection:
        book.acknowledge(connection, _writer(visit), text, subject.ward)
    return _back(visit, subject)


def take(visit: Visit) -> Response:
    text, subject = _subject(visit)
    owner = visit.form.get("owner", "").strip()
    if owner not in {each.name for each in acting_in(visit.connection, subject.ward)}:
        # An alarm that nobody can see to would be silent, and nobody's.
        raise BadRequest("owner is nobody who may act in this ward")
    with visit.writing() as connection:
        book.take(connection, _writer(visit), text, subject.ward, owner)
    return _back(visit, subject)


def close(visit: Visit) -> Response:
    text, subject = _subject(visit)
    try:
        outcome = Outcome(visit.form.get("outcome", ""))
    except ValueError:
        raise BadRequest("outcome is real, false or handled") from None
    with visit.writing() as connection:
        book.close(connection, _writer(visit), text, subject.ward, outcome, visit.form.get("note", ""))
    return _back(visit, subject)


def reopen(visit: Visit) -> Response:
    text, subject = _subject(visit)
    with visit.writing() as connection:
        book.reopen(connection, _writer(visit), text, subject.ward)
    return _back(visit, subject)


def note(visit: Visit) -> Response:
    text, subject = _subject(visit)
    with visit.writing() as connection:
        book.note(connection, _writer(visit), text, subject.ward, visit.form.get("note", ""))
    return _back(visit, subject)


def ask_for_clip(visit: Visit) -> Response:
    """A row for the ingest, which alone speaks to gateways."""
    found = story(visit.connection, visit.scope, visit.number("cursor"))
    if found is None or found.first.event_id is None:
        raise NotFound
    first = found.first
    with visit.writing() as connection:
        requests.ask_for_clip(connection, _writer(visit), first.gateway, first.ward, first.event_id or "")
    return visit.redirect(f"/events/{first.cursor}")


# --- shifts ---


def handover_page(visit: Visit) -> Response:
    found = desk(visit.connection, visit.scope, visit.now_ms, of_one=HANDED_OVER)
    past = book.handovers(visit.connection, visit.scope)
    return visit.render("handover.html", desk=found, handovers=past, names=visit.names)


def hand_over(visit: Visit) -> Response:
    found = desk(visit.connection, visit.scope, visit.now_ms, of_one=HANDED_OVER)
    with visit.writing() as connection:
        subjects = [item.subject for item in found.items]
        book.hand_over(connection, _writer(visit), visit.scope, visit.form.get("note", ""), subjects)
    return visit.redirect("/handover")


def take_over(visit: Visit) -> Response:
    number = visit.number("id")
    with visit.writing() as connection:
        if not book.take_over(connection, _writer(visit), visit.scope, number):
            raise Conflict("somebody else has taken this shift over")
    return visit.redirect("/handover")


def _subject(visit: Visit) -> tuple[str, Subject]:
    text = visit.form.get("subject", "")[:300]
    found = find_subject(visit.connection, visit.scope, text)
    if found is None:
        raise NotFound
    return text, found


def _writer(visit: Visit) -> Writer:
    return Writer(visit.account.name, visit.now_ms)


def _back(visit: Visit, subject: Subject) -> Response:
    return visit.redirect(way_back(visit.form.get("next") or "/alerts"))


PAGES = (
    Page("/alerts", desk_page),
    Page("/alerts/acknowledge", acknowledge, "POST", roles=ACTING),
    Page("/alerts/take", take, "POST", roles=ACTING),
    Page("/alerts/close", close, "POST", roles=ACTING),
    Page("/alerts/reopen", reopen, "POST", roles=ACTING),
    Page("/alerts/note", note, "POST", roles=ACTING),
    Page("/events/{cursor}/clip", ask_for_clip, "POST", roles=ACTING),
    Page("/handover", handover_page),
    Page("/handover/leave", hand_over, "POST", roles=ACTING),
    Page("/handover/{id}/take", take_over, "POST", roles=ACTING),
)
