"""Reads the stored intervals of gateways and their cameras."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, not_, or_, select

from edge_central.availability.model import OFF, VIEW_LAYERS, Layer, StateInterval, TimeSpan
from edge_central.availability.timeline import ConditionSpan, camera_spans
from edge_central.store import tables
from edge_central.store.availability_days import CONTEXT_MS
from edge_central.store.scope import Scope

LAYERS = {layer.value: layer for layer in Layer}
_SAYS_NOTHING = and_(
    tables.availability.c.state == OFF,
    tables.availability.c.layer.in_([layer.value for layer in VIEW_LAYERS]),
)
"""A view without a problem counts like a view that was never reported: such rows are not read."""


@dataclass(slots=True)
class GatewayIntervals:
    """The intervals of one gateway and of its cameras by layer, each in the order of time."""

    gateway: str
    ward: str
    link: list[StateInterval] = field(default_factory=list)
    cameras: dict[str, dict[Layer, list[StateInterval]]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def changes(self) -> int:
        """How many changes ``spans`` processes. A change of the link counts once for each camera."""
        of_cameras = (len(intervals) for layers in self.cameras.values() for intervals in layers.values())
        return len(self.link) * len(self.cameras) + sum(of_cameras)

    def spans(self, period: TimeSpan, until_ms: int) -> dict[str, list[ConditionSpan]]:
        """Return the conditions of each camera in ``period``. The intervals must have been read for
        ``with_context(period, until_ms)``."""
        wide = with_context(period, until_ms)
        found = {}
        for camera, layers in sorted(self.cameras.items()):
            spans = camera_spans({Layer.LINK: self.link, **layers}, wide)
            found[camera] = [
                clip_span(span, period) for span in spans if period.overlaps(span.from_ms, span.to_ms)
            ]
        return found


def with_context(period: TimeSpan, until_ms: int) -> TimeSpan:
    """Return ``period``, extended by the time before and after it on which its conditions depend, but not
    beyond ``until_ms``: nothing is known after it."""
    to_ms = max(period.to_ms, min(period.to_ms + CONTEXT_MS, until_ms))
    return TimeSpan(period.from_ms - CONTEXT_MS, to_ms)


def clip_span(span: ConditionSpan, period: TimeSpan) -> ConditionSpan:
    """Return the part of a span that is in ``period``. The two must overlap."""
    if period.from_ms <= span.from_ms and span.to_ms <= period.to_ms:
        return span
    from_ms, to_ms = max(span.from_ms, period.from_ms), min(span.to_ms, period.to_ms)
    return ConditionSpan(from_ms, to_ms, span.condition, span.detail, span.quality)


def read_intervals(
    connection: Connection,
    scope: Scope,
    period: TimeSpan,
    gateway: str | None = None,
    layers: Collection[Layer] | None = None,
) -> list[GatewayIntervals]:
    """Return the intervals that overlap ``period``, of all gateways in this scope or of one ``gateway``.
    ``layers``: only intervals of these layers; they are found quickly also in a long period."""
    columns, of_gateway = tables.availability.c, tables.gateway.c
    query = (
        select(
            *(columns.gateway, columns.camera, columns.layer, columns.state, columns.detail),
            *(columns.from_ms, columns.to_ms, of_gateway.ward),
        )
        .join_from(tables.availability, tables.gateway, of_gateway.id == columns.gateway)
        .where(scope.of(of_gateway.ward), columns.from_ms < period.to_ms, not_(_SAYS_NOTHING))
        .where(or_(columns.to_ms.is_(None), columns.to_ms > period.from_ms))
        .order_by(columns.from_ms)
    )
    if gateway is not None:
        query = query.where(columns.gateway == gateway)
    if layers is not None:
        query = query.where(columns.layer.in_([layer.value for layer in layers]))
        if scope.wards is not None:
            # Else SQLite would read all intervals that ended in the period: 80 ms more for a month of one of
            # 21 wards.
            of_scope = select(of_gateway.id).where(scope.of(of_gateway.ward))
            query = query.where(columns.gateway.in_(of_scope))
    found: dict[str, GatewayIntervals] = {}
    # Rows are unpacked because reading them by attribute is slower, and a month of a city has 100,000.
    for id_, camera, layer, state, detail, from_ms, to_ms, ward in connection.execute(query):
        intervals = found.get(id_)
        if intervals is None:
            intervals = found[id_] = GatewayIntervals(id_, ward)
        interval = StateInterval(from_ms, to_ms, state, detail)
        if layer == Layer.LINK:
            intervals.link.append(interval)
        else:
            intervals.cameras[camera].setdefault(LAYERS[layer], []).append(interval)
    return list(found.values())
