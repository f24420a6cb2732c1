"""Open alarms and alerts, their owners and outcomes; shift handovers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from sqlalchemy import Connection
from starlette.responses import Response

from edge_central.console import incident_log, requests
from edge_central.console.alarm_queue import find_subject
from edge_central.console.incident_log import IncidentOutcome, LogAuthor
from edge_central.web.auth.accounts import ACTING_ROLES, acting_accounts
from edge_central.web.auth.login import safe_redirect_path
from edge_central.web.http_errors import BadRequest, Conflict, NotFound
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

More = ParamSpec("More")
HANDED_OVER = 50
"""Open items of each gateway that a shift hands over to the next one."""


def alerts_page(visit: UserRequestContext) -> Response:
    return visit.render("desk.html", desk=visit.queue())


def acknowledge(visit: UserRequestContext) -> Response:
    return _record(visit, incident_log.acknowledge)


def assign_owner(visit: UserRequestContext) -> Response:
    _, ward = _subject(visit)
    owner = visit.form.get("owner", "").strip()
    if owner not in {each.name for each in acting_accounts(visit.connection, ward)}:
        # Its owner must be able to act on it: the alarm would be silent and stay unhandled.
        raise BadRequest("owner must be a user who may act in this ward")
    return _record(visit, incident_log.assign_owner, owner)


def close(visit: UserRequestContext) -> Response:
    _subject(visit)  # a subject of another ward is not found, whatever the outcome
    try:
        outcome = IncidentOutcome(visit.form.get("outcome", ""))
    except ValueError:
        raise BadRequest("outcome is real, false or handled") from None
    return _record(visit, incident_log.close, outcome, visit.form.get("note", ""))


def reopen(visit: UserRequestContext) -> Response:
    return _record(visit, incident_log.reopen)


def add_note(visit: UserRequestContext) -> Response:
    return _record(visit, incident_log.note, visit.form.get("note", ""))


def ask_for_clip(visit: UserRequestContext) -> Response:
    """Store a request for the ingest, the only part that sends to gateways."""
    first = visit.story().first
    if first.event_id is None:
        raise NotFound
    with visit.writing() as connection:
        requests.request_clip(connection, visit.author, first.gateway, first.ward, first.event_id)
    return visit.redirect(f"/events/{first.cursor}")


# --- shifts ---


def handover_page(visit: UserRequestContext) -> Response:
    past = incident_log.handovers(visit.connection, visit.scope)
    return visit.render("handover.html", desk=visit.queue(HANDED_OVER), handovers=past)


def hand_over(visit: UserRequestContext) -> Response:
    subjects = [item.subject for item in visit.queue(HANDED_OVER).items]
    with visit.writing() as connection:
        incident_log.hand_over(connection, visit.author, visit.scope, visit.form.get("note", ""), subjects)
    return visit.redirect("/handover")


def take_over(visit: UserRequestContext) -> Response:
    number = visit.number("id")
    with visit.writing() as connection:
        if not incident_log.take_over(connection, visit.author, visit.scope, number):
            raise Conflict("another user has taken over this shift")
    return visit.redirect("/handover")


def _subject(visit: UserRequestContext) -> tuple[str, str]:
    """The subject that the form names, and its ward. Raises NotFound."""
    subject = visit.form.get("subject", "")[:300]
    ward = find_subject(visit.connection, visit.scope, subject)
    if ward is None:
        raise NotFound
    return subject, ward


def _record(
    visit: UserRequestContext,
    step: Callable[Concatenate[Connection, LogAuthor, str, str, More], object],
    *more: More.args,
    **named: More.kwargs,
) -> Response:
    """Record a step about the subject that the form names, and return to the page of the form."""
    subject, ward = _subject(visit)
    with visit.writing() as connection:
        step(connection, visit.author, subject, ward, *more, **named)
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
