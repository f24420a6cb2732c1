"""Reads the availability of sites and cameras in a period, and of single cameras for a timeline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, or_, select

from edge_central.availability.model import Condition, Layer, StateInterval, TimeSpan
from edge_central.availability.recorder import alive_key
from edge_central.availability.timeline import (
    ConditionSpan,
    ConditionTotals,
    camera_spans,
    gateway_spans,
    totals_of,
)
from edge_central.store import tables
from edge_central.store.database import read_meta
from edge_central.store.scope import Scope

NOT_ALIVE_MS = 60_000
"""The centre stores a time every ten seconds while it listens; if it is older than this, it does not run."""
LAYERS = {layer.value: layer for layer in Layer}
FIRST_YEAR, LAST_YEAR = 2000, 2099
OF_CAMERA = (Condition.CAMERA, Condition.TAMPER)
"""Outages of one camera; others concern all cameras of its gateway."""


@dataclass(frozen=True, slots=True)
class OutageEntry:
    """One outage; ``camera`` is empty when it concerns all cameras of the gateway."""

    ward: str
    gateway: str
    camera: str
    span: ConditionSpan
    lasts: bool  # it has not ended yet, or not in this period


@dataclass(frozen=True, slots=True)
class CameraAvailability:
    gateway: str
    camera: str
    totals: ConditionTotals
    spans: tuple[ConditionSpan, ...]


@dataclass(frozen=True, slots=True)
class SiteAvailability:
    gateway: str
    ward: str
    totals: ConditionTotals  # of all its cameras
    cameras: tuple[CameraAvailability, ...]
    outages: tuple[OutageEntry, ...]  # in order of their begin


@dataclass(frozen=True, slots=True)
class AvailabilityReport:
    """``period``: what is counted, up to the present. By ward and gateway."""

    period: TimeSpan
    sites: tuple[SiteAvailability, ...]

    @property
    def totals(self) -> ConditionTotals:
        return sum_totals(self.sites)

    @property
    def outages(self) -> list[OutageEntry]:
        """All outages, the longest first."""
        found = [outage for site in self.sites for outage in site.outages]
        return sorted(found, key=lambda each: -each.span.duration_ms)

    def by_ward(self) -> list[tuple[str, list[SiteAvailability]]]:
        wards: defaultdict[str, list[SiteAvailability]] = defaultdict(list)
        for site in self.sites:
            wards[site.ward].append(site)
        return sorted(wards.items())


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the calendar."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def next(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def previous(self) -> Month:
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def span(self, timezone: ZoneInfo) -> TimeSpan:
        return TimeSpan(self._begin_ms(timezone), self.next._begin_ms(timezone))

    def _begin_ms(self, timezone: ZoneInfo) -> int:
        return round(datetime(self.year, self.month, 1, tzinfo=timezone).timestamp() * 1000)


def month_of(time_ms: int, timezone: ZoneInfo) -> Month:
    local = datetime.fromtimestamp(time_ms / 1000, timezone)
    return Month(local.year, local.month)


def parse_month(text: str) -> Month | None:
    """Parse ``2026-11``; None for any other text."""
    year, _, month = text.partition("-")
    if not (text.isascii() and year.isdecimal() and month.isdecimal() and len(text) == len("2026-11")):
        return None
    if not (FIRST_YEAR <= int(year) <= LAST_YEAR and 1 <= int(month) <= 12):
        return None
    return Month(int(year), int(month))


def sum_totals(sites: Sequence[SiteAvailability]) -> ConditionTotals:
    totals = ConditionTotals()
    for site in sites:
        totals.add(site.totals)
    return totals


def counted_period(connection: Connection, central_id: str, period: TimeSpan, now_ms: int) -> TimeSpan:
    """``period`` up to the present; if the centre does not run, up to when it last did."""
    until_ms = now_ms
    alive = read_meta(connection, alive_key(central_id))
    if alive is not None and now_ms - int(alive) > NOT_ALIVE_MS:
        until_ms = int(alive)
    return TimeSpan(period.from_ms, max(period.from_ms, min(period.to_ms, until_ms)))


def read_availability(
    connection: Connection, scope: Scope, period: TimeSpan, gateway: str | None = None
) -> AvailabilityReport:
    """The availability of all sites in this scope, or of one ``gateway``."""
    sites = []
    for found in _read_series(connection, scope, period, gateway):
        link = found.link
        cameras = tuple(
            _camera(found.gateway, camera, {Layer.LINK: link, **layers}, period)
            for camera, layers in sorted(found.cameras.items())
        )
        counted = [each for each in cameras if each.spans]
        totals = ConditionTotals()
        for each in counted:
            totals.add(each.totals)
        outages = _outages(found, counted, period)
        if counted:
            sites.append(SiteAvailability(found.gateway, found.ward, totals, tuple(counted), tuple(outages)))
    sites.sort(key=lambda site: (site.ward, site.gateway))
    return AvailabilityReport(period, tuple(sites))


@dataclass(slots=True)
class _GatewaySeries:
    gateway: str
    ward: str
    link: list[StateInterval] = field(default_factory=list)
    cameras: defaultdict[str, dict[Layer, list[StateInterval]]] = field(
        default_factory=lambda: defaultdict(dict)
    )


def _read_series(
    connection: Connection, scope: Scope, period: TimeSpan, gateway: str | None
) -> list[_GatewaySeries]:
    columns, of_gateway = tables.availability.c, tables.gateway.c
    query = (
        select(
            *(columns.gateway, columns.camera, columns.layer, columns.state, columns.detail),
            *(columns.from_ms, columns.to_ms, of_gateway.ward),
        )
        .join_from(tables.availability, tables.gateway, of_gateway.id == columns.gateway)
        .where(scope.of(of_gateway.ward), columns.from_ms < period.to_ms)
        .where(or_(columns.to_ms.is_(None), columns.to_ms > period.from_ms))
        .order_by(columns.from_ms)
    )
    if gateway is not None:
        query = query.where(columns.gateway == gateway)
    found: dict[str, _GatewaySeries] = {}
    # Rows are unpacked: a month of a city has 100,000, and reading them by attribute is slower.
    for id_, camera, layer, state, detail, from_ms, to_ms, ward in connection.execute(query):
        series = found.get(id_)
        if series is None:
            series = found[id_] = _GatewaySeries(id_, ward)
        interval = StateInterval(from_ms, to_ms, state, detail)
        if layer == Layer.LINK:
            series.link.append(interval)
        else:
            series.cameras[camera].setdefault(LAYERS[layer], []).append(interval)
    return list(found.values())


def _camera(
    gateway: str, camera: str, series: dict[Layer, list[StateInterval]], period: TimeSpan
) -> CameraAvailability:
    spans = camera_spans(series, period)
    return CameraAvailability(gateway, camera, totals_of(spans), tuple(spans))


def _outages(
    found: _GatewaySeries, cameras: Sequence[CameraAvailability], period: TimeSpan
) -> list[OutageEntry]:
    def entry(camera: str, span: ConditionSpan) -> OutageEntry:
        return OutageEntry(found.ward, found.gateway, camera, span, span.to_ms == period.to_ms)

    outages = [entry("", span) for span in gateway_spans(found.link, period)]
    for camera in cameras:
        outages += [entry(camera.camera, span) for span in camera.spans if span.condition in OF_CAMERA]
    return sorted(outages, key=lambda each: (each.span.from_ms, each.camera))
