"""Overview, ward, map, search: the fleet as it is now."""

from __future__ import annotations

from starlette.responses import Response

from edge_central.console.desk import desk
from edge_central.console.events import EventFilter, events
from edge_central.console.fleet import Fleet, Level, Sight, SiteNow, fleet
from edge_central.console.search import search
from edge_central.console.situation import situation
from edge_central.web.front import Page
from edge_central.web.pages.drawn import drawn_map
from edge_central.web.refusals import NotFound
from edge_central.web.visit import Visit

NEWEST = 14
"""Events on the overview."""
MOST_TYPED = 100


def overview_page(visit: Visit) -> Response:
    now = fleet_of(visit)
    page = events(visit.connection, visit.scope, EventFilter(), size=NEWEST)
    return visit.render(
        "overview.html",
        fleet=now,
        situation=situation(now),
        hands=of_level(now, Level.HANDS),
        look=of_level(now, Level.LOOK),
        rows=page.rows,
        names=visit.names,
        desk=desk(visit.connection, visit.scope, visit.now_ms),
    )


def ward_page(visit: Visit) -> Response:
    ward = visit.path("ward")
    scope = visit.ward(ward)
    now = fleet(visit.connection, visit.names, scope, visit.now_ms)
    if not now.sites:
        raise NotFound
    rows = events(visit.connection, scope, EventFilter(), size=NEWEST).rows
    return visit.render(
        "ward.html",
        ward=now.wards[0],
        sites=by_trouble(now),
        situation=situation(now),
        rows=rows,
        names=visit.names,
    )


def map_page(visit: Visit) -> Response:
    ward = visit.query("ward")
    scope = visit.scope if ward is None else visit.ward(ward)
    now = fleet(visit.connection, visit.names, scope, visit.now_ms)
    return visit.render(
        "map.html",
        map=drawn_map(now),
        scale_m=500 if ward is None else 200,
        fleet=now,
        chosen=ward,
        wards=fleet_of(visit).wards if ward is not None else now.wards,
        hands=of_level(now, Level.HANDS),
        look=of_level(now, Level.LOOK),
        situation=situation(now),
        names=visit.names,
    )


def search_page(visit: Visit) -> Response:
    """One hit alone is where one wanted to go."""
    text = (visit.query("q") or "")[:MOST_TYPED]
    hits = search(fleet_of(visit), text)
    if len(hits) == 1:
        only = hits[0]
        return visit.redirect(f"/wards/{only.ward}" if only.site is None else f"/sites/{only.site.id}")
    return visit.render("search.html", text=text, hits=hits, names=visit.names)


def fleet_of(visit: Visit) -> Fleet:
    return fleet(visit.connection, visit.names, visit.scope, visit.now_ms)


def of_level(now: Fleet, level: Level) -> list[SiteNow]:
    """The one that has been so for the shortest time first: what is new is what somebody waits for."""
    found = [site for site in now.sites if site.level is level]
    return sorted(found, key=lambda site: -newest_trouble_ms(site))


def by_trouble(now: Fleet) -> list[SiteNow]:
    order = {Level.HANDS: 0, Level.LOOK: 1, Level.AWAY: 2, Level.CALM: 3}
    return sorted(now.sites, key=lambda site: (order[site.level], site.id))


def newest_trouble_ms(site: SiteNow) -> int:
    down = [camera.since_ms or 0 for camera in site.cameras if camera.sight is Sight.OFFLINE]
    return max([*down, 0]) or site.since_ms or 0


PAGES = (
    Page("/", overview_page),
    Page("/wards/{ward}", ward_page),
    Page("/map", map_page),
    Page("/search", search_page),
)
