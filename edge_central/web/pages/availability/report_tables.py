"""The tables of an availability report, for CSV and XLSX: cameras and outages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edge_central.availability.model import OUTAGES, QUALITY_LAYERS, VIEW_PREFIX, Condition
from edge_central.availability.report import AvailabilityReport, Month, OutageEntry
from edge_central.availability.timeline import MINUTE_MS
from edge_central.web.i18n import translate, translate_word
from edge_central.web.request_context import UserRequestContext
from edge_central.web.spreadsheets import Cell, ColumnKind, DataTable, TableColumn

CONDITIONS = (*OUTAGES, Condition.MAINTENANCE, Condition.UNKNOWN)
VIEWS = tuple(layer.removeprefix(VIEW_PREFIX) for layer in QUALITY_LAYERS)


@dataclass(frozen=True, slots=True)
class RequestedReport:
    """The month and wards that a request names, and their availability."""

    month: Month
    report: AvailabilityReport
    target: float | None


def camera_table(visit: UserRequestContext, asked: RequestedReport) -> DataTable:
    """Return a row for each camera: its share, the target, how much it missed, and minutes by cause. The
    cameras that missed most come first."""
    target, names, month = asked.target, visit.names, datetime(asked.month.year, asked.month.month, 1)
    cameras = [(site, camera) for site in asked.report.sites for camera in site.cameras]
    if target is not None:
        cameras.sort(key=lambda each: -each[1].totals.missed_ms(target))
    rows: list[tuple[Cell, ...]] = []
    for site, camera in cameras:
        totals = camera.totals
        rows.append(
            (
                *(month, names.ward(site.ward), site.gateway, names.site_name(site.gateway)),
                *(camera.camera, names.camera(site.gateway, camera.camera).name),
                *(totals.percent, target),
                None if target is None else totals.missed_minutes(target),
                *(totals.minutes(Condition.USABLE), round(totals.counted_ms / MINUTE_MS)),
                *(totals.minutes(each) for each in CONDITIONS),
                *(totals.quality_minutes(view) for view in VIEWS),
            )
        )
    return DataTable(translate("cameras", visit.lang), _camera_columns(visit), rows)


def _camera_columns(visit: UserRequestContext) -> list[TableColumn]:
    kinds = {"month": ColumnKind.MONTH, "percent": ColumnKind.PERCENT, "target": ColumnKind.PERCENT}
    kinds |= dict.fromkeys(("missed", "usable", "counted"), ColumnKind.COUNT)
    names = ("month", "ward", "site-id", "site", "camera-id", "camera", "percent", "target", "missed")
    minutes = [translate(f"condition-{each.value}", visit.lang) for each in CONDITIONS]
    minutes += [translate_word("view", view, visit.lang) for view in VIEWS]
    return [
        *(_column(visit, name, kinds.get(name, ColumnKind.TEXT)) for name in (*names, "usable", "counted")),
        *(TableColumn(title, ColumnKind.COUNT) for title in minutes),
    ]


def outage_table(visit: UserRequestContext, asked: RequestedReport) -> DataTable:
    """Return a row for each outage, in the order of their begin."""
    lang, names = visit.lang, visit.names
    rows: list[tuple[Cell, ...]] = []
    for each in sorted(asked.report.outages, key=lambda outage: outage.span.from_ms):
        span, camera = each.span, translate("availability-all-cameras", lang)
        if each.camera:
            camera = names.camera(each.gateway, each.camera).name
        rows.append(
            (
                *(names.ward(each.ward), each.gateway, names.site_name(each.gateway), each.camera, camera),
                *(_local(visit, span.from_ms), None if each.lasts else _local(visit, span.to_ms)),
                round(span.duration_ms / MINUTE_MS, 1),
                *(translate(f"condition-{span.condition.value}", lang), _detail(visit, each)),
            )
        )
    kinds = {"begin": ColumnKind.TIME, "end": ColumnKind.TIME, "minutes": ColumnKind.TENTHS}
    columns = ("ward", "site-id", "site", "camera-id", "camera", "begin", "end", "minutes", "cause", "detail")
    return DataTable(
        translate("availability-outages", lang),
        [_column(visit, name, kinds.get(name, ColumnKind.TEXT)) for name in columns],
        rows,
    )


def _column(visit: UserRequestContext, name: str, kind: ColumnKind) -> TableColumn:
    return TableColumn(translate(f"availability-column-{name}", visit.lang), kind)


def _local(visit: UserRequestContext, time_ms: int) -> datetime:
    """Return the wall time at the console, to the second."""
    local = datetime.fromtimestamp(time_ms // 1000, visit.services.console.timezone)
    return local.replace(tzinfo=None)


def _detail(visit: UserRequestContext, outage: OutageEntry) -> str:
    group = "view" if outage.span.condition is Condition.TAMPER else "cause"
    return translate_word(group, outage.span.detail, visit.lang) if outage.span.detail else ""
