"""Which files with counts of traffic the page offers: those that the API does not refuse as too large."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from edge_central.traffic import series
from edge_central.traffic.calendar import local_day
from edge_central.traffic.congestion import FREE_FLOW_DAYS
from edge_central.traffic.periods import QUARTERS_OF, PeriodLength
from edge_central.traffic.series import CountedPlace, TrafficFilter, stored_extent
from edge_central.web.api import traffic
from edge_central.web.request_context import UserRequestContext
from edge_central.web.spreadsheets import MAX_XLSX_ROWS

FORMATS = ("csv", "xlsx", "geojson")
XLSX_ROWS_OF_PERIOD = 6
"""A period has a row for each class and direction. So many on average are more than cameras count."""
ONE_WEEK = timedelta(days=7)


def offered_files(
    visit: UserRequestContext, place: CountedPlace, days: Sequence[date], step: PeriodLength
) -> dict[str, PeriodLength]:
    """Return the formats with the length of their periods: ``step``, or the next longer one that fits. Empty:
    it is too much for any file."""
    asked = TrafficFilter(
        *(place.ward, place.gateway, place.camera, place.rule, place.line),
        pictures=not (place.rule or place.line),
    )
    today = local_day(visit.now_ms, visit.services.console.timezone)
    count, stored = stored_extent(visit.connection, visit.scope, asked, days)
    spans = [[day - ONE_WEEK for day in days]]
    if place.gateway and asked.pictures:  # the usual traffic is read, too
        first = min(days[0], min(days[-1], today) - timedelta(days=FREE_FLOW_DAYS))
        spans.append([first + timedelta(days=n) for n in range((days[-1] - first).days + 1)])
    stored = max(stored, *(stored_extent(visit.connection, visit.scope, asked, each)[1] for each in spans))
    if stored > series.MAX_STORED_DAYS:
        return {}
    limits = dict.fromkeys(FORMATS, traffic.MAX_PERIODS)
    limits["xlsx"] = min(traffic.MAX_PERIODS, MAX_XLSX_ROWS // XLSX_ROWS_OF_PERIOD)
    lengths = list(PeriodLength)[list(PeriodLength).index(step) :]
    fitting = {
        name: [each for each in lengths if count * len(days) * 96 // QUARTERS_OF[each] <= most]
        for name, most in limits.items()
    }
    return {name: found[0] for name, found in fitting.items() if found}
