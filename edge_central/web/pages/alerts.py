"""Open alarms and alerts, their owners and outcomes; shift handovers."""

from __future__ import annotations

from starlette.responses import Response

from edge_central.console import incident_log as book
from edge_central.console import requests
from edge_central.console.alarm_queue import IncidentSubject, find_subject, read_alarm_queue
from edge_central.console.events import read_story
from edge_central.console.incident_log import IncidentOutcome, LogAuthor
from edge_central.web.auth.accounts import ACTING_ROLES, acting_accounts
from edge_central.web.auth.login import safe_redirect_path
from edge_central.web.http_errors import BadRequest, Conflict, NotFound
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

HANDED_OVER = 50
"""Of each gateway, open things that a shift leaves to the next one."""


def alerts_page(visit: UserRequestContext) -> Response:
    found = read_alarm_queue(visit.connection, visit.scope, visit.now_ms)
    return visit.render("desk.html", desk=found, names=visit.names)


def acknowledge(visit: UserRequestContext) -> Response:
    text, subject = _subject(visit)
    with visit.writing() as connection:
        book.acknowledge(connection, _writer(visit), text, subject.ward)
    return _redirect_back(visit, subject)


def assign_owner(visit: UserRequestContext) -> Response:
    text, subject = _subject(visit)
    owner = visit.form.get("owner", "").strip()
    if owner not in {each.name for each in acting_accounts(visit.connection, subject.ward)}:
        # An alarm that nobody can see to would be silent, and nobody's.
        raise BadRequest("owner is nobody who may act in this ward")
    with visit.writing() as connection:
        book.assign_owner(connection, _writer(visit), text, subject.ward, owner)
    return _redirect_back(visit, subject)


def close(visit: UserRequestContext) -> Response:
    text, subject = _subject(visit)
    try:
        outcome = IncidentOutcome(visit.form.get("outcome", ""))
    except ValueError:
        raise BadRequest("outcome is real, false or handled") from None
    with visit.writing() as connection:
        book.close(connection, _writer(visit), text, subject.ward, outcome, visit.form.get("note", ""))
    return _redirect_back(visit, subject)


def reopen(visit: UserRequestContext) -> Response:
    text, subject = _subject(visit)
    with visit.writing() as connection:
        book.reopen(connection, _writer(visit), text, subject.ward)
    return _redirect_back(visit, subject)


def add_note(visit: UserRequestContext) -> Response:
    text, subject = _subject(visit)
    with visit.writing() as connection:
        book.note(connection, _writer(visit), text, subject.ward, visit.form.get("note", ""))
    return _redirect_back(visit, subject)


def ask_for_clip(visit: UserRequestContext) -> Response:
    """Store a request for the ingest, the only part that sends to gateways."""
    found = read_story(visit.connection, visit.scope, visit.number("cursor"))
    if found is None or found.first.event_id is None:
        raise NotFound
    first = found.first
    with visit.writing() as connection:
        requests.request_clip(connection, _writer(visit), first.gateway, first.ward, first.event_id or "")
    return visit.redirect(f"/events/{first.cursor}")


# --- shifts ---


def handover_page(visit: UserRequestContext) -> Response:
    found = read_alarm_queue(visit.connection, visit.scope, visit.now_ms, per_gateway=HANDED_OVER)
    past = book.handovers(visit.connection, visit.scope)
    return visit.render("handover.html", desk=found, handovers=past, names=visit.names)


def hand_over(visit: UserRequestContext) -> Response:
    found = read_alarm_queue(visit.connection, visit.scope, visit.now_ms, per_gateway=HANDED_OVER)
    with visit.writing() as connection:
        subjects = [item.subject for item in found.items]
        book.hand_over(connection, _writer(visit), visit.scope, visit.form.get("note", ""), subjects)
    return visit.redirect("/handover")


def take_over(visit: UserRequestContext) -> Response:
    number = visit.number("id")
    with visit.writing() as connection:
        if not book.take_over(connection, _writer(visit), visit.scope, number):
            raise Conflict("somebody else has taken this shift over")
    return visit.redirect("/handover")


def _subject(visit: UserRequestContext) -> tuple[str, IncidentSubject]:
    text = visit.form.get("subject", "")[:300]
    found = find_subject(visit.connection, visit.scope, text)
    if found is None:
        raise NotFound
    return text, found


def _writer(visit: UserRequestContext) -> LogAuthor:
    return LogAuthor(visit.account.name, visit.now_ms)


def _redirect_back(visit: UserRequestContext, subject: IncidentSubject) -> Response:
    return visit.redirect(safe_redirect_path(visit.form.get("next") or "/alerts"))


PAGES = (
    Page("/alerts", alerts_page),
    Page("/alerts/acknowledge", acknowledge, "POST", roles=ACTING_ROLES),
    Page("/alerts/take", assign_owner, "POST", roles=ACTING_ROLES),
    Page("/alerts/close", close, "POST", roles=ACTING_ROLES),
    Page("/alerts/reopen", reopen, "POST", roles=ACTING_ROLES),
    Page("/alerts/note", add_note, "POST", roles=ACTING_ROLES),
    Page("/events/{cursor}/clip", ask_for_clip, "POST", roles=ACTING_ROLES),
    Page("/handover", handover_page),
    Page("/handover/leave", hand_over, "POST", roles=ACTING_ROLES),
    Page("/handover/{id}/take", take_over, "POST", roles=ACTING_ROLES),
)
