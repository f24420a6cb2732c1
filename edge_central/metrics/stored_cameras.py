"""Reads the cameras of gateways from their stored births, for the metrics of a centre that just started."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from edge_central.console.documents import parse_birth
from edge_central.store import tables

_G = tables.gateway.c


def read_cameras(connection: Connection, wards: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return by gateway the ids of the cameras in its newest birth, for all gateways of these wards."""
    births = select(_G.id, _G.birth).where(_G.ward.in_(sorted(wards)), _G.birth.is_not(None))
    return {
        gateway: tuple(camera.id for camera in parse_birth(birth).cameras)
        for gateway, birth in connection.execute(births)
    }
