"""Pages of the fleet as it is now: overview, ward, map, search, and one site with its pictures and plots."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from edge_central.availability.model import TimeSpan
from edge_central.availability.report import counted_period, read_availability
from edge_central.commands.draft import CLIP_S
from edge_central.commands.records import list_commands
from edge_central.console.alarms.model import QueueFilter
from edge_central.console.alarms.queue import counts_by_ward, read_queue
from edge_central.console.event_list import EventFilter, read_events
from edge_central.console.events import StoredMedia, latest_pictures, papers_of
from edge_central.console.fleet import (
    FULL_PERCENT,
    HOT_C,
    WORST_FIRST,
    AttentionLevel,
    CameraVisibility,
    Fleet,
    SiteOverview,
)
from edge_central.console.history import Series, read_history
from edge_central.console.search import search
from edge_central.console.situation import find_situation
from edge_central.console.wall import column_count, ward_cards
from edge_central.store.centres import running_key
from edge_central.store.database import read_record
from edge_central.store.media_folder import MediaFolder
from edge_central.store.papers import MAX_PAPERS
from edge_central.store.scope import Scope
from edge_central.web.http_errors import NotFound
from edge_central.web.pages.availability.timelines import CameraTimeline, camera_timelines
from edge_central.web.pages.charts import LineChart, line_chart, site_map
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

NEWEST = 14  # number of events on the overview, the newest
MOST_TYPED = 100
MAX_RESULTS = 20
"""Maximum number of results on the page of a search, which says how many more there are."""
DAY_MS = 86_400_000
RANGES = {"1": 1, "7": 7, "30": 30}
NEWEST_OF_SITE = 12
MOST_COMMANDS = 5  # number of commands on the page of one site, the newest
STALE_MS = 60_000  # a running ingest updates its status row every ten seconds
MOST_ITEMS = 20  # maximum number of open items on the page of one site


def overview_page(visit: UserRequestContext) -> Response:
    now = visit.fleet()
    return visit.render(
        "overview.html",
        fleet=now,
        situation=find_situation(now),
        to_act=sites_of_level(now, AttentionLevel.ACTION),
        to_check=sites_of_level(now, AttentionLevel.CHECK),
        rows=read_events(visit.connection, visit.scope, EventFilter(), size=NEWEST).rows,
    )


def wall_page(visit: UserRequestContext) -> Response:
    """Return a page for one large screen with all wards, the worst first."""
    now = visit.fleet()
    to_act = sites_of_level(now, AttentionLevel.ACTION)
    counts = counts_by_ward(visit.connection, visit.scope, visit.now_ms)
    cards = ward_cards(now, counts, to_act)
    return visit.render(
        "wall.html",
        fleet=now,
        situation=find_situation(now),
        to_act=to_act,
        cards=cards,
        columns=column_count(len(cards)),
        receiving=_is_receiving(visit),
    )


class _IngestRecord(msgspec.Struct):
    """The fields of the ingest's status row."""

    time_ms: int
    connected: bool


def _is_receiving(visit: UserRequestContext) -> bool:
    """Whether the centre receives and stores messages; true before it has ever run."""
    record = read_record(visit.connection, running_key(visit.services.settings.id), _IngestRecord)
    return record is None or (record.connected and visit.now_ms - record.time_ms < STALE_MS)


def ward_page(visit: UserRequestContext) -> Response:
    scope = visit.ward(visit.path("ward"))
    now = visit.fleet(scope)
    if not now.sites:
        raise NotFound
    return visit.render(
        "ward.html",
        ward=now.wards[0],
        sites=sorted(now.sites, key=lambda site: (WORST_FIRST.index(site.level), site.id)),
        situation=find_situation(now),
        rows=read_events(visit.connection, scope, EventFilter(), size=NEWEST).rows,
    )


def map_page(visit: UserRequestContext) -> Response:
    ward = visit.query("ward")
    now = visit.fleet(None if ward is None else visit.ward(ward))
    return visit.render(
        "map.html",
        map=site_map(now),
        scale_m=500 if ward is None else 200,
        fleet=now,
        chosen=ward,
        wards=now.wards if ward is None else visit.fleet().wards,
        to_act=sites_of_level(now, AttentionLevel.ACTION),
        to_check=sites_of_level(now, AttentionLevel.CHECK),
        situation=find_situation(now),
    )


def search_page(visit: UserRequestContext) -> Response:
    """Search the fleet; if there is a single result, redirect to it."""
    text = (visit.query("q") or "")[:MOST_TYPED]
    results = search(visit.fleet(), text)
    if len(results) == 1:
        only = results[0]
        return visit.redirect(f"/wards/{only.ward}" if only.site is None else f"/sites/{only.site.id}")
    more = len(results) - MAX_RESULTS
    return visit.render("search.html", text=text, results=results[:MAX_RESULTS], more=more)


def sites_of_level(now: Fleet, level: AttentionLevel) -> list[SiteOverview]:
    """Return the sites with this level of urgency, the most recent fault first."""

    def fault_ms(site: SiteOverview) -> int:
        down = [each.since_ms or 0 for each in site.cameras if each.visibility is CameraVisibility.OFFLINE]
        return max([*down, 0]) or site.since_ms or 0

    return sorted((site for site in now.sites if site.level is level), key=fault_ms, reverse=True)


def site_page(visit: UserRequestContext) -> Response:
    gateway = visit.path("gateway")
    site = visit.fleet(gateway=gateway).site(gateway)
    if site is None:
        raise NotFound
    scope = visit.scope.narrowed(site.ward)
    days = RANGES.get(visit.query("days") or "1", 1)
    past = read_history(visit.connection, scope, gateway, visit.now_ms - days * DAY_MS, visit.now_ms)
    own = QueueFilter(gateway=gateway)
    folder = MediaFolder(visit.services.settings.media_dir)

    def plot(series: Series, floor: float, ceiling: float, limit: float | None = None) -> LineChart:
        zone = visit.services.console.timezone
        return line_chart(series, past.from_ms, past.to_ms, floor, ceiling, limit, timezone=zone)

    def is_picture(media: StoredMedia) -> bool:
        """Whether the file is a picture, by its name; a sealed file may be anything."""
        return media.sealed or folder.path(media.gateway, media.sha256, False).suffix == ".jpg"

    return visit.render(
        "site.html",
        site=site,
        timelines=_timelines(visit, scope, gateway, TimeSpan(past.from_ms, past.to_ms)),
        pictures=latest_pictures(
            visit.connection, scope, gateway, [camera.id for camera in site.cameras], is_picture
        ),
        papers=papers_of(visit.connection, scope, gateway),
        most_papers=MAX_PAPERS,
        plots=[
            plot(past.temperature, 40.0, 80.0, HOT_C),
            plot(past.disk, 0.0, 100.0, FULL_PERCENT),
            plot(past.outbox, 0.0, 10.0),
            plot(past.memory, 0.0, 100.0),
        ],
        rates=[plot(each, 0.0, 10.0) for each in past.cameras],
        days=days,
        ranges=RANGES,
        rows=read_events(visit.connection, scope, EventFilter(gateway=gateway), size=NEWEST_OF_SITE).rows,
        queue=read_queue(visit.connection, scope, visit.now_ms, own, size=MOST_ITEMS),
        clip_s=CLIP_S,
        commands=list_commands(visit.connection, scope, gateway, MOST_COMMANDS),
    )


def _timelines(
    visit: UserRequestContext, scope: Scope, gateway: str, period: TimeSpan
) -> list[CameraTimeline]:
    counted = counted_period(visit.connection, visit.services.settings.id, period, visit.now_ms)
    if counted.to_ms <= counted.from_ms:
        return []
    report = read_availability(visit.connection, scope, counted, gateway, now_ms=visit.now_ms)
    timezone = visit.services.console.timezone
    return [line for site in report.sites for line in camera_timelines(site, period, timezone)]


PAGES = (
    Page("/", overview_page),
    Page("/wall", wall_page),
    Page("/wards/{ward}", ward_page),
    Page("/map", map_page),
    Page("/search", search_page),
    Page("/sites/{gateway}", site_page),
)
