"""Pages of the availability of a month: the city by ward, a ward by site and camera, one page to pin up, and
the tables as CSV and XLSX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from edge_central.availability.model import OUTAGES, TimeSpan
from edge_central.availability.report import (
    FIRST_YEAR,
    AvailabilityReport,
    Month,
    SiteAvailability,
    counted_period,
    month_of,
    parse_month,
    sum_totals,
)
from edge_central.availability.summed_report import read_summed_availability, read_summed_with_outages
from edge_central.availability.timeline import ConditionTotals
from edge_central.store.scope import Scope
from edge_central.web.pages.availability.report_tables import (
    CONDITIONS,
    VIEWS,
    RequestedReport,
    camera_table,
    outage_table,
)
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page
from edge_central.web.spreadsheets import table_csv, xlsx_response

_WARD = re.compile(r"[a-z0-9-]{1,63}")
MAX_OUTAGES = 200
"""Maximum number of outages on a page, the longest first; the CSV has all."""
MAX_BELOW = 50
"""Maximum number of cameras below the target on the page of all wards; the CSV and the workbook have all."""
ON_SUMMARY = 8
"""Limit of outages, and of cameras, on the page to pin up: with two lines each, they fit a sheet of A4."""


@dataclass(frozen=True, slots=True)
class WardAvailability:
    ward: str
    totals: ConditionTotals
    sites: int
    cameras: int
    below_target: int  # number of cameras below the target


def availability_page(visit: UserRequestContext) -> Response:
    ward = visit.query("ward")
    asked = requested_sums(visit, ward) if ward is None else _requested(visit, ward)
    report = asked.report
    wards = [_ward(name, sites, asked.target) for name, sites in report.by_ward()]
    below = [] if asked.target is None else report.below_target(asked.target)
    return visit.render(
        "availability.html",
        **_context(visit, asked),
        ward=ward,
        wards=wards,
        below=below[:MAX_BELOW],
        below_count=len(below),
        sites=report.sites if ward is not None else (),
        outages=report.outages[:MAX_OUTAGES] if ward is not None else [],
        outage_count=len(report.outages),
    )


def summary_page(visit: UserRequestContext) -> Response:
    """Return one page about a ward, to print and pin up."""
    ward = visit.path("ward")
    asked = _requested(visit, ward)
    cameras = [camera for site in asked.report.sites for camera in site.cameras]
    below = [camera for camera in cameras if camera.totals.is_below(100.0)]
    below.sort(key=lambda camera: (camera.totals.percent, camera.gateway))
    outages = [each for each in asked.report.outages if each.span.condition in OUTAGES]  # not maintenance
    return visit.render(
        "availability_summary.html",
        **_context(visit, asked),
        ward=ward,
        cameras=len(cameras),
        below_target=0 if asked.target is None else len(asked.report.below_target(asked.target)),
        worst=below[:ON_SUMMARY],
        below_count=len(below),
        outages=outages[:ON_SUMMARY],
        outage_count=len(outages),
    )


def cameras_csv(visit: UserRequestContext) -> Response:
    ward = visit.query("ward")
    asked = requested_sums(visit, ward)
    return table_csv(_file_name("availability-cameras", ward, asked.month, "csv"), camera_table(visit, asked))


def outages_csv(visit: UserRequestContext) -> Response:
    ward = visit.query("ward")
    asked = _requested(visit, ward)
    return table_csv(_file_name("availability-outages", ward, asked.month, "csv"), outage_table(visit, asked))


def report_workbook(visit: UserRequestContext) -> Response:
    """Return a workbook with both tables as sheets."""
    ward = visit.query("ward")
    asked = _requested(visit, ward)
    tables = [camera_table(visit, asked), outage_table(visit, asked)]
    return xlsx_response(_file_name("availability", ward, asked.month, "xlsx"), tables)


def _file_name(name: str, ward: str | None, month: Month, ending: str) -> str:
    """Return a file name that differs for each ward. If the request names a ward that is not a valid id, the
    name has no ward."""
    of_ward = f"{ward}-" if ward and _WARD.fullmatch(ward) else ""
    return f"{name}-{of_ward}{month}.{ending}"


def requested_sums(visit: UserRequestContext, ward: str | None) -> RequestedReport:
    """Return the report of a request without spans and outages, which costs little. Raises NotFound for a
    ward that the account may not see."""
    return _read(visit, ward, read_summed_availability)


def _requested(visit: UserRequestContext, ward: str | None) -> RequestedReport:
    """Return the report of a request, with outages. Raises NotFound for a ward out of the account's scope."""
    return _read(visit, ward, read_summed_with_outages)


def _read(
    visit: UserRequestContext,
    ward: str | None,
    read: Callable[[Connection, Scope, TimeSpan, tzinfo, int], AvailabilityReport],
) -> RequestedReport:
    scope = visit.scope if ward is None else visit.ward(ward)
    zone = visit.services.console.timezone
    month = parse_month(visit.query("month") or "") or month_of(visit.now_ms, zone)
    settings = visit.services.settings
    period = counted_period(visit.connection, settings.id, month.span(zone), visit.now_ms)
    report = AvailabilityReport(period, ())
    if period.to_ms > period.from_ms:
        report = read(visit.connection, scope, period, zone, visit.now_ms)
    return RequestedReport(month, report, visit.services.console.availability_target_percent)


def _context(visit: UserRequestContext, asked: RequestedReport) -> dict[str, Any]:
    zone = visit.services.console.timezone
    present = month_of(visit.now_ms, zone)
    month, report = asked.month, asked.report
    return {
        "month": month,
        "earlier": month.previous if month.year > FIRST_YEAR else None,
        "later": month.next if (month.year, month.month) < (present.year, present.month) else None,
        "report": report,
        "totals": report.totals,
        "target": asked.target,
        "until_ms": report.period.to_ms,
        "month_ended": report.period.to_ms == month.span(zone).to_ms,
        "conditions": CONDITIONS,
        "views": VIEWS,
    }


def _ward(ward: str, sites: Sequence[SiteAvailability], target: float | None) -> WardAvailability:
    cameras = [camera for site in sites for camera in site.cameras]
    below = [each for each in cameras if target is not None and each.totals.is_below(target)]
    return WardAvailability(ward, sum_totals(sites), len(sites), len(cameras), len(below))


PAGES = (
    Page("/availability", availability_page),
    Page("/availability/summary/{ward}", summary_page),
    Page("/availability/cameras.csv", cameras_csv),
    Page("/availability/outages.csv", outages_csv),
    Page("/availability/report.xlsx", report_workbook),
)
