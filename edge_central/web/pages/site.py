"""One site: its cameras with their newest pictures, its box over time, its events."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from edge_central.console.desk import desk
from edge_central.console.events import EventFilter, StoredMedia, events, latest_pictures
from edge_central.console.fleet import FULL_PERCENT, HOT_C, fleet
from edge_central.console.history import History, history
from edge_central.store.pictures import Pictures
from edge_central.web.front import Page
from edge_central.web.pages.drawn import Plot, plot
from edge_central.web.refusals import NotFound
from edge_central.web.visit import Visit

DAY_MS = 86_400_000
RANGES = {"1": 1, "7": 7, "30": 30}
NEWEST = 12
MOST_ITEMS = 20
"""Of what is open, on the page of its own site."""


def site_page(visit: Visit) -> Response:
    gateway = visit.path("gateway")
    site = fleet(visit.connection, visit.names, visit.scope, visit.now_ms, gateway).site(gateway)
    if site is None:
        raise NotFound
    scope = visit.scope.narrowed(site.ward)
    days = RANGES.get(visit.query("days") or "1", 1)
    past = history(visit.connection, scope, gateway, visit.now_ms - days * DAY_MS, visit.now_ms)
    own = desk(visit.connection, scope, visit.now_ms, gateway=gateway, of_one=MOST_ITEMS)
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
        plots=plots(past),
        rates=[plot(each, past.from_ms, past.to_ms, 0.0, 10.0) for each in past.cameras],
        days=days,
        ranges=RANGES,
        rows=events(visit.connection, scope, EventFilter(gateway=gateway), size=NEWEST).rows,
        items=own.items,
    )


def _is_picture(visit: Visit, media: StoredMedia) -> bool:
    """By its file's name; a sealed one may be anything."""
    path = Pictures(visit.services.pictures).path(media.gateway, media.sha256, media.sealed)
    return media.sealed or path.suffix == ".jpg"


def plots(past: History) -> list[Plot]:
    return [
        plot(past.temperature, past.from_ms, past.to_ms, 40.0, 80.0, HOT_C),
        plot(past.disk, past.from_ms, past.to_ms, 0.0, 100.0, FULL_PERCENT),
        plot(past.outbox, past.from_ms, past.to_ms, 0.0, 10.0),
        plot(past.memory, past.from_ms, past.to_ms, 0.0, 100.0),
    ]


PAGES = (Page("/sites/{gateway}", site_page),)
