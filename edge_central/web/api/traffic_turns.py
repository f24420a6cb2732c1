"""``GET /api/traffic/turns``: turning movements, from which line to which, as JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from edge_agent.core.problems.problem import encode_json
from edge_central.traffic.calendar import local_day, quarter_of
from edge_central.traffic.increases import Span
from edge_central.traffic.periods import TrafficPeriod, split_span, sum_periods
from edge_central.traffic.reports import FURTHER, ONLY, QUARTER_MS, Counts
from edge_central.traffic.series import TooMuchTraffic, TrafficSeries
from edge_central.traffic.turn_series import read_turns
from edge_central.web.api.event_history import ApiDocument, Time
from edge_central.web.api.traffic import (
    JSON,
    MAX_PERIODS,
    CountsByLabel,
    period_begin,
)
from edge_central.web.api.traffic_question import TrafficQuestion, too_much_traffic, traffic_question
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.csv_file import csv_response
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

TURN_FORMATS = ("json", "csv")
_MINUTES = QUARTER_MS // 60_000


class TurnEntry(ApiDocument, frozen=True, kw_only=True):
    """Objects that crossed `from_line` first and the line of the series last."""

    from_line: str
    from_direction: Annotated[Literal["a-to-b", "b-to-a"], Meta(description="across `from_line`")]
    to_direction: Annotated[Literal["a-to-b", "b-to-a"], Meta(description="across the line of the series")]
    objects: Annotated[CountsByLabel, Meta(description="by label; 0 is left out")]


class TurnPeriodEntry(ApiDocument, frozen=True, kw_only=True):
    """One period. The counts are null in a gap: nothing is known of this time."""

    at: Annotated[Time, Meta(description="begin")]
    turns: list[TurnEntry] | None
    only: Annotated[
        CountsByLabel | None,
        Meta(description="crossed this line of the camera only, or their track was lost: no turn is known"),
    ]
    others: Annotated[CountsByLabel | None, Meta(description="further turns, which the gateway summed up")]
    measured_min: Annotated[
        int, Meta(description="minutes in which nothing can be missing; fewer than `of_min`: perhaps too low")
    ]
    of_min: Annotated[int, Meta(description="minutes of the period that are over")]


class TurnSeriesEntry(ApiDocument, frozen=True, kw_only=True):
    """The objects that crossed one line last."""

    ward: str
    gateway: str
    camera: str
    rule: str
    line: str
    site_name: str
    camera_name: str
    undated: Annotated[int, Meta(description="counted on these days at an unknown time; in no period")]
    periods: list[TurnPeriodEntry]


class TurnsAnswer(ApiDocument, frozen=True, kw_only=True):
    """Turning movements by period. Cameras that count at fewer than two lines, and gateways of older
    versions, have none."""

    from_at: Time
    to_at: Annotated[Time, Meta(description="not included")]
    step: Literal["15min", "hour", "day"]
    timezone: Annotated[str, Meta(description="of the days, such as Asia/Ho_Chi_Minh")]
    series: list[TurnSeriesEntry]


def traffic_turns(visit: UserRequestContext) -> Response:
    question = traffic_question(visit, TURN_FORMATS)
    timezone = visit.services.console.timezone
    scope = question.scope(visit)
    try:
        found = read_turns(visit.connection, scope, question.asked, question.span, timezone)
    except TooMuchTraffic:
        raise too_much_traffic() from None
    periods = list(split_span(question.span, question.step, timezone))
    if len(periods) * len(found) > MAX_PERIODS:
        raise too_much_traffic()
    entries = [_entry(visit, each, periods) for each in found]
    if question.format == "csv":
        return _csv(visit, question, entries)
    document = TurnsAnswer(
        from_at=period_begin(question.span[0]),
        to_at=period_begin(question.span[1]),
        step=question.step.value,
        timezone=timezone.key,
        series=entries,
    )
    return Response(encode_json(document), media_type=JSON)


def _entry(visit: UserRequestContext, series: TrafficSeries, periods: Sequence[Span]) -> TurnSeriesEntry:
    place = series.place
    summed = sum_periods(series, periods, quarter_of(visit.now_ms))
    return TurnSeriesEntry(
        ward=place.ward,
        gateway=place.gateway,
        camera=place.camera,
        rule=place.rule,
        line=place.line,
        site_name=visit.names.site_name(place.gateway),
        camera_name=visit.names.camera(place.gateway, place.camera).name,
        undated=series.undated.total(),
        periods=[_period(each) for each in summed],
    )


def _period(period: TrafficPeriod) -> TurnPeriodEntry:
    counts = period.counts
    return TurnPeriodEntry(
        at=period_begin(period.span[0]),
        turns=None if counts is None else list(_turns(counts)),
        only=None if counts is None else _by_label(counts, ONLY),
        others=None if counts is None else _by_label(counts, FURTHER),
        measured_min=period.measured * _MINUTES,
        of_min=period.of * _MINUTES,
    )


def _turns(counts: Counts) -> Iterator[TurnEntry]:
    movements: dict[tuple[str, ...], CountsByLabel] = {}
    for (*movement, label), count in sorted(counts.items()):
        if count and movement[0] not in (ONLY, FURTHER):
            movements.setdefault(tuple(movement), {})[label] = count
    for (line, direction, to_direction), objects in movements.items():
        yield TurnEntry(
            from_line=line,
            from_direction=direction,  # type: ignore[arg-type]  # parsed so
            to_direction=to_direction,  # type: ignore[arg-type]
            objects=objects,
        )


def _by_label(counts: Counts, line: str) -> CountsByLabel:
    return {key[3]: count for key, count in sorted(counts.items()) if key[0] == line and count}


CSV_COLUMNS = (
    *("at", "ward", "gateway", "site", "camera", "camera_name", "movement", "from_line", "from_direction"),
    *("to_rule", "to_line", "to_direction", "label", "count", "measured_min", "of_min"),
)


def _csv(
    visit: UserRequestContext, question: TrafficQuestion, entries: Iterable[TurnSeriesEntry]
) -> Response:
    """Return a row for each count. Column `movement`: turn, only, other; gap: a row with an empty count."""
    timezone = visit.services.console.timezone
    begin = local_day(question.span[0] * QUARTER_MS, timezone)
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        place = entry.ward, entry.gateway, entry.site_name, entry.camera, entry.camera_name
        for period in entry.periods:
            at = datetime.fromisoformat(period.at).astimezone(timezone).isoformat(timespec="minutes")
            for movement, line, direction, to_direction, label, count in _rows(period):
                turn = movement, line, direction, entry.rule, entry.line, to_direction, label, count
                rows.append((at, *place, *turn, period.measured_min, period.of_min))
    return csv_response(f"turns-{begin.isoformat()}-{question.step}.csv", CSV_COLUMNS, rows)


def _rows(period: TurnPeriodEntry) -> Iterator[tuple[str, str, str, str, str, int | str]]:
    """Yield movement, first line, both directions, label and count."""
    rows: list[tuple[str, str, str, str, str, int | str]] = [
        ("turn", turn.from_line, turn.from_direction, turn.to_direction, label, count)
        for turn in period.turns or ()
        for label, count in turn.objects.items()
    ]
    for movement, counts in (("only", period.only), ("other", period.others)):
        rows += [(movement, "", "", "", label, count) for label, count in (counts or {}).items()]
    if rows:
        yield from rows
    else:
        yield "", "", "", "", "", "" if period.turns is None else 0


PAGES = (Page("/api/traffic/turns", traffic_turns, roles=ALL_ROLES),)
