"""Days of a time zone as quarters of an hour. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from edge_agent.wire.received.bounds import bounded_time
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.reports import QUARTER_MS

ONE_DAY = timedelta(days=1)


def quarter_of(time_ms: int) -> Quarter:
    return time_ms // QUARTER_MS


def local_day(time_ms: int, timezone: tzinfo) -> date:
    return datetime.fromtimestamp(bounded_time(time_ms) / 1000, UTC).astimezone(timezone).date()


def day_span(day: date, timezone: tzinfo) -> Span:
    """Return the first quarter-hour of a local day and of the next day, for the years 2 to 9998."""
    return _midnight(day, timezone), _midnight(day + ONE_DAY, timezone)


def days_of(span: Span, timezone: tzinfo) -> Iterator[date]:
    """Yield in order the days of which at least one quarter of an hour is in the span."""
    day = local_day(span[0] * QUARTER_MS, timezone)
    last = local_day((span[1] - 1) * QUARTER_MS, timezone)
    while day <= last:
        yield day
        day += ONE_DAY


def _midnight(day: date, timezone: tzinfo) -> Quarter:
    return quarter_of(round(datetime.combine(day, time(), timezone).timestamp() * 1000))
