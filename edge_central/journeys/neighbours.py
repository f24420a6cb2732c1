"""The cameras at which a passage may be seen next, or was seen before, and when.

Neighbours are the cameras of the same gateway, those of the sites within a reach, and those with a learnt
travel time. A learnt time gives a narrow time window; without one, the window follows from the distance on
the map.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from edge_central.console.documents import parse_birth, parse_heartbeat
from edge_central.console.site_names import Names
from edge_central.journeys.model import Way
from edge_central.journeys.travel_times import TravelTime, read_travel_times
from edge_central.searches.geography import Place, bearing_deg, distance_m, site_place
from edge_central.searches.matches import PassageMatch
from edge_central.searches.new_search import can_be_asked
from edge_central.store import tables
from edge_central.store.scope import Scope

DEFAULT_REACH_M, MAX_REACH_M = 900.0, 5_000.0
MAX_GATEWAYS = 60
"""Limit for the gateways in the reader's wards, and separately for those in other wards: gateways with learnt
times first, then the nearest."""
SPEEDS_KM_H: Mapping[str | None, tuple[float, float]] = {
    "person": (2.0, 8.0),
    "two-wheeler": (5.0, 50.0),
    "vehicle": (5.0, 50.0),
    None: (2.0, 50.0),
}
"""Slowest and fastest speed between two sites. Chosen, not measured."""
ROAD_FACTOR = 1.6
"""The road is at most this many times as long as the straight line. Chosen, not measured."""
VIEW_M = 100.0
"""A camera sees objects up to this far from the place of its site on the map."""
SLACK_S = 15.0
"""Added to each side of a window, because clocks of two gateways differ and views overlap."""
SYNCED_S = 2.0
"""Synchronised clocks of two gateways differ by less than this. Chosen, not measured."""
WIDENED = 2.0
"""A learnt window is widened by this power: from the quantiles 0.1 and 0.9 to about 0.005 and 0.995."""
MAX_TRAVEL_S = 7_200.0
_ID = re.compile(r"[a-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A camera at which the object may be seen: ``low_s`` to ``high_s`` after the passage ended, or before it
    began."""

    gateway: str
    ward: str
    camera: str
    is_yours: bool  # the ward is in the reader's scope
    distance_m: float | None  # in a straight line; None: a site has no place on the map
    bearing_deg: float | None  # from the passage; clockwise from north; None: same site
    learnt: TravelTime | None
    low_s: float
    high_s: float

    @property
    def key(self) -> tuple[str, str]:
        return self.gateway, self.camera


@dataclass(frozen=True, slots=True)
class _Site:
    gateway: str
    ward: str
    cameras: frozenset[str]
    place: Place | None


def neighbours_of(
    connection: Connection,
    scope: Scope,
    names: Names,
    match: PassageMatch,
    way: Way,
    now_ms: int,
    reach_m: float = DEFAULT_REACH_M,
) -> list[Neighbour]:
    """Return the neighbours of the camera of a passage: those with a learnt time first, then by distance.
    Cameras of wards outside the scope are included, with ``is_yours`` false."""
    backward = way is Way.BACKWARD
    pairs = read_travel_times(connection, match.gateway, match.camera, match.group, arriving=backward)
    learnt = {
        (pair.from_gateway, pair.from_camera) if backward else (pair.to_gateway, pair.to_camera): pair
        for pair in pairs
        if match.group is not None
    }
    sites = _sites(connection, names, now_ms)
    here = sites.get(match.gateway)
    found = list(_near(sites, here, match, learnt, scope, reach_m)) if here is not None else []
    found.sort(key=lambda each: (each.learnt is None, each.distance_m or 0.0, each.gateway, each.camera))
    allowed = set[str]()
    for is_yours in (True, False):
        gateways = dict.fromkeys(each.gateway for each in found if each.is_yours is is_yours)
        allowed.update(list(gateways)[:MAX_GATEWAYS])
    return [each for each in found if each.gateway in allowed]


def _near(
    sites: Mapping[str, _Site],
    here: _Site,
    match: PassageMatch,
    learnt: Mapping[tuple[str, str], TravelTime],
    scope: Scope,
    reach_m: float,
) -> Iterator[Neighbour]:
    for site in sites.values():
        same = site.gateway == here.gateway
        placed = site.place is not None and here.place is not None
        distance = 0.0 if same else _distance(here, site)
        near = distance is not None and distance <= reach_m
        for camera in sorted(site.cameras):
            pair = learnt.get((site.gateway, camera))
            if (same and camera == match.camera) or (pair is None and not near):
                continue
            low_s, high_s = learnt_window(pair) if pair else map_window(match.group, distance or 0.0)
            bearing = None
            if placed and not same and here.place is not None and site.place is not None:
                bearing = bearing_deg(here.place, site.place)
            yield Neighbour(
                site.gateway, site.ward, camera, scope.admits(site.ward),
                distance, bearing, pair, low_s, high_s,
            )  # fmt: skip


def _distance(here: _Site, there: _Site) -> float | None:
    return None if here.place is None or there.place is None else distance_m(here.place, there.place)


def _sites(connection: Connection, names: Names, now_ms: int) -> dict[str, _Site]:
    columns = tables.gateway.c
    query = select(columns.id, columns.ward, columns.birth, columns.heartbeat).where(can_be_asked(now_ms))
    return {row.id: _site(row, names) for row in connection.execute(query.order_by(columns.id))}


def _site(row: Any, names: Names) -> _Site:
    named = {camera.id for camera in parse_birth(row.birth).cameras}
    named |= parse_heartbeat(row.heartbeat).cameras.keys()
    return _Site(row.id, row.ward, _valid(named), site_place(names, row.id, row.birth))


def _valid(cameras: Iterable[str]) -> frozenset[str]:
    """Return the camera names that a question may contain: a gateway may report any text as a name."""
    return frozenset(sorted(each for each in cameras if _ID.fullmatch(each))[:64])


def learnt_window(pair: TravelTime) -> tuple[float, float]:
    """Return the widened window of a learnt travel time, seconds. Views that overlap have times below 0,
    which are shifted above 0 before the power is applied."""
    shift = shift_of(pair)
    median = pair.median_s + shift
    low = median * ((pair.low_s + shift) / median) ** WIDENED - shift
    high = median * ((pair.high_s + shift) / median) ** WIDENED - shift
    return max(low - SLACK_S, -SLACK_S + min(0.0, pair.low_s)), min(high + SLACK_S, MAX_TRAVEL_S)


def shift_of(pair: TravelTime) -> float:
    """Return the seconds to add to the travel times of this pair, so that they are above 0."""
    return max(0.0, 1.0 - pair.low_s)


def map_window(group: str | None, distance_m: float) -> tuple[float, float]:
    """Return the window that follows from a distance on the map, seconds: the fastest object on the straight
    line, the slowest on the longest road."""
    slow, fast = (each / 3.6 for each in SPEEDS_KM_H.get(group, SPEEDS_KM_H[None]))
    low = max(0.0, distance_m - VIEW_M) / fast
    high = (distance_m * ROAD_FACTOR + VIEW_M) / slow
    return low - SLACK_S, min(high + SLACK_S, MAX_TRAVEL_S)


def gap_s(match: PassageMatch, candidate: PassageMatch, way: Way) -> float:
    """Return the seconds from the end of the earlier passage to the start of the later one."""
    first, second = (match, candidate) if way is Way.FORWARD else (candidate, match)
    return (second.start_ms - first.start_ms) / 1000 - first.for_s


def is_in_order(match: PassageMatch, candidate: PassageMatch, way: Way) -> bool:
    """Return whether the later passage begins after the earlier one, as far as the clocks can say. On one
    gateway the order is exact; between gateways the clocks may differ by SYNCED_S, or by SLACK_S if one was
    not synchronised. An object may come to the second camera before it has left the first, but not before it
    has come to the first."""
    first, second = (match, candidate) if way is Way.FORWARD else (candidate, match)
    slack_s = SLACK_S if "unsynced" in (match.clock, candidate.clock) else SYNCED_S
    if match.gateway == candidate.gateway:
        slack_s = 0.0
    return second.start_ms - first.start_ms >= -1000 * slack_s


def window_ms(match: PassageMatch, low_s: float, high_s: float, way: Way) -> tuple[int, int]:
    """Return the time window in which a candidate begins (forward) or ends (backward), milliseconds since
    1970."""
    if way is Way.FORWARD:
        end_ms = match.start_ms + round(match.for_s * 1000)
        return end_ms + round(low_s * 1000), end_ms + round(high_s * 1000)
    return match.start_ms - round(high_s * 1000), match.start_ms - round(low_s * 1000)
