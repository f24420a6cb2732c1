"""``/access``: the access log, for administrators."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from edge_central.commands.records import commands_of_ids
from edge_central.console.search import search
from edge_central.searches.question import one_spelling
from edge_central.store.accesses import AccessKind
from edge_central.web.auth.access_list import AccessFilter, AccessGroup, list_accesses
from edge_central.web.auth.accounts import ADMIN_ROLES, all_accounts
from edge_central.web.http_errors import BadRequest
from edge_central.web.request_context import MOST_DIGITS, UserRequestContext
from edge_central.web.request_handler import Page

PAGE_SIZE = 100
MOST_CHARACTERS = 120
"""Maximum length of a field of the filter."""


def access_page(visit: UserRequestContext) -> Response:
    """Return rows of all accounts, the newest first; only admins may see them."""
    asked, place = _parse_filter(visit), _field(visit, "camera")
    rows = list_accesses(visit.connection, asked, _before(visit), PAGE_SIZE + 1)
    ids = {row.media_id for row in rows if row.what == AccessKind.COMMAND and row.media_id}
    given = {key: value for key, value in visit.request.query_params.items() if value and key != "before"}
    more = len(rows) > PAGE_SIZE
    return visit.render(
        "access.html",
        rows=rows[:PAGE_SIZE],
        commands=commands_of_ids(visit.connection, ids),
        asked=asked,
        place=place,
        day=_field(visit, "day"),
        groups=tuple(AccessGroup),
        people=[each.name for each in all_accounts(visit.connection)],
        older=f"/access?{urlencode({**given, 'before': rows[PAGE_SIZE - 1].id})}" if more else None,
    )


def _parse_filter(visit: UserRequestContext) -> AccessFilter:
    """Return the filter in the query. Raises BadRequest for values that the form does not send."""
    try:
        group = AccessGroup(visit.query("kind") or AccessGroup.OPENED)
    except ValueError:
        raise BadRequest("kind must be one that the form offers") from None
    day = _field(visit, "day")
    from_ms, to_ms = _day(visit, day) if day else (None, None)
    return AccessFilter(
        group=group,
        account=_field(visit, "account"),
        case_number=one_spelling(_field(visit, "case")),
        places=_places(visit, _field(visit, "camera")),
        from_ms=from_ms,
        to_ms=to_ms,
    )


def _field(visit: UserRequestContext, name: str) -> str:
    return (visit.query(name) or "").strip()[:MOST_CHARACTERS]


def _before(visit: UserRequestContext) -> int | None:
    text = visit.query("before")
    if text is None:
        return None
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise BadRequest("before must be the id of a line")
    return int(text)


def _places(visit: UserRequestContext, text: str) -> tuple[tuple[str, str], ...]:
    """Return the gateways and cameras that ``text`` names: ``dt-001``, ``dt-001/gate1``, words of a name, or
    a recorder's channel. Other texts are used as ids, because the log also has removed gateways."""
    if not text:
        return ()
    gateway, _, camera = text.partition("/")
    fleet = visit.fleet()
    found = () if fleet.site(gateway) is not None else search(fleet, text)
    named = tuple(
        (each.site.id, "" if each.camera is None else each.camera.id)
        for each in found
        if each.site is not None
    )
    return named or ((gateway, camera),)


def _day(visit: UserRequestContext, text: str) -> tuple[int, int]:
    """Return begin and end of a day in the console's time zone, in milliseconds. Raises BadRequest."""
    try:
        day = date.fromisoformat(text)
        begin, end = (_midnight_ms(visit, each) for each in (day, day + timedelta(days=1)))
    except (OverflowError, ValueError):
        raise BadRequest("the day must be written YYYY-MM-DD") from None
    return begin, end


def _midnight_ms(visit: UserRequestContext, day: date) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=visit.services.console.timezone)
    return round(midnight.timestamp() * 1000)


PAGES = (Page("/access", access_page, roles=ADMIN_ROLES),)
