"""Pages of the availability of a month: the city by ward, a ward by site and camera, one page to pin up, and
the tables as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from starlette.responses import Response

from edge_central.availability.model import OUTAGES, QUALITY_LAYERS, VIEW_PREFIX, Condition
from edge_central.availability.report import (
    FIRST_YEAR,
    AvailabilityReport,
    Month,
    OutageEntry,
    SiteAvailability,
    counted_period,
    month_of,
    parse_month,
    read_availability,
    sum_totals,
)
from edge_central.availability.timeline import MINUTE_MS, ConditionTotals
from edge_central.web.csv_file import csv_response
from edge_central.web.i18n import translate, translate_word
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

CONDITIONS = (*OUTAGES, Condition.MAINTENANCE, Condition.UNKNOWN)
VIEWS = tuple(layer.removeprefix(VIEW_PREFIX) for layer in QUALITY_LAYERS)
MAX_OUTAGES = 200
"""Outages on a page, the longest first; the CSV has all."""
ON_SUMMARY = 10
"""Outages and cameras on the page to pin up."""


@dataclass(frozen=True, slots=True)
class WardAvailability:
    ward: str
    totals: ConditionTotals
    sites: int
    cameras: int
    below_target: int  # cameras


@dataclass(frozen=True, slots=True)
class RequestedReport:
    """The month and wards that a request names, and what is known of them."""

    month: Month
    report: AvailabilityReport
    target: float | None


def availability_page(visit: UserRequestContext) -> Response:
    ward = visit.query("ward")
    asked = _requested(visit, ward)
    report = asked.report
    wards = [_ward(name, sites, asked.target) for name, sites in report.by_ward()]
    return visit.render(
        "availability.html",
        **_context(visit, asked),
        ward=ward,
        wards=wards,
        sites=report.sites if ward is not None else (),
        outages=report.outages[:MAX_OUTAGES] if ward is not None else [],
        outage_count=len(report.outages),
    )


def summary_page(visit: UserRequestContext) -> Response:
    """One page of a ward, to print and pin up."""
    ward = visit.path("ward")
    asked = _requested(visit, ward)
    cameras = [camera for site in asked.report.sites for camera in site.cameras]
    worst = sorted(cameras, key=lambda camera: (camera.totals.percent or 0.0, camera.gateway))
    return visit.render(
        "availability_summary.html",
        **_context(visit, asked),
        ward=ward,
        cameras=len(cameras),
        worst=[camera for camera in worst if (camera.totals.percent or 0.0) < 100.0][:ON_SUMMARY],
        outages=asked.report.outages[:ON_SUMMARY],
    )


def cameras_csv(visit: UserRequestContext) -> Response:
    """A row for each camera: its share, the target, what it missed, and minutes by cause."""
    asked = _requested(visit, visit.query("ward"))
    say, target, names = _words(visit), asked.target, visit.names
    columns = ("month", "ward", "site-id", "site", "camera-id", "camera", "percent", "target", "missed")
    header = [say(f"availability-column-{name}") for name in columns]
    header += [say(f"availability-column-{name}") for name in ("usable", "counted")]
    header += [say(f"condition-{each.value}") for each in CONDITIONS]
    header += [translate_word("view", view, visit.lang) for view in VIEWS]
    rows: list[list[object]] = []
    for site in asked.report.sites:
        for camera in site.cameras:
            totals = camera.totals
            rows.append(
                [
                    *(asked.month, names.ward(site.ward), site.gateway, names.site_name(site.gateway)),
                    *(camera.camera, names.camera(site.gateway, camera.camera).name),
                    *(_percent(totals.percent), _percent(target)),
                    "" if target is None else totals.missed_minutes(target),
                    *(totals.minutes(Condition.USABLE), round(totals.counted_ms / MINUTE_MS)),
                    *(totals.minutes(each) for each in CONDITIONS),
                    *(totals.quality_minutes(view) for view in VIEWS),
                ]
            )
    return csv_response(f"availability-cameras-{asked.month}.csv", header, rows)


def outages_csv(visit: UserRequestContext) -> Response:
    """A row for each outage, in order of its begin."""
    asked = _requested(visit, visit.query("ward"))
    say, zone, names = _words(visit), visit.services.console.timezone, visit.names
    columns = ("ward", "site-id", "site", "camera-id", "camera", "begin", "end", "minutes", "cause", "detail")

    def local(time_ms: int) -> str:
        return f"{datetime.fromtimestamp(time_ms / 1000, zone):%d/%m/%Y %H:%M:%S}"

    rows: list[list[object]] = []
    for each in sorted(asked.report.outages, key=lambda outage: outage.span.from_ms):
        span, camera = each.span, say("availability-all-cameras")
        if each.camera:
            camera = names.camera(each.gateway, each.camera).name
        rows.append(
            [
                *(names.ward(each.ward), each.gateway, names.site_name(each.gateway), each.camera, camera),
                *(local(span.from_ms), "" if each.lasts else local(span.to_ms)),
                round(span.duration_ms / MINUTE_MS, 1),
                *(say(f"condition-{span.condition.value}"), _detail(visit, each)),
            ]
        )
    header = [say(f"availability-column-{name}") for name in columns]
    return csv_response(f"availability-outages-{asked.month}.csv", header, rows)


def _requested(visit: UserRequestContext, ward: str | None) -> RequestedReport:
    """Raises NotFound for a ward that the account may not see."""
    scope = visit.scope if ward is None else visit.ward(ward)
    zone = visit.services.console.timezone
    present = month_of(visit.now_ms, zone)
    month = parse_month(visit.query("month") or "") or present
    settings = visit.services.settings
    period = counted_period(visit.connection, settings.id, month.span(zone), visit.now_ms)
    report = AvailabilityReport(period, ())
    if period.to_ms > period.from_ms:
        report = read_availability(visit.connection, scope, period)
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
    below = [each for each in cameras if target is not None and (each.totals.percent or 0.0) < target]
    return WardAvailability(ward, sum_totals(sites), len(sites), len(cameras), len(below))


# --- CSV ---


def _words(visit: UserRequestContext) -> Callable[[str], str]:
    return partial(translate, lang=visit.lang)


def _detail(visit: UserRequestContext, outage: OutageEntry) -> str:
    group = "view" if outage.span.condition is Condition.TAMPER else "cause"
    return translate_word(group, outage.span.detail, visit.lang) if outage.span.detail else ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


PAGES = (
    Page("/availability", availability_page),
    Page("/availability/summary/{ward}", summary_page),
    Page("/availability/cameras.csv", cameras_csv),
    Page("/availability/outages.csv", outages_csv),
)
