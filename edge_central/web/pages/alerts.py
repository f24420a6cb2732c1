"""Open alarms and alerts, their owners and outcomes; silences of the bell; shift handovers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import Connection
from starlette.responses import Response

from edge_central.console import incident_log, requests
from edge_central.console.alarms.model import QueueFilter, QueuePosition, SeenUpTo
from edge_central.console.alarms.queue import (
    open_kinds,
    open_names,
    open_wards,
    read_queue,
    unhandled_subjects,
)
from edge_central.console.alarms.silences import (
    SILENCE_MINUTES,
    active_silences,
    end_silence,
    past_silences,
    rule_of_row,
    set_silence,
)
from edge_central.console.alarms.subjects import (
    MAX_AT_ONCE,
    MAX_NAME_CHARACTERS,
    find_subject,
    find_subjects,
    is_number,
)
from edge_central.console.incident_log import IncidentOutcome, LogAuthor, Subjects
from edge_central.web.auth.accounts import ACTING_ROLES, acting_accounts
from edge_central.web.auth.login import safe_redirect_path
from edge_central.web.http_errors import BadRequest, Conflict, NotFound
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

SEVERITIES = (9, 13, 17)
MAX_TICKED = 200  # maximum number of rows that one form names; a page of the list has fewer
MAX_DIGITS = 6


# --- the list ---


def alerts_page(visit: UserRequestContext) -> Response:
    wanted, asked = queue_filter(visit, visit.query)
    if wanted.gateway and visit.fleet(gateway=wanted.gateway).site(wanted.gateway) is None:
        raise NotFound("there is no such site, or you may not see it")
    after = visit.query("after")
    position = None if after is None else QueuePosition.parse(after)
    if after is not None and position is None:
        raise BadRequest("after must be a position that a page of alerts gave")
    found = read_queue(visit.connection, visit.scope, visit.now_ms, wanted, position)
    return visit.render(
        "queue.html",
        queue=found,
        wanted=wanted,
        asked=asked,
        wards=sorted({*open_wards(visit.connection, visit.scope, visit.now_ms), *_admitted(visit, wanted)}),
        kinds=open_kinds(visit.connection, visit.scope, visit.now_ms),
        severities=SEVERITIES,
        silences=active_silences(visit.connection, visit.scope, visit.now_ms),
        silence_minutes=SILENCE_MINUTES,
        closed=_closed(visit),
        first=_address(asked),
        following=None if found.next is None else _address({**asked, "after": str(found.next)}),
    )


def _closed(visit: UserRequestContext) -> tuple[int, str] | None:
    """Return how many alarms were closed just now, and with which outcome, from the address that
    ``_with_closed`` made. None: the address does not say so."""
    count, outcome = visit.query("closed") or "", visit.query("outcome")
    if outcome not in set(IncidentOutcome) or not (is_number(count) and len(count) <= MAX_DIGITS):
        return None
    return int(count), outcome


def _with_closed(path: str, count: int, outcome: str) -> str:
    """Return ``path``. If it is the list, a notice of what was closed is added to it."""
    page, _, query = path.partition("?")
    if page != "/alerts":
        return path
    return _address(_without_closed(query) | {"closed": str(count), "outcome": outcome})


def _without_closed(query: str) -> dict[str, str]:
    return {name: value for name, value in parse_qsl(query) if name not in ("closed", "outcome")}


def _admitted(visit: UserRequestContext, wanted: QueueFilter) -> tuple[str, ...]:
    """Return the ward of the filter if the user may see it, so that the form offers it even if no alert is
    open there."""
    return (wanted.ward,) if wanted.ward and visit.scope.admits(wanted.ward) else ()


def queue_filter(
    visit: UserRequestContext, value: Callable[[str], str | None]
) -> tuple[QueueFilter, dict[str, str]]:
    """Return filter and fields of a form or address. Raises BadRequest for values that no form sends."""
    names = ("ward", "kind", "severity", "mine", "site")
    asked = {name: text[:63] for name in names if (text := value(name))}
    severity = asked.get("severity", "0")
    if severity not in ("0", *map(str, SEVERITIES)):
        raise BadRequest("severity must be 9, 13 or 17")
    return QueueFilter(
        ward=asked.get("ward", ""),
        kind=asked.get("kind", ""),
        severity=int(severity),
        owner=visit.account.name if "mine" in asked else "",
        gateway=asked.get("site", ""),
    ), asked


# --- one alarm, one alert, or a row, as the form names it ---


def acknowledge(visit: UserRequestContext) -> Response:
    name = _subject(visit)
    _apply(visit, partial(find_subjects, names=[name], only_waiting=True), incident_log.acknowledge_all)
    return _back(visit)


def assign_owner(visit: UserRequestContext) -> Response:
    subject, owner = _subject(visit), visit.form.get("owner", "").strip()
    subjects = find_subjects(visit.connection, visit.scope, [subject])
    for ward in set(subjects.values()):
        if owner not in {each.name for each in acting_accounts(visit.connection, ward)}:
            # The owner must be able to act on the alarm; otherwise it would be silent but not handled.
            raise BadRequest("owner must be a user who may act in this ward")
    with visit.writing() as connection:
        incident_log.assign_all(connection, visit.author, subjects, owner)
    return _back(visit)


def close(visit: UserRequestContext) -> Response:
    name = _subject(visit)  # for a subject of another ward: not found, whatever the outcome
    outcome = visit.form.get("outcome", "")
    count = _apply(visit, partial(find_subjects, names=[name]), _closing(visit, outcome))
    if not count:
        with visit.services.connections.reading() as connection:  # sees what was committed meanwhile
            raise Conflict(incident_log.why_closed(connection, name))
    return visit.redirect(_with_closed(_next(visit), count, outcome))


def reopen(visit: UserRequestContext) -> Response:
    subject = _subject(visit)
    ward = find_subject(visit.connection, visit.scope, subject)
    if ward is None:  # a row has only open alarms
        raise NotFound
    with visit.writing() as connection:
        incident_log.reopen(connection, visit.author, subject, ward)
    return _back(visit)


def add_note(visit: UserRequestContext) -> Response:
    subjects = find_subjects(visit.connection, visit.scope, [_subject(visit)])
    with visit.writing() as connection:
        incident_log.note_all(connection, visit.author, subjects, visit.form.get("note", ""))
    return _back(visit)


def ask_for_clip(visit: UserRequestContext) -> Response:
    """Store a request for the ingest, the only part that sends to gateways."""
    first = visit.story().first
    if first.event_id is None:
        raise NotFound
    with visit.writing() as connection:
        requests.request_clip(connection, visit.author, first.gateway, first.ward, first.event_id)
    return visit.redirect(f"/events/{first.cursor}")


# --- many rows ---


def bulk(visit: UserRequestContext) -> Response:
    """Acknowledge or close the ticked rows, or acknowledge all that match the filter and were seen."""
    wanted, asked = queue_filter(visit, visit.form.get)
    action = visit.form.get("do", "")
    if action == "all":
        seen = _seen(visit.form.get("seen", ""))
        pick = partial(unhandled_subjects, now_ms=visit.now_ms, wanted=wanted, seen=seen)
        _apply(visit, pick, incident_log.acknowledge_all)
        return visit.redirect(_address(asked))
    names = [name for name, value in visit.form.items() if value == "on" and " " in name]
    if len(names) > MAX_TICKED:
        raise BadRequest(f"at most {MAX_TICKED} rows at once")
    if not find_subjects(visit.connection, visit.scope, names, most=1):
        raise NotFound("no row was chosen, or they are closed")
    if action == "acknowledge":
        step: SubjectStep = incident_log.acknowledge_all
        _apply(visit, partial(find_subjects, names=names, only_waiting=True), step)
        return visit.redirect(_address(asked))
    count = _apply(visit, partial(find_subjects, names=names), _closing(visit, action))
    if not count:
        raise Conflict("another user has closed these rows")
    return visit.redirect(_with_closed(_address(asked), count, action))


SubjectStep = Callable[[Connection, LogAuthor, Subjects], int]


def _apply(visit: UserRequestContext, pick: Callable[..., dict[str, str]], step: SubjectStep) -> int:
    """Record ``step`` for the subjects that ``pick`` finds, MAX_AT_ONCE of them in each transaction, and
    return the sum of what ``step`` returns. Subjects that have the step already are not found again by
    ``pick``."""
    more, count = True, 0
    while more:
        with visit.writing() as connection:
            subjects = pick(connection, scope=visit.scope)
            count += step(connection, visit.author, subjects)
        more = len(subjects) >= MAX_AT_ONCE
    return count


def _closing(visit: UserRequestContext, outcome: str) -> SubjectStep:
    """Return the step that closes with this outcome. Raises BadRequest."""
    if outcome not in set(IncidentOutcome):
        raise BadRequest("outcome must be real, false or handled")
    return partial(incident_log.close_all, outcome=IncidentOutcome(outcome), words=visit.form.get("note", ""))


def _seen(text: str) -> SeenUpTo:
    """Return up to where the user has seen the list. Raises BadRequest."""
    cursor, _, alert = text.partition("-")
    if not (is_number(cursor) and is_number(alert)):
        raise BadRequest("seen must be the value that a page of alerts gave")
    return SeenUpTo(int(cursor), int(alert))


def _subject(visit: UserRequestContext) -> str:
    """Return the subject that the form names. Raises NotFound."""
    name = visit.form.get("subject", "")[:MAX_NAME_CHARACTERS]
    if not find_subjects(visit.connection, visit.scope, [name], most=1):
        raise NotFound
    return name


def _address(asked: Mapping[str, str]) -> str:
    return "/alerts?" + urlencode(asked) if asked else "/alerts"


def _back(visit: UserRequestContext) -> Response:
    return visit.redirect(_next(visit))


def _next(visit: UserRequestContext) -> str:
    """Return the page from which the form came; if that is the list, without its notice of closings."""
    path = safe_redirect_path(visit.form.get("next") or "/alerts")
    page, _, query = path.partition("?")
    return _address(_without_closed(query)) if page == "/alerts" else path


# --- silences ---


def silences_page(visit: UserRequestContext) -> Response:
    return visit.render(
        "silences.html",
        active=active_silences(visit.connection, visit.scope, visit.now_ms),
        past=past_silences(visit.connection, visit.scope, visit.now_ms),
    )


def silence(visit: UserRequestContext) -> Response:
    what, _, rest = _subject(visit).partition(" ")
    row_id = rest.partition(" ")[0]
    rule = rule_of_row(visit.connection, visit.scope, int(row_id)) if what == "row" else None
    if rule is None:
        raise NotFound
    minutes, why = visit.form.get("minutes", ""), visit.form.get("why", "").strip()
    if minutes not in map(str, SILENCE_MINUTES) or not why:
        raise BadRequest("minutes must be one of the choices of the form, and a reason is needed")
    with visit.writing() as connection:
        set_silence(connection, visit.scope, visit.author, rule, int(minutes), why)
    return _back(visit)


def end(visit: UserRequestContext) -> Response:
    number = visit.number("id")
    with visit.writing() as connection:
        if not end_silence(connection, visit.scope, visit.author, number):
            raise Conflict("this silence is over")
    return _back(visit)


# --- shifts ---


def handover_page(visit: UserRequestContext) -> Response:
    past = incident_log.handovers(visit.connection, visit.scope)
    found = read_queue(visit.connection, visit.scope, visit.now_ms)
    return visit.render("handover.html", queue=found, handovers=past)


def hand_over(visit: UserRequestContext) -> Response:
    names = open_names(visit.connection, visit.scope, visit.now_ms)
    with visit.writing() as connection:
        incident_log.hand_over(connection, visit.author, visit.scope, visit.form.get("note", ""), names)
    return visit.redirect("/handover")


def take_over(visit: UserRequestContext) -> Response:
    number = visit.number("id")
    with visit.writing() as connection:
        if not incident_log.take_over(connection, visit.author, visit.scope, number):
            raise Conflict("another user has taken over this shift")
    return visit.redirect("/handover")


PAGES = (
    Page("/alerts", alerts_page),
    Page("/alerts/acknowledge", acknowledge, "POST", roles=ACTING_ROLES),
    Page("/alerts/take", assign_owner, "POST", roles=ACTING_ROLES),
    Page("/alerts/close", close, "POST", roles=ACTING_ROLES),
    Page("/alerts/reopen", reopen, "POST", roles=ACTING_ROLES),
    Page("/alerts/note", add_note, "POST", roles=ACTING_ROLES),
    Page("/alerts/bulk", bulk, "POST", roles=ACTING_ROLES),
    Page("/alerts/silence", silence, "POST", roles=ACTING_ROLES),
    Page("/silences", silences_page),
    Page("/silences/{id}/end", end, "POST", roles=ACTING_ROLES),
    Page("/events/{cursor}/clip", ask_for_clip, "POST", roles=ACTING_ROLES),
    Page("/handover", handover_page),
    Page("/handover/leave", hand_over, "POST", roles=ACTING_ROLES),
    Page("/handover/{id}/take", take_over, "POST", roles=ACTING_ROLES),
)
