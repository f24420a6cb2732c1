"""Reads the availability of all cameras in a period from the day sums, and from the intervals where there are
no sums yet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection, and_, func, select

from edge_central.availability.day_sums import day_begin_ms
from edge_central.availability.interval_reader import GatewayIntervals, read_intervals, with_context
from edge_central.availability.model import Condition, TimeSpan
from edge_central.availability.outage_reader import read_outages
from edge_central.availability.report import AvailabilityReport, CameraAvailability, make_site
from edge_central.availability.timeline import ConditionTotals, totals_of
from edge_central.store import tables
from edge_central.store.scope import Scope

_DAY, _SUMMED, _GATEWAY = tables.availability_day.c, tables.availability_summed.c, tables.gateway.c
_SUMS = [tables.sum_column(name) for name in (*tables.SUMMED_CONDITIONS, *tables.SUMMED_VIEWS)]
_CONDITIONS = [Condition(each) for each in tables.SUMMED_CONDITIONS]
CameraKey = tuple[str, str]
"""Gateway and camera."""


def read_summed_availability(
    connection: Connection,
    scope: Scope,
    period: TimeSpan,
    timezone: tzinfo,
    now_ms: int,
    gateway: str | None = None,
) -> AvailabilityReport:
    """Return the availability of all cameras in this scope, or of one ``gateway``: the same totals as
    ``read_availability``, but without spans and outages. ``period`` begins at midnight."""
    wards, rests = _rests(connection, scope, period, timezone, gateway)
    totals = _stored_totals(connection, scope, period, timezone, gateway)
    for found, rest in _intervals_of(connection, scope, period, rests, now_ms, gateway):
        for camera, spans in found.spans(rest, now_ms).items():
            if spans:
                totals[found.gateway, camera].add(totals_of(spans))
    by_gateway: defaultdict[str, list[CameraAvailability]] = defaultdict(list)
    for (id_, camera), summed in sorted(totals.items()):
        by_gateway[id_].append(CameraAvailability(id_, camera, summed, ()))
    sites = [make_site(id_, wards[id_], cameras) for id_, cameras in by_gateway.items()]
    sites.sort(key=lambda site: (site.ward, site.gateway))
    return AvailabilityReport(period, tuple(sites))


def read_summed_with_outages(
    connection: Connection, scope: Scope, period: TimeSpan, timezone: tzinfo, now_ms: int
) -> AvailabilityReport:
    """Return the report of ``read_summed_availability`` with the outages."""
    report = read_summed_availability(connection, scope, period, timezone, now_ms)
    outages = read_outages(connection, scope, period, now_ms)
    sites = tuple(replace(site, outages=outages.get(site.gateway, ())) for site in report.sites)
    return AvailabilityReport(period, sites)


def _rests(
    connection: Connection, scope: Scope, period: TimeSpan, timezone: tzinfo, gateway: str | None
) -> tuple[dict[str, str], dict[str, int]]:
    """Return the ward of each gateway, and the time (ms) from which no sums are stored for it."""
    is_valid = and_(_SUMMED.gateway == _GATEWAY.id, _SUMMED.timezone == str(timezone))
    query = (
        select(_GATEWAY.id, _GATEWAY.ward, _SUMMED.until_ms)
        .join_from(tables.gateway, tables.availability_summed, is_valid, isouter=True)
        .where(scope.of(_GATEWAY.ward))
    )
    if gateway is not None:
        query = query.where(_GATEWAY.id == gateway)
    wards: dict[str, str] = {}
    rests: dict[str, int] = {}
    begins: dict[int, int] = {}  # a cache, because most gateways have sums up to the same midnight
    for id_, ward, summed_ms in connection.execute(query):
        until_ms = period.from_ms if summed_ms is None else max(period.from_ms, min(period.to_ms, summed_ms))
        if until_ms not in begins:
            begins[until_ms] = day_begin_ms(until_ms, timezone)
        wards[id_], rests[id_] = ward, begins[until_ms]
    return wards, rests


def _stored_totals(
    connection: Connection, scope: Scope, period: TimeSpan, timezone: tzinfo, gateway: str | None
) -> defaultdict[CameraKey, ConditionTotals]:
    """Return the totals of the complete days of the period, for each camera."""
    days = tables.availability_day
    query = (
        select(_DAY.gateway, _DAY.camera, *(func.sum(_DAY[name]) for name in _SUMS))
        .join_from(tables.gateway, tables.availability_summed, _SUMMED.gateway == _GATEWAY.id)
        .join(days, _DAY.gateway == _GATEWAY.id)
        .where(scope.of(_GATEWAY.ward), _SUMMED.timezone == str(timezone))
        .where(_DAY.from_ms >= period.from_ms, _DAY.from_ms < period.to_ms, _DAY.to_ms <= period.to_ms)
        .group_by(_DAY.gateway, _DAY.camera)
    )
    if gateway is not None:
        query = query.where(_DAY.gateway == gateway)
    found: defaultdict[CameraKey, ConditionTotals] = defaultdict(ConditionTotals)
    for id_, camera, *sums in connection.execute(query):
        found[id_, camera] = _totals(sums)
    return found


def _totals(sums: Sequence[Any]) -> ConditionTotals:
    """Convert a row of sums: PostgreSQL returns the sum of integers as a decimal number."""
    conditions, views = sums[: len(_CONDITIONS)], sums[len(_CONDITIONS) :]
    return ConditionTotals(
        {each: int(sum_ms) for each, sum_ms in zip(_CONDITIONS, conditions, strict=True) if sum_ms},
        {view: int(sum_ms) for view, sum_ms in zip(tables.SUMMED_VIEWS, views, strict=True) if sum_ms},
    )


def _intervals_of(
    connection: Connection,
    scope: Scope,
    period: TimeSpan,
    rests: dict[str, int],
    now_ms: int,
    gateway: str | None,
) -> Iterator[tuple[GatewayIntervals, TimeSpan]]:
    """Return the intervals of each gateway in the part of the period that has no sums. Most gateways have the
    same part and are read together; a gateway whose sums were deleted is read alone."""
    wanted = {id_: from_ms for id_, from_ms in rests.items() if from_ms < period.to_ms}
    if not wanted:
        return
    usual_ms, _ = Counter(wanted.values()).most_common(1)[0]
    usual = TimeSpan(usual_ms, period.to_ms)
    for found in read_intervals(connection, scope, with_context(usual, now_ms), gateway):
        if wanted.get(found.gateway) == usual_ms:
            yield found, usual
    for id_, from_ms in wanted.items():
        if from_ms != usual_ms:
            rest = TimeSpan(from_ms, period.to_ms)
            for found in read_intervals(connection, scope, with_context(rest, now_ms), id_):
                yield found, rest
