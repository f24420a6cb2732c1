"""Distances and bearings between sites, and where a site is. Pure.

A spherical Earth is assumed; its error is below 0.6 %.
"""

from __future__ import annotations

import math

from edge_central.console.documents import parse_birth
from edge_central.console.site_names import Names

EARTH_M = 6_371_000.0

Place = tuple[float, float]
"""Latitude and longitude, degrees, WGS 84."""


def distance_m(here: Place, there: Place) -> float:
    """Return the straight distance on the ground, by the haversine formula."""
    latitude, other = math.radians(here[0]), math.radians(there[0])
    chord = math.sin((other - latitude) / 2) ** 2
    turned = math.radians(there[1] - here[1])
    chord += math.cos(latitude) * math.cos(other) * math.sin(turned / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, chord)))


def bearing_deg(here: Place, there: Place) -> float:
    """Return the direction from ``here`` to ``there``, 0..360 clockwise from north, for distances within a
    city."""
    north = there[0] - here[0]
    east = (there[1] - here[1]) * math.cos(math.radians(here[0]))
    return math.degrees(math.atan2(east, north)) % 360


def site_place(names: Names, gateway: str, birth: bytes | None) -> Place | None:
    """Return the location of a site: from the fleet's sheet, else from the gateway's birth. None: neither has
    one."""
    site, location = names.site(gateway), parse_birth(birth).location
    latitude, longitude = site.latitude, site.longitude
    if (latitude is None or longitude is None) and location is not None:
        latitude, longitude = location.latitude, location.longitude
    return None if latitude is None or longitude is None else (latitude, longitude)
