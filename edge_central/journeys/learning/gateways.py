"""Chooses the gateways that are asked for times, and those whose cameras are neighbours."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from edge_central.console.documents import parse_birth
from edge_central.console.site_names import Names
from edge_central.searches.geography import Place, distance_m, site_place
from edge_central.store import tables


@dataclass(frozen=True, slots=True)
class LearningGateway:
    """A gateway that is online. ``place`` is None if neither the sheet nor the birth has its coordinates."""

    id: str
    ward: str
    cameras: tuple[str, ...]
    place: Place | None = None

    def is_within(self, reach_m: float, other: LearningGateway) -> bool:
        if self.id == other.id:
            return True
        if self.place is None or other.place is None:
            return False
        return distance_m(self.place, other.place) <= reach_m


def online_gateways(
    connection: Connection, wards: Collection[str], names: Names
) -> tuple[list[LearningGateway], list[str]]:
    """Return the gateways of these wards that are online, and the ids of those that are not."""
    columns = tables.gateway.c
    query = select(tables.gateway).where(columns.ward.in_(sorted(wards)), columns.birth.is_not(None))
    online, away = list[LearningGateway](), list[str]()
    for row in connection.execute(query.order_by(columns.id)):
        if row.state != "online":
            away.append(row.id)
            continue
        cameras = tuple(dict.fromkeys(camera.id for camera in parse_birth(row.birth).cameras))
        online.append(LearningGateway(row.id, row.ward, cameras, site_place(names, row.id, row.birth)))
    return online, away


def with_neighbours(gateways: Sequence[LearningGateway], reach_m: float) -> list[LearningGateway]:
    """Return the gateways that have at least one pair of cameras: two cameras of the gateway, or one of its
    cameras and one of another gateway within reach."""
    with_cameras = [each for each in gateways if each.cameras]
    return [
        each
        for each in with_cameras
        if len(each.cameras) > 1
        or any(each.is_within(reach_m, other) for other in with_cameras if other is not each)
    ]


def neighbours(
    gateway: LearningGateway, gateways: Sequence[LearningGateway], reach_m: float
) -> Iterator[LearningGateway]:
    """Return the gateway itself and the gateways within reach."""
    return (other for other in gateways if gateway.is_within(reach_m, other))
