"""History of a gateway for plots: temperature, disk, memory, outbox, and frames per second of cameras."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from edge_agent.wire.received.bounds import MAX_ITEMS, bounded_number
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_POINTS = 5_000  # more than a month, at ten minutes per point


@dataclass(frozen=True, slots=True)
class Series:
    """``points`` are (milliseconds since 1970, value) in ascending order; a missing value is None."""

    name: str
    unit: str
    points: tuple[tuple[int, float | None], ...]

    @property
    def newest(self) -> float | None:
        return next((value for _, value in reversed(self.points) if value is not None), None)


@dataclass(frozen=True, slots=True)
class GatewayHistory:
    from_ms: int
    to_ms: int
    temperature: Series
    disk: Series
    memory: Series
    outbox: Series
    cameras: tuple[Series, ...]  # by id

    @property
    def is_empty(self) -> bool:
        return not self.temperature.points


def read_history(
    connection: Connection, scope: Scope, gateway: str, from_ms: int, to_ms: int
) -> GatewayHistory:
    columns, gateway_columns = tables.health.c, tables.gateway.c
    query = (
        select(tables.health)
        .join_from(tables.health, tables.gateway, gateway_columns.id == columns.gateway)
        .where(columns.gateway == gateway, scope.of(gateway_columns.ward))
        .where(columns.slot_ms >= from_ms, columns.slot_ms < to_ms)
        .order_by(columns.slot_ms.desc())
        .limit(MAX_POINTS)
    )
    rows = connection.execute(query).all()[::-1]
    rates: dict[str, list[tuple[int, float | None]]] = {}
    for row in rows:
        for camera, rate in _rates(row.cameras).items():
            rates.setdefault(camera, []).append((row.slot_ms, rate))

    def one(name: str, unit: str) -> Series:
        return Series(name, unit, tuple((row.slot_ms, bounded_number(getattr(row, name))) for row in rows))

    return GatewayHistory(
        from_ms,
        to_ms,
        one("temperature_c", "°C"),
        one("disk_percent", "%"),
        one("memory_percent", "%"),
        one("outbox_depth", ""),
        tuple(Series(camera, "fps", tuple(rates[camera])) for camera in sorted(rates)),
    )


def _rates(text: str) -> dict[str, float | None]:
    """Frame rates from ``{"cam-1": ["online", 10.0], ...}``; 0 for an offline camera."""
    try:
        found = json.loads(text)
        return {
            str(camera): bounded_number(float(rate)) if state != "offline" else 0.0
            for camera, (state, rate) in list(found.items())[:MAX_ITEMS]
        }
    except (ValueError, TypeError, AttributeError, OverflowError):
        return {}
