"""Reads the counts of lines and cameras: sums of days for a list, and series of quarters of an hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, func, select

from edge_central.store import tables
from edge_central.store.scope import Scope
from edge_central.traffic.calendar import day_span, days_of
from edge_central.traffic.days import CameraDay, LineDay, MeasuredTime, merge_spans
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.reports import Counts

MAX_STORED_DAYS = 3_000
"""Maximum number of stored days, of lines and cameras, that one question reads."""


class TooMuchTraffic(Exception):
    """The question would read more than MAX_STORED_DAYS: ask for one ward, one gateway or a shorter time."""


@dataclass(frozen=True, slots=True, order=True)
class CountedPlace:
    """A line, or with empty ``rule`` and ``line`` the whole picture of a camera."""

    ward: str
    gateway: str
    camera: str
    rule: str = ""
    line: str = ""

    @property
    def of_camera(self) -> CountedPlace:
        return CountedPlace(self.ward, self.gateway, self.camera)


@dataclass(frozen=True, slots=True)
class TrafficFilter:
    """Which counts to read. An empty value matches everything. ``pictures`` and ``lines``: whether to read
    the counts of whole pictures and of lines."""

    ward: str = ""
    gateway: str = ""
    camera: str = ""
    rule: str = ""
    line: str = ""
    pictures: bool = True
    lines: bool = True


@dataclass(frozen=True, slots=True)
class TrafficSeries:
    """The counts of one place. ``by_quarter`` has the quarters with counts. A quarter that is ``measured``
    and not ``unknown`` is complete. A quarter that is neither in ``by_quarter`` nor complete is a gap:
    nothing is known of it."""

    place: CountedPlace
    by_quarter: Mapping[Quarter, Counts]
    measured: MeasuredTime
    unknown: frozenset[Quarter]
    undated: Counts
    """Counts of the days of the question without a known time."""


@dataclass(frozen=True, slots=True)
class DaySums:
    """Sums over some days."""

    total: int
    measured: int  # measured quarters of the camera


def read_series(
    connection: Connection, scope: Scope, asked: TrafficFilter, span: Span, timezone: tzinfo
) -> list[TrafficSeries]:
    """Return all series with a stored day in the span, by place. Raises TooMuchTraffic."""
    days = list(days_of(span, timezone))
    lines, cameras = tables.traffic_line, tables.traffic_camera
    stored = stored_rows(connection, cameras, scope, asked, days, MAX_STORED_DAYS)
    camera_days: defaultdict[CountedPlace, list[CameraDay]] = defaultdict(list)
    decoder = _WITH_COUNTS if asked.pictures else MEASURED_ONLY
    for row in stored:
        found_day = decoder.decode(row.document)
        place = CountedPlace(row.ward, row.gateway, row.camera)
        camera_days[place].append(
            found_day if isinstance(found_day, CameraDay) else CameraDay(measured=found_day.measured)
        )
    line_days: defaultdict[CountedPlace, list[tuple[date, LineDay]]] = defaultdict(list)
    if asked.lines:
        for row in stored_rows(connection, lines, scope, asked, days, MAX_STORED_DAYS - len(stored)):
            place = CountedPlace(row.ward, row.gateway, row.camera, row.rule, row.line)
            line_days[place].append((date.fromisoformat(row.day), _LINE_DAY.decode(row.document)))
    measured = {place: _measured(those) for place, those in camera_days.items()}
    found = [
        _of_line(place, those, measured.get(place.of_camera, MeasuredTime()), span, timezone)
        for place, those in line_days.items()
    ]
    if asked.pictures:
        found += [_of_camera(place, those, measured[place], span) for place, those in camera_days.items()]
    return sorted(found, key=lambda series: series.place)


def stored_extent(
    connection: Connection, scope: Scope, asked: TrafficFilter, days: Sequence[date]
) -> tuple[int, int]:
    """Return how many series and how many stored days ``read_series`` reads for these days."""
    cameras, lines = tables.traffic_camera, tables.traffic_line

    def days_of_each(table: Table, *place: ColumnElement[Any]) -> Sequence[int]:
        query = select(func.count()).select_from(table).where(*_conditions(table, scope, asked, days))
        return connection.scalars(query.group_by(*place)).all()

    of_cameras = days_of_each(cameras, cameras.c.ward, cameras.c.gateway, cameras.c.camera)
    whole = lines.c.ward, lines.c.gateway, lines.c.camera, lines.c.rule, lines.c.line
    of_lines = days_of_each(lines, *whole) if asked.lines else ()
    series = (len(of_cameras) if asked.pictures else 0) + len(of_lines)
    return series, sum(of_cameras) + sum(of_lines)


class _MeasuredDay(msgspec.Struct):
    measured: list[Span] = []


_WITH_COUNTS = msgspec.json.Decoder(CameraDay)
MEASURED_ONLY = msgspec.json.Decoder(_MeasuredDay)
_LINE_DAY = msgspec.json.Decoder(LineDay)


def read_sums(
    connection: Connection, scope: Scope, asked: TrafficFilter, days: Sequence[date]
) -> dict[CountedPlace, DaySums]:
    """Return the sums of whole days by place, without reading the quarters."""
    cameras, lines = tables.traffic_camera, tables.traffic_line
    place = cameras.c.ward, cameras.c.gateway, cameras.c.camera
    sums = func.sum(cameras.c.total), func.sum(cameras.c.measured)
    query = select(*place, *sums).where(*_conditions(cameras, scope, asked, days)).group_by(*place)
    found = {
        CountedPlace(*of): DaySums(int(total), int(measured))
        for *of, total, measured in connection.execute(query)
    }
    whole = lines.c.ward, lines.c.gateway, lines.c.camera, lines.c.rule, lines.c.line
    by_line = select(*whole, func.sum(lines.c.total)).group_by(*whole)
    for *of, total in connection.execute(by_line.where(*_conditions(lines, scope, asked, days))):
        line = CountedPlace(*of)
        of_camera = found.get(line.of_camera)
        found[line] = DaySums(int(total), 0 if of_camera is None else of_camera.measured)
    return found


def stored_rows(
    connection: Connection,
    table: Table,
    scope: Scope,
    asked: TrafficFilter,
    days: Sequence[date],
    most: int,
    most_bytes: int | None = None,
) -> Sequence[Any]:
    """Return the rows of these days. Raises TooMuchTraffic if there are more than ``most``, or if their
    documents together are larger than ``most_bytes``."""
    conditions = list(_conditions(table, scope, asked, days))
    if most_bytes is not None:
        size = select(func.sum(func.length(table.c.document))).where(*conditions)
        if (connection.scalar(size) or 0) > most_bytes:
            raise TooMuchTraffic
    query = select(table).where(*conditions).limit(most + 1)
    rows = connection.execute(query).all()
    if len(rows) > most:
        raise TooMuchTraffic
    return rows


def _conditions(
    table: Table, scope: Scope, asked: TrafficFilter, days: Sequence[date]
) -> Iterator[ColumnElement[bool]]:
    columns = table.c
    yield scope.narrowed(asked.ward or None).of(columns.ward)
    yield columns.day.in_([day.isoformat() for day in days])
    if asked.gateway:
        yield columns.gateway == asked.gateway
    if asked.camera:
        yield columns.camera == asked.camera
    if table in (tables.traffic_line, tables.traffic_turn):
        if asked.rule:
            yield columns.rule == asked.rule
        if asked.line:
            yield columns.line == asked.line


def _measured(days: Iterable[CameraDay]) -> MeasuredTime:
    return MeasuredTime(tuple(merge_spans(span for day in days for span in day.measured)))


def _of_camera(
    place: CountedPlace, days: Sequence[CameraDay], measured: MeasuredTime, span: Span
) -> TrafficSeries:
    by_quarter: dict[Quarter, Counts] = {}
    undated = Counts()
    for day in days:
        undated += day.undated_counts
        # Each quarter belongs to one day only.
        by_quarter |= {quarter: day.counts(quarter) for quarter in day.dated if span[0] <= quarter < span[1]}
    return TrafficSeries(place, by_quarter, measured, frozenset(), undated)


def _of_line(
    place: CountedPlace,
    days: Sequence[tuple[date, LineDay]],
    measured: MeasuredTime,
    span: Span,
    timezone: tzinfo,
) -> TrafficSeries:
    by_quarter: dict[Quarter, Counts] = {}
    undated, unknown = Counts(), set[Quarter]()
    for day, stored in days:
        found = stored.increases(day_span(day, timezone))
        undated += found.undated
        unknown |= found.unknown
        by_quarter |= {
            quarter: each for quarter, each in found.by_quarter.items() if span[0] <= quarter < span[1]
        }
    return TrafficSeries(place, by_quarter, measured, frozenset(unknown), undated)
