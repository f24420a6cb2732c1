"""One site: its cameras with their newest pictures, its box over time, its events."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from edge_central.console.desk import read_alarm_queue
from edge_central.console.events import EventFilter, StoredMedia, latest_pictures, read_events
from edge_central.console.fleet import FULL_PERCENT, HOT_C, read_fleet
from edge_central.console.history import GatewayHistory, read_history
from edge_central.store.pictures import MediaFolder
from edge_central.web.front import Page
from edge_central.web.pages.drawn import LineChart, line_chart
from edge_central.web.refusals import NotFound
from edge_central.web.visit import UserRequestContext

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
    own = read_alarm_queue(visit.connection, scope, visit.now_ms, gateway=gateway, of_one=MOST_ITEMS)
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
