"""The list of events, and the page of one event."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from starlette.responses import Response

from edge_central.cases.files import list_cases
from edge_central.commands.records import LoggedCommand, list_commands
from edge_central.console import incident_log
from edge_central.console.event_list import EventFilter, PagePosition, read_events
from edge_central.console.events import INFO, KINDS, QUIET, EventRow, EventStory
from edge_central.console.incident_log import handlings, is_hidden, steps, subject_of
from edge_central.console.requests import incomplete_files, requests_about
from edge_central.console.verdict import verify_event
from edge_central.web.auth.accounts import ADMIN_ROLES, acting_accounts
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.pages.rules.event_scene import read_event_scene
from edge_central.web.pages.rules.overrides import read_overrides
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

SEVERITIES = (9, 13, 17)
MAX_CASES = 20  # maximum number of open cases that the page of an event suggests
CAUSED_BY_COMMANDS = frozenset({"rule-change", "rule-override"})
SHOWN_KINDS = tuple(kind for kind in KINDS if kind not in QUIET)


def events_page(visit: UserRequestContext) -> Response:
    asked = parse_event_filter(visit)
    after = visit.query("after")
    position = None if after is None else PagePosition.parse(after)
    if after is not None and position is None:
        raise BadRequest("after must be a position that a page of events gave")
    page = read_events(visit.connection, visit.scope, asked, position)
    site = visit.fleet(gateway=asked.gateway).site(asked.gateway) if asked.gateway else None
    kept = {key: value for key, value in visit.request.query_params.items() if value and key != "after"}
    return visit.render(
        "events.html",
        rows=page.rows,
        asked=asked,
        site=site,
        kind=next(iter(asked.kinds), ""),
        from_text=visit.query("from") or "",
        to_text=visit.query("to") or "",
        wards=[(ward.id, ward.name) for ward in visit.fleet().wards],
        kinds=SHOWN_KINDS,
        severities=SEVERITIES,
        newest=position is None and not asked.by_time,
        older=None if page.next is None else "/events?" + urlencode({**kept, "after": str(page.next)}),
    )


def parse_event_filter(visit: UserRequestContext) -> EventFilter:
    """Return the filter in the query. Raises BadRequest for values that no form of the console sends."""
    severity = visit.query("severity") or str(INFO)
    if severity not in map(str, SEVERITIES):
        raise BadRequest("severity must be 9, 13 or 17")
    kind = visit.query("kind")
    return EventFilter(
        ward=visit.query("ward") or "",
        kinds=frozenset() if kind is None else frozenset((kind[:63],)),
        severity=int(severity),
        gateway=(visit.query("site") or "")[:63],
        camera=(visit.query("camera") or "")[:63],
        from_ms=_moment(visit, visit.query("from")),
        to_ms=_moment(visit, visit.query("to")),
    )


def event_page(visit: UserRequestContext) -> Response:
    return render_event(visit, shown_story(visit))


def shown_story(visit: UserRequestContext) -> EventStory:
    """Return the event in the path. Raises NotFound, also if the event is hidden from the account."""
    story = visit.story()
    if is_hidden(visit.connection, subject_of(story.first)) and not visit.is_admin:
        raise NotFound
    return story


def render_event(
    visit: UserRequestContext, story: EventStory, refused: str | None = None, status: int = 200
) -> Response:
    """Return the page of an event. ``refused``: why the event was not added to a case."""
    first = story.first
    subject = subject_of(first)
    officers = acting_accounts(visit.connection, first.ward) if visit.may_act else []
    site = visit.fleet(gateway=first.gateway).site(first.gateway)
    cases = (
        list_cases(visit.connection, visit.case_author, closed=False, most=MAX_CASES) if visit.may_act else []
    )
    return visit.render(
        "event.html",
        status,
        refused=refused,
        cases=cases,
        story=story,
        first=first,
        site=site,
        cause=_causing_command(visit, first),
        override=read_overrides(visit, site).get((first.camera, first.data.rule_id or "")),
        scene=read_event_scene(visit, story, site),
        verdict=verify_event(visit.connection, visit.scope, first.cursor),
        subject=subject,
        hidden=is_hidden(visit.connection, subject),
        handling=handlings(visit.connection, visit.scope, [subject]).get(subject),
        steps=steps(visit.connection, subject),
        colleagues=[each.name for each in officers],
        requests=requests_about(visit.connection, visit.scope, first.gateway, first.event_id or ""),
        incomplete=incomplete_files(visit.connection, visit.scope, first.gateway, first.event_id or ""),
    )


def _causing_command(visit: UserRequestContext, row: EventRow) -> LoggedCommand | None:
    """Return the console's command that changed a rule or masks; None: another event, or no such command."""
    if not row.data.command_id or row.kind not in CAUSED_BY_COMMANDS:
        return None
    found = list_commands(visit.connection, visit.scope, row.gateway, 1, only=row.data.command_id)
    return next(iter(found), None)


def hidden_page(visit: UserRequestContext) -> Response:
    return visit.render("hidden.html", rows=incident_log.hidden(visit.connection, visit.scope))


def hide(visit: UserRequestContext) -> Response:
    first = visit.story().first
    with visit.writing() as connection:
        incident_log.hide(connection, visit.author, first, visit.form.get("note", ""))
    return visit.redirect("/hidden")


def show_again(visit: UserRequestContext) -> Response:
    first = visit.story().first
    with visit.writing() as connection:
        incident_log.unhide(connection, visit.author, first)
    return visit.redirect(f"/events/{first.cursor}")


def _moment(visit: UserRequestContext, text: str | None) -> int | None:
    """Parse a time of a ``datetime-local`` field, in the time zone of the console. Raises BadRequest."""
    if text is None:
        return None
    try:
        local = datetime.fromisoformat(text[:30])
        if local.tzinfo is None:
            local = local.replace(tzinfo=visit.services.console.timezone)
        return round(local.timestamp() * 1000)
    except (OverflowError, ValueError):
        raise BadRequest("the time must be written YYYY-MM-DDTHH:MM") from None


PAGES = (
    Page("/events", events_page),
    Page("/events/{cursor}", event_page),
    Page("/events/{cursor}/hide", hide, "POST", roles=ADMIN_ROLES),
    Page("/events/{cursor}/show", show_again, "POST", roles=ADMIN_ROLES),
    Page("/hidden", hidden_page, roles=ADMIN_ROLES),
)
