"""Overview, ward, map, search: the fleet as it is now.

One site: its cameras with their newest pictures, its box over time, its events.
"""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from edge_central.console.alarm_queue import read_alarm_queue
from edge_central.console.events import EventFilter, StoredMedia, latest_pictures, read_events
from edge_central.console.fleet import (
    FULL_PERCENT,
    HOT_C,
    AttentionLevel,
    CameraVisibility,
    Fleet,
    SiteOverview,
    read_fleet,
)
from edge_central.console.history import GatewayHistory, read_history
from edge_central.console.search import search
from edge_central.console.situation import find_situation
from edge_central.store.media_folder import MediaFolder
from edge_central.web.http_errors import NotFound
from edge_central.web.pages.charts import LineChart, line_chart, site_map
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

NEWEST = 14
"""Events on the overview."""
MOST_TYPED = 100


def overview_page(visit: UserRequestContext) -> Response:
    now = fleet_of(visit)
    page = read_events(visit.connection, visit.scope, EventFilter(), size=NEWEST)
    return visit.render(
        "overview.html",
        fleet=now,
        situation=find_situation(now),
        hands=sites_of_level(now, AttentionLevel.ACTION),
        look=sites_of_level(now, AttentionLevel.CHECK),
        rows=page.rows,
        names=visit.names,
        desk=read_alarm_queue(visit.connection, visit.scope, visit.now_ms),
    )


def ward_page(visit: UserRequestContext) -> Response:
    ward = visit.path("ward")
    scope = visit.ward(ward)
    now = read_fleet(visit.connection, visit.names, scope, visit.now_ms)
    if not now.sites:
        raise NotFound
    rows = read_events(visit.connection, scope, EventFilter(), size=NEWEST).rows
    return visit.render(
        "ward.html",
        ward=now.wards[0],
        sites=worst_first(now),
        situation=find_situation(now),
        rows=rows,
        names=visit.names,
    )


def map_page(visit: UserRequestContext) -> Response:
    ward = visit.query("ward")
    scope = visit.scope if ward is None else visit.ward(ward)
    now = read_fleet(visit.connection, visit.names, scope, visit.now_ms)
    return visit.render(
        "map.html",
        map=site_map(now),
        scale_m=500 if ward is None else 200,
        fleet=now,
        chosen=ward,
        wards=fleet_of(visit).wards if ward is not None else now.wards,
        hands=sites_of_level(now, AttentionLevel.ACTION),
        look=sites_of_level(now, AttentionLevel.CHECK),
        situation=find_situation(now),
        names=visit.names,
    )


def search_page(visit: UserRequestContext) -> Response:
    """Search; a single result is opened at once."""
    text = (visit.query("q") or "")[:MOST_TYPED]
    hits = search(fleet_of(visit), text)
    if len(hits) == 1:
        only = hits[0]
        return visit.redirect(f"/wards/{only.ward}" if only.site is None else f"/sites/{only.site.id}")
    return visit.render("search.html", text=text, hits=hits, names=visit.names)


def fleet_of(visit: UserRequestContext) -> Fleet:
    return read_fleet(visit.connection, visit.names, visit.scope, visit.now_ms)


def sites_of_level(now: Fleet, level: AttentionLevel) -> list[SiteOverview]:
    """The most recent change first."""
    found = [site for site in now.sites if site.level is level]
    return sorted(found, key=lambda site: -newest_fault_ms(site))


def worst_first(now: Fleet) -> list[SiteOverview]:
    order = {
        AttentionLevel.ACTION: 0,
        AttentionLevel.CHECK: 1,
        AttentionLevel.AWAY: 2,
        AttentionLevel.NORMAL: 3,
    }
    return sorted(now.sites, key=lambda site: (order[site.level], site.id))


def newest_fault_ms(site: SiteOverview) -> int:
    down = [camera.since_ms or 0 for camera in site.cameras if camera.visibility is CameraVisibility.OFFLINE]
    return max([*down, 0]) or site.since_ms or 0


PAGES = (
    Page("/", overview_page),
    Page("/wards/{ward}", ward_page),
    Page("/map", map_page),
    Page("/search", search_page),
)


DAY_MS = 86_400_000
RANGES = {"1": 1, "7": 7, "30": 30}
NEWEST_OF_SITE = 12
MOST_ITEMS = 20
"""Of what is open, on the page of its own site."""


def site_page(visit: UserRequestContext) -> Response:
    gateway = visit.path("gateway")
    site = read_fleet(visit.connection, visit.names, visit.scope, visit.now_ms, gateway).site(gateway)
    if site is None:
        raise NotFound
    scope = visit.scope.narrowed(site.ward)
    days = RANGES.get(visit.query("days") or "1", 1)
    past = read_history(visit.connection, scope, gateway, visit.now_ms - days * DAY_MS, visit.now_ms)
    own = read_alarm_queue(visit.connection, scope, visit.now_ms, gateway=gateway, per_gateway=MOST_ITEMS)
    return visit.render(
        "site.html",
        site=site,
        names=visit.names,
        pictures=latest_pictures(
            visit.connection,
            scope,
            gateway,
            [camera.id for camera in site.cameras],
            partial(_is_picture, visit),
        ),
        plots=health_charts(past),
        rates=[line_chart(each, past.from_ms, past.to_ms, 0.0, 10.0) for each in past.cameras],
        days=days,
        ranges=RANGES,
        rows=read_events(visit.connection, scope, EventFilter(gateway=gateway), size=NEWEST_OF_SITE).rows,
        items=own.items,
    )


def _is_picture(visit: UserRequestContext, media: StoredMedia) -> bool:
    """By its file's name; a sealed one may be anything."""
    path = MediaFolder(visit.services.pictures).path(media.gateway, media.sha256, media.sealed)
    return media.sealed or path.suffix == ".jpg"


def health_charts(past: GatewayHistory) -> list[LineChart]:
    return [
        line_chart(past.temperature, past.from_ms, past.to_ms, 40.0, 80.0, HOT_C),
        line_chart(past.disk, past.from_ms, past.to_ms, 0.0, 100.0, FULL_PERCENT),
        line_chart(past.outbox, past.from_ms, past.to_ms, 0.0, 10.0),
        line_chart(past.memory, past.from_ms, past.to_ms, 0.0, 100.0),
    ]


SITE_PAGES = (Page("/sites/{gateway}", site_page),)
