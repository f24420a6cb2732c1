"""The route of a journey on the map of sites, as coordinates for inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from edge_central.console.fleet import Fleet, SiteOverview
from edge_central.journeys.model import JourneyStep
from edge_central.web.pages.charts import SiteMap, SiteMarker, site_map

NEAR_DEGREES = 0.012
"""Sites within this distance of the route are drawn too: some 1,300 m."""


@dataclass(frozen=True, slots=True)
class RouteStop:
    """A site of the route. ``numbers``: the numbers of its steps, from 1, with commas between them; and when
    the first of these steps began."""

    numbers: str
    start_ms: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class RouteMap:
    map: SiteMap
    stops: tuple[RouteStop, ...]
    points: str  # of a polyline through the stops, in the order of the steps
    missing: int  # number of steps at sites without a location


def route_map(fleet: Fleet, route: Sequence[JourneyStep]) -> RouteMap | None:
    """Draw the map of a route. ``route``: confirmed steps by time. None: no site of it has a location."""
    nearby = _nearby(fleet, {each.match.gateway for each in route})
    drawn = site_map(replace(fleet, sites=nearby)) if nearby else None
    spots = {} if drawn is None else {each.site.id: each for each in drawn.spots}
    visited: dict[str, list[int]] = {}
    for number, step in enumerate(route, 1):
        visited.setdefault(step.match.gateway, []).append(number)
    shown = {gateway: numbers for gateway, numbers in visited.items() if gateway in spots}
    if drawn is None or not shown:
        return None
    stops = tuple(_stop(spots[gateway], numbers, route) for gateway, numbers in shown.items())
    line = [spots[step.match.gateway] for step in route if step.match.gateway in spots]
    points = " ".join(f"{spot.x:g},{spot.y:g}" for spot, _ in groupby(line))
    return RouteMap(drawn, stops, points, len(route) - len(line))


def _nearby(fleet: Fleet, gateways: set[str]) -> tuple[SiteOverview, ...]:
    route = [site for site in fleet.sites if site.id in gateways and site.latitude is not None]
    if not route:
        return ()
    south, north = _range([site.latitude or 0.0 for site in route])
    west, east = _range([site.longitude or 0.0 for site in route])
    return tuple(
        site
        for site in fleet.sites
        if site.latitude is not None
        and site.longitude is not None
        and south <= site.latitude <= north
        and west <= site.longitude <= east
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    return min(values) - NEAR_DEGREES, max(values) + NEAR_DEGREES


def _stop(spot: SiteMarker, numbers: Sequence[int], route: Sequence[JourneyStep]) -> RouteStop:
    start_ms = route[numbers[0] - 1].match.start_ms
    return RouteStop(", ".join(map(str, numbers)), start_ms, spot.x, spot.y)
