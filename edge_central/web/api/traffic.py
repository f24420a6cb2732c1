"""``GET /api/traffic``: counts of lines and cameras by quarter of an hour, hour or day, as JSON, CSV, XLSX or
GeoJSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace
from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_central.console.fleet import SiteOverview
from edge_central.traffic.calendar import local_day, quarter_of
from edge_central.traffic.congestion import sum_congestion
from edge_central.traffic.flow_series import UsualFlow, read_flow
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.periods import (
    WEEK,
    TrafficPeriod,
    split_span,
    sum_periods,
)
from edge_central.traffic.reports import A_TO_B, APPEARED, B_TO_A, QUARTER_MS, Counts
from edge_central.traffic.series import TooMuchTraffic, TrafficSeries, read_series
from edge_central.web.api.congestion import (
    CongestionEntry,
    FreeFlowEntry,
    congestion_entry,
    free_flow_entry,
)
from edge_central.web.api.event_history import ApiDocument, Time
from edge_central.web.api.traffic_question import TrafficQuestion, too_much_traffic, traffic_question
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.csv_file import BYTE_ORDER_MARK, CSV_TYPE, safe_cell
from edge_central.web.i18n import translate, translate_word
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page
from edge_central.web.spreadsheets import Cell, ColumnKind, DataTable, TableColumn, xlsx_response

JSON, GEOJSON = "application/json", "application/geo+json"
FORMATS = ("json", "csv", "geojson", "xlsx")
MAX_PERIODS = 30_000
"""Maximum number of periods of all series in one answer."""
_MINUTES = QUARTER_MS // 60_000

CountsByLabel = dict[str, int]
_PeriodKey = tuple[str, str, str | None, str | None, str]
"""Gateway, camera, rule and line; and the begin of the period."""


class TrafficPeriodEntry(ApiDocument, frozen=True, kw_only=True):
    """Counts of one period, by label; a count of 0 is left out. Null in a gap: nothing is known of this
    time."""

    at: Annotated[Time, Meta(description="begin")]
    a_to_b: Annotated[CountsByLabel | None, Meta(description="of a line; null for a camera and in a gap")]
    b_to_a: CountsByLabel | None
    objects: Annotated[CountsByLabel | None, Meta(description="new objects of a camera; null for a line")]
    measured_min: Annotated[
        int, Meta(description="minutes in which nothing can be missing; fewer than `of_min`: perhaps too low")
    ]
    of_min: Annotated[int, Meta(description="minutes of the period that are over")]
    congestion: Annotated[
        CongestionEntry | None,
        Meta(description="of a camera whose gateway the question names, as it reads two weeks more"),
    ] = None


class TrafficSeriesEntry(ApiDocument, frozen=True, kw_only=True):
    """A line of a rule, or the whole picture of a camera (`rule` and `line` null)."""

    ward: str
    gateway: str
    camera: str
    rule: str | None
    line: str | None
    site_name: str
    camera_name: str
    latitude: Annotated[float | None, Meta(description="of the site, degrees, WGS 84; null: unknown")]
    longitude: float | None
    undated: Annotated[
        int,
        Meta(description="counted on these days at an unknown time: its clock was not set, a report "
             "is missing, or it was made after its day; in no period"),
    ]  # fmt: skip
    free_flow: Annotated[
        FreeFlowEntry | None, Meta(description="null: not asked for, or fewer than 96 quarters have a speed")
    ] = None
    periods: list[TrafficPeriodEntry]


class TrafficAnswer(ApiDocument, frozen=True, kw_only=True):
    """Counts by period. A period of which no quarter of an hour is over is left out."""

    from_at: Time
    to_at: Annotated[Time, Meta(description="not included")]
    step: Literal["15min", "hour", "day"]
    timezone: Annotated[str, Meta(description="of the days, such as Asia/Ho_Chi_Minh")]
    series: list[TrafficSeriesEntry]


def traffic(visit: UserRequestContext) -> Response:
    question = traffic_question(visit, FORMATS)
    scope = question.scope(visit)
    timezone = visit.services.console.timezone
    here = visit.connection, scope, question.asked, question.span, timezone
    try:
        found = read_series(*here)
        has_flow = question.asked.gateway and question.asked.pictures
        flows = read_flow(*here, quarter_of(visit.now_ms)) if has_flow else {}
    except TooMuchTraffic:
        raise too_much_traffic() from None
    periods = list(split_span(question.span, question.step, timezone))
    if len(periods) * len(found) > MAX_PERIODS:
        raise too_much_traffic()
    sites = {site.id: site for site in visit.fleet(scope, question.asked.gateway or None).sites}
    entries = [_entry(visit, each, periods, sites, flows.get(each.place)) for each in found]
    match question.format:
        case "csv":
            return _csv(visit, question, entries, _week_before(visit, question, periods))
        case "xlsx":
            return _xlsx(visit, question, entries, _week_before(visit, question, periods))
        case "geojson":
            return Response(encode_json(_collection(entries)), media_type=GEOJSON)
    document = TrafficAnswer(
        from_at=period_begin(question.span[0]),
        to_at=period_begin(question.span[1]),
        step=question.step.value,
        timezone=timezone.key,
        series=entries,
    )
    return Response(encode_json(document), media_type=JSON)


# --- the answer ---


def _entry(
    visit: UserRequestContext,
    series: TrafficSeries,
    periods: Sequence[Span],
    sites: Mapping[str, SiteOverview],
    flow: UsualFlow | None,
) -> TrafficSeriesEntry:
    """Return the entry of one series. ``flow``: its camera's traffic; None: congestion was not asked for."""
    place, site, now = series.place, sites.get(series.place.gateway), quarter_of(visit.now_ms)
    summed = sum_periods(series, periods, now)
    spans = [each.span for each in summed]
    congestion = () if flow is None else sum_congestion(flow.flow, flow.usual, spans, now)
    entries = [_period(each, is_line=bool(place.line)) for each in summed]
    for index, each in enumerate(congestion):
        entries[index] = replace(entries[index], congestion=congestion_entry(each))
    return TrafficSeriesEntry(
        ward=place.ward,
        gateway=place.gateway,
        camera=place.camera,
        rule=place.rule or None,
        line=place.line or None,
        site_name=visit.names.site_name(place.gateway, "" if site is None else site.name),
        camera_name=visit.names.camera(place.gateway, place.camera).name,
        latitude=None if site is None else site.latitude,
        longitude=None if site is None else site.longitude,
        undated=series.undated.total(),
        free_flow=None if flow is None or flow.usual is None else free_flow_entry(flow.usual),
        periods=entries,
    )


def _week_before(
    visit: UserRequestContext, question: TrafficQuestion, periods: Sequence[Span]
) -> dict[_PeriodKey, TrafficPeriodEntry]:
    """Return the periods a week earlier; key: begin of the period a week later. Raises BadRequest."""
    earlier, now = [(first - WEEK, last - WEEK) for first, last in periods], quarter_of(visit.now_ms)
    span = question.span[0] - WEEK, question.span[1] - WEEK
    here = visit.connection, question.scope(visit), question.asked, span, visit.services.console.timezone
    try:
        found = read_series(*here)
    except TooMuchTraffic:
        raise too_much_traffic() from None
    return {
        (of.gateway, of.camera, of.rule or None, of.line or None, period_begin(each.span[0] + WEEK)): (
            _period(each, is_line=bool(of.line))
        )
        for series, of in ((each, each.place) for each in found)
        for each in sum_periods(series, earlier, now)
    }


def _period(period: TrafficPeriod, *, is_line: bool) -> TrafficPeriodEntry:
    counts = period.counts
    return TrafficPeriodEntry(
        at=period_begin(period.span[0]),
        a_to_b=_by_label(counts, A_TO_B) if is_line and counts is not None else None,
        b_to_a=_by_label(counts, B_TO_A) if is_line and counts is not None else None,
        objects=_by_label(counts, APPEARED) if not is_line and counts is not None else None,
        measured_min=period.measured * _MINUTES,
        of_min=period.of * _MINUTES,
    )


def _by_label(counts: Counts, direction: str) -> CountsByLabel:
    return {label: count for (of, label), count in sorted(counts.items()) if of == direction and count}


def period_begin(quarter: Quarter) -> str:
    """Return the time at which the period begins, RFC 3339."""
    return rfc3339_of_ms(quarter * QUARTER_MS)


CSV_COLUMNS = (
    *("at", "ward", "gateway", "site", "camera", "camera_name", "rule", "line"),
    *("direction", "label", "count", "measured_min", "of_min"),
    *("free_min", "busy_min", "slow_min", "standing_min", "unknown_min"),
    "count_week_before",
)
XLSX_COLUMNS = (
    *(("time", ColumnKind.TIME), ("ward", ColumnKind.TEXT), ("site-id", ColumnKind.TEXT)),
    *(("site", ColumnKind.TEXT), ("camera-id", ColumnKind.TEXT), ("camera", ColumnKind.TEXT)),
    *(("rule", ColumnKind.TEXT), ("line", ColumnKind.TEXT), ("direction", ColumnKind.TEXT)),
    *(("class", ColumnKind.TEXT), ("count", ColumnKind.COUNT)),
    *(("measured", ColumnKind.COUNT), ("of", ColumnKind.COUNT), ("before", ColumnKind.COUNT)),
)
"""Columns of the workbook: the texts of the console have them as ``traffic-column-…``."""


def _csv(
    visit: UserRequestContext,
    question: TrafficQuestion,
    entries: Iterable[TrafficSeriesEntry],
    before: Mapping[_PeriodKey, TrafficPeriodEntry],
) -> Response:
    """Return a row for each count of this time or of the week before. In a gap the count is empty; in a
    measured period without counts it is 0."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    timezone = visit.services.console.timezone
    for entry in entries:
        place = (
            *(entry.ward, entry.gateway, entry.site_name, entry.camera, entry.camera_name),
            *(entry.rule or "", entry.line or ""),
        )
        for period in entry.periods:
            at = datetime.fromisoformat(period.at).astimezone(timezone).isoformat(timespec="minutes")
            for direction, label, count, earlier in _rows(entry, period, before):
                texts = [safe_cell(text) for text in (at, *place, direction, label)]
                numbers = count, period.measured_min, period.of_min, *_levels(period), earlier
                writer.writerow([*texts, *("" if each is None else each for each in numbers)])
    response = Response(BYTE_ORDER_MARK + file.getvalue(), media_type=CSV_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{_file_name(visit, question)}.csv"'
    return response


def _levels(period: TrafficPeriodEntry) -> tuple[int | str, ...]:
    found = period.congestion
    if found is None:
        return ("",) * 5
    return found.free_min, found.busy_min, found.slow_min, found.standing_min, found.unknown_min


def _xlsx(
    visit: UserRequestContext,
    question: TrafficQuestion,
    entries: Iterable[TrafficSeriesEntry],
    before: Mapping[_PeriodKey, TrafficPeriodEntry],
) -> Response:
    """Return the rows of the CSV with headings and classes in the language of the user. Raises BadRequest."""
    lang, names = visit.lang, visit.names
    rows: list[tuple[Cell, ...]] = []
    for entry in entries:
        place = (
            *(names.ward(entry.ward), entry.gateway, entry.site_name, entry.camera, entry.camera_name),
            *(entry.rule, entry.line),
        )
        for period in entry.periods:
            at = datetime.fromisoformat(period.at).astimezone(visit.services.console.timezone)
            for direction, label, count, earlier in _rows(entry, period, before):
                what = direction and translate(f"traffic-direction-{direction}", lang)
                rows.append(
                    (
                        *(at.replace(tzinfo=None), *place, what, translate_word("label", label, lang)),
                        *(count, period.measured_min, period.of_min, earlier),
                    )
                )
    columns = [TableColumn(translate(f"traffic-column-{key}", lang), kind) for key, kind in XLSX_COLUMNS]
    table = DataTable(translate("traffic", lang), columns, rows)
    return xlsx_response(f"{_file_name(visit, question)}.xlsx", [table])


def _file_name(visit: UserRequestContext, question: TrafficQuestion) -> str:
    begin = local_day(question.span[0] * QUARTER_MS, visit.services.console.timezone)
    return f"traffic-{begin.isoformat()}-{question.step}"


def _rows(
    entry: TrafficSeriesEntry, period: TrafficPeriodEntry, before: Mapping[_PeriodKey, TrafficPeriodEntry]
) -> Iterator[tuple[str, str, int | None, int | None]]:
    """Yield direction, label, count, and the count of the week before. A count is None in a gap."""
    key = entry.gateway, entry.camera, entry.rule, entry.line, period.at
    found = _by_key(period), _by_key(before.get(key))
    for of in sorted({of for each in found for of in each or ()}) or [("", "")]:
        count, earlier = (None if each is None else each.get(of, 0) for each in found)
        yield *of, count, earlier


def _by_key(period: TrafficPeriodEntry | None) -> dict[tuple[str, str], int] | None:
    """Return the counts by direction and label. None: a gap."""
    if period is None:
        return None
    parts = ((A_TO_B, period.a_to_b), (B_TO_A, period.b_to_a), (APPEARED, period.objects))
    there = [(direction, counts) for direction, counts in parts if counts is not None]
    found = {(direction, label): count for direction, counts in there for label, count in counts.items()}
    return found if there else None


def _collection(entries: Iterable[TrafficSeriesEntry]) -> dict[str, Any]:
    """Return GeoJSON (RFC 7946): a point at the site for each series; no geometry without coordinates."""
    return {"type": "FeatureCollection", "features": [_feature(entry) for entry in entries]}


def _feature(entry: TrafficSeriesEntry) -> dict[str, Any]:
    placed = entry.latitude is not None and entry.longitude is not None
    point = {"type": "Point", "coordinates": [entry.longitude, entry.latitude]}
    return {"type": "Feature", "geometry": point if placed else None, "properties": entry}


PAGES = (Page("/api/traffic", traffic, roles=ALL_ROLES),)
