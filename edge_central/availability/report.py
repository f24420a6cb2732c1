"""Reads the availability of sites and cameras in a period, and of single cameras for a timeline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from edge_central.availability.interval_reader import GatewayIntervals, read_intervals, with_context
from edge_central.availability.model import Condition, TimeSpan
from edge_central.availability.recorder import alive_key
from edge_central.availability.timeline import ConditionSpan, ConditionTotals, gateway_spans, totals_of
from edge_central.store.database import read_meta
from edge_central.store.scope import Scope

NOT_ALIVE_MS = 60_000
"""The centre stores its time every ten seconds while it listens; if this time is older than the limit, the
centre does not run."""
FIRST_YEAR, LAST_YEAR = 2000, 2099
OF_CAMERA = (Condition.CAMERA, Condition.TAMPER)
"""Outages of a single camera. All other outages concern all cameras of the gateway."""


@dataclass(frozen=True, slots=True)
class OutageEntry:
    """One outage; ``camera`` is empty when it concerns all cameras of the gateway."""

    ward: str
    gateway: str
    camera: str
    span: ConditionSpan
    lasts: bool  # it has no end yet, or no end within the period


@dataclass(frozen=True, slots=True)
class CameraAvailability:
    gateway: str
    camera: str
    totals: ConditionTotals
    spans: tuple[ConditionSpan, ...]


@dataclass(frozen=True, slots=True)
class CameraBelowTarget:
    """A camera with less usable time than agreed."""

    ward: str
    camera: CameraAvailability


@dataclass(frozen=True, slots=True)
class SiteAvailability:
    gateway: str
    ward: str
    totals: ConditionTotals  # of all its cameras
    cameras: tuple[CameraAvailability, ...]
    outages: tuple[OutageEntry, ...]  # in order of their begin


@dataclass(frozen=True, slots=True)
class AvailabilityReport:
    """How long each camera and gateway was available in a period, by ward and gateway.

    ``period``: the counted time, which ends at the present at the latest. A report from day sums has no
    spans, and has outages only if the caller asked for them.
    """

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

    @property
    def camera_count(self) -> int:
        return sum(len(site.cameras) for site in self.sites)

    def below_target(self, target_percent: float) -> list[CameraBelowTarget]:
        """Return the cameras that miss the target, those with the most missing time first."""
        found = [
            CameraBelowTarget(site.ward, camera)
            for site in self.sites
            for camera in site.cameras
            if camera.totals.is_below(target_percent)
        ]
        return sorted(found, key=lambda each: -each.camera.totals.missed_ms(target_percent))

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
    """Return ``period``, cut off at the present or, if the centre does not run, at the time when it last
    ran."""
    until_ms = now_ms
    alive = read_meta(connection, alive_key(central_id))
    if alive is not None and now_ms - int(alive) > NOT_ALIVE_MS:
        until_ms = int(alive)
    return TimeSpan(period.from_ms, max(period.from_ms, min(period.to_ms, until_ms)))


def read_availability(
    connection: Connection,
    scope: Scope,
    period: TimeSpan,
    gateway: str | None = None,
    *,
    now_ms: int | None = None,
) -> AvailabilityReport:
    """Return the availability of all sites in this scope, or of one ``gateway``, with spans and outages.
    ``now_ms``: the time up to which intervals are known; None: the end of the period."""
    until_ms = period.to_ms if now_ms is None else now_ms
    sites = []
    for found in read_intervals(connection, scope, with_context(period, until_ms), gateway):
        cameras = [
            CameraAvailability(found.gateway, camera, totals_of(spans), tuple(spans))
            for camera, spans in found.spans(period, until_ms).items()
            if spans
        ]
        if cameras:
            outages = outage_entries(found, {each.camera: each.spans for each in cameras}, period)
            sites.append(make_site(found.gateway, found.ward, cameras, outages))
    sites.sort(key=lambda site: (site.ward, site.gateway))
    return AvailabilityReport(period, tuple(sites))


def make_site(
    gateway: str, ward: str, cameras: Sequence[CameraAvailability], outages: Sequence[OutageEntry] = ()
) -> SiteAvailability:
    totals = ConditionTotals()
    for camera in cameras:
        totals.add(camera.totals)
    return SiteAvailability(gateway, ward, totals, tuple(cameras), tuple(outages))


def outage_entries(
    found: GatewayIntervals, spans: Mapping[str, Sequence[ConditionSpan]], period: TimeSpan
) -> tuple[OutageEntry, ...]:
    """Return the outages of a gateway and of its cameras, sorted by their start. ``spans``: the conditions of
    each camera, of which only the outages of that single camera are used."""

    def entry(camera: str, span: ConditionSpan) -> OutageEntry:
        return OutageEntry(found.ward, found.gateway, camera, span, span.to_ms == period.to_ms)

    outages = [entry("", span) for span in gateway_spans(found.link, period)]
    for camera, of_camera in spans.items():
        outages += [entry(camera, span) for span in of_camera if span.condition in OF_CAMERA]
    return tuple(sorted(outages, key=lambda each: (each.span.from_ms, each.camera)))
