"""Reads the turning movements of cameras: a series for each line, of the objects that crossed it last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection

from edge_central.store import tables
from edge_central.store.scope import Scope
from edge_central.traffic import series
from edge_central.traffic.calendar import day_span, days_of
from edge_central.traffic.days import MeasuredTime, merge_spans
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.reports import Counts
from edge_central.traffic.series import (
    MEASURED_ONLY,
    CountedPlace,
    TrafficFilter,
    TrafficSeries,
    stored_rows,
)
from edge_central.traffic.turns import TurnDay

MAX_TURN_DAYS = 400
"""Maximum number of days of lines of which one question reads the turns; each day takes a millisecond."""
MAX_TURN_BYTES = 24_000_000
"""Maximum size of their documents. A gateway that lies can fill a day with a megabyte, which takes 40 ms."""


class _ReportedDay(msgspec.Struct):
    """A stored ``LineDay``, without its counts."""

    dated: dict[Quarter, msgspec.Raw] = {}


_TURN_DAY = msgspec.json.Decoder(TurnDay)
_REPORTED_DAY = msgspec.json.Decoder(_ReportedDay)
StoredDays = dict[CountedPlace, dict[date, Any]]


def read_turns(
    connection: Connection, scope: Scope, asked: TrafficFilter, span: Span, timezone: tzinfo
) -> list[TrafficSeries]:
    """Return the series of all lines with turns stored in the span, by place. ``asked.line`` is the line that
    was crossed last. The keys of the counts are ``TurnKey``. Raises TooMuchTraffic."""
    days = list(days_of(span, timezone))
    here = scope, asked, days
    most = min(MAX_TURN_DAYS, series.MAX_STORED_DAYS)
    turns = stored_rows(connection, tables.traffic_turn, *here, most, MAX_TURN_BYTES)
    most = series.MAX_STORED_DAYS - len(turns)
    lines = stored_rows(connection, tables.traffic_line, *here, most)
    cameras = stored_rows(connection, tables.traffic_camera, *here, most - len(lines))
    spans: defaultdict[CountedPlace, list[Span]] = defaultdict(list)
    for row in cameras:
        spans[CountedPlace(row.ward, row.gateway, row.camera)] += MEASURED_ONLY.decode(row.document).measured
    reported = _by_place(lines)
    return [
        _series(place, those, reported.get(place, {}), spans[place.of_camera], span, timezone)
        for place, those in sorted(_by_place(turns).items())
    ]


def _by_place(rows: Iterable[Any]) -> StoredDays:
    """Return the documents of each line by their day."""
    found: StoredDays = defaultdict(dict)
    for row in rows:
        place = CountedPlace(row.ward, row.gateway, row.camera, row.rule, row.line)
        found[place][date.fromisoformat(row.day)] = row.document
    return found


def _series(
    place: CountedPlace,
    turns: dict[date, Any],
    lines: dict[date, Any],
    measured: list[Span],
    span: Span,
    timezone: tzinfo,
) -> TrafficSeries:
    """Return the series of one line. The turns of a quarter are unknown if the line reported crossings
    without turns, because its agent was older or had one line only."""
    by_quarter: dict[Quarter, Counts] = {}
    undated, unknown = Counts(), set[Quarter]()
    for day in turns.keys() | lines.keys():
        stored = _TURN_DAY.decode(turns[day]) if day in turns else TurnDay()
        found = stored.increases(day_span(day, timezone))
        undated += found.undated
        unknown |= found.unknown
        if day in lines:
            unknown |= _REPORTED_DAY.decode(lines[day]).dated.keys() - stored.dated.keys()
        by_quarter |= {
            quarter: each for quarter, each in found.by_quarter.items() if span[0] <= quarter < span[1]
        }
    time = MeasuredTime(tuple(merge_spans(measured)))
    return TrafficSeries(place, by_quarter, time, frozenset(unknown), undated)
