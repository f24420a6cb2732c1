"""Reports of a shift and of a month, each for one printed page."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from starlette.responses import Response

from edge_central.console.alarms.subjects import is_number
from edge_central.console.fleet import CameraOverview, CameraVisibility, Fleet, SiteState
from edge_central.console.incident_log import Handover, count_handovers, handovers
from edge_central.console.shift_report import read_shift_report
from edge_central.searches.report import searches_between
from edge_central.store.scope import Scope
from edge_central.traffic.calendar import local_day
from edge_central.web.auth.accounts import ADMIN_ROLES, all_accounts
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
SHIFT_MS, MAX_SHIFT_MS = 12 * HOUR_MS, 7 * 24 * HOUR_MS
MAX_ROWS = 12
"""Maximum number of rows of each list, so that the report fits one page."""
MINUTE = "%Y-%m-%dT%H:%M"
_MONTH = re.compile(r"(\d{4})-(\d\d)")
DOWN = (CameraVisibility.OFFLINE, CameraVisibility.TAMPERED)
SITES_AWAY = (SiteState.OFFLINE, SiteState.CUT, SiteState.STOPPED)


def shift_report_page(visit: UserRequestContext) -> Response:
    """Return the report of a shift. ``from``, ``to``: times of ``datetime-local`` fields. ``handover``: the
    handover at its end. Without these: since the last handover of the same wards, at most twelve hours."""
    ended = _handover(visit)
    scope = visit.scope if ended is None else ended.scope
    to_ms = (_minute(visit, "to") or visit.now_ms) if ended is None else ended.left_ms
    before = _handover_before(visit, scope, to_ms)
    from_ms = _minute(visit, "from") or (to_ms - SHIFT_MS if before is None else before.left_ms)
    timezone = visit.services.console.timezone
    fields = {
        "from_text": _text(from_ms, timezone),
        "to_text": _text(to_ms + MINUTE_MS - 1, timezone),  # rounded up: its last minute belongs to the shift
        "month": None,
        "handover_before": None if before is None or before.left_ms != from_ms else before,
    }
    problem = _problem(from_ms, to_ms)
    if problem:
        return visit.render("report.html", 400, problem=problem, **fields)
    return _render(visit, scope, from_ms, to_ms, **fields)


def month_report_page(visit: UserRequestContext) -> Response:
    """Return the report of a month. ``month``: YYYY-MM; default: this month."""
    month, from_ms, end_ms = _month_of_query(visit)
    return _render(visit, visit.scope, from_ms, end_ms, month=f"{month:%Y-%m}", before=_month_before(month))


def search_report_page(visit: UserRequestContext) -> Response:
    """Return the searches and rehearsals of a month by user. ``month``: as for the month report."""
    month, from_ms, end_ms = _month_of_query(visit)
    return visit.render(
        "search_report.html",
        uses=searches_between(visit.connection, from_ms, end_ms),
        month=f"{month:%Y-%m}",
        before=_month_before(month),
    )


def _month_of_query(visit: UserRequestContext) -> tuple[date, int, int]:
    """Return the first day of the month, its start, and its end (exclusive). Raises BadRequest."""
    timezone = visit.services.console.timezone
    month = _month(visit.query("month")) or local_day(visit.now_ms, timezone).replace(day=1)
    following = (month + timedelta(days=31)).replace(day=1)
    return month, _midnight_ms(month, timezone), _midnight_ms(following, timezone)


def _month_before(month: date) -> str:
    return f"{month - timedelta(days=1):%Y-%m}"


def _render(visit: UserRequestContext, scope: Scope, from_ms: int, to_ms: int, **more: Any) -> Response:
    now = visit.fleet(scope)
    down = _down(now)
    return visit.render(
        "report.html",
        problem=None,
        report=read_shift_report(visit.connection, scope, from_ms, to_ms),
        down=down[:MAX_ROWS],
        down_count=len(down),
        sites_away=sum(site.state in SITES_AWAY for site in now.sites),
        handovers=handovers(visit.connection, scope, MAX_ROWS, from_ms=from_ms, to_ms=to_ms),
        handover_count=count_handovers(visit.connection, scope, from_ms=from_ms, to_ms=to_ms),
        most=MAX_ROWS,
        programs={each.name for each in all_accounts(visit.connection) if not each.is_person},
        own_wards=[ward.name for ward in now.wards] if scope.wards is not None else None,
        **more,
    )


def _down(now: Fleet) -> list[CameraOverview]:
    """Return cameras without a usable picture at sites that report, the longest without one first."""
    found = [camera for site in now.sites for camera in site.cameras if camera.visibility in DOWN]
    return sorted(found, key=lambda camera: (camera.since_ms is None, camera.since_ms or 0, camera.gateway))


def _handover(visit: UserRequestContext) -> Handover | None:
    """Return the handover in the query, None if not given. Raises NotFound if it is not in the scope."""
    text = visit.query("handover")
    if text is None:
        return None
    found = handovers(visit.connection, visit.scope, id_=int(text)) if is_number(text) else ()
    if not found:
        raise NotFound
    return found[0]


def _handover_before(visit: UserRequestContext, scope: Scope, to_ms: int) -> Handover | None:
    """Return the last handover of exactly these wards before ``to_ms``, at most SHIFT_MS earlier. None: there
    is none."""
    past = handovers(visit.connection, scope, from_ms=to_ms - SHIFT_MS, to_ms=to_ms - 1, same_wards=True)
    return max(past, key=lambda each: each.left_ms, default=None)


def _problem(from_ms: int, to_ms: int) -> str | None:
    """Return the key of the sentence on what is wrong with a shift's times; None: nothing is wrong."""
    if from_ms >= to_ms:
        return "report-end-before-begin"
    return "report-too-long" if to_ms - from_ms > MAX_SHIFT_MS else None


def _minute(visit: UserRequestContext, key: str) -> int | None:
    """Return a time of the query in milliseconds since 1970. None: it is not given. Raises BadRequest."""
    text = visit.query(key)
    if text is None:
        return None
    try:
        local = datetime.fromisoformat(text[:16]).replace(tzinfo=visit.services.console.timezone)
        if not 1971 <= local.year <= 2099:
            raise ValueError
    except ValueError:
        raise BadRequest(f"{key} must be written YYYY-MM-DDTHH:MM") from None
    return round(local.timestamp() * 1000)


def _month(text: str | None) -> date | None:
    """Return the first day of a month. Raises BadRequest."""
    if text is None:
        return None
    found = _MONTH.fullmatch(text)
    if found is None or not (1971 <= int(found[1]) <= 2099 and 1 <= int(found[2]) <= 12):
        raise BadRequest("month must be written YYYY-MM")
    return date(int(found[1]), int(found[2]), 1)


def _midnight_ms(day: date, timezone: tzinfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=timezone).timestamp() * 1000)


def _text(time_ms: int, timezone: tzinfo) -> str:
    return datetime.fromtimestamp(time_ms / 1000, timezone).strftime(MINUTE)


PAGES = (
    Page("/reports/shift", shift_report_page),
    Page("/reports/month", month_report_page),
    Page("/reports/searches", search_report_page, roles=ADMIN_ROLES),
)
