"""``/``: the first page behind the login."""

from __future__ import annotations

from sqlalchemy import case, func, select
from starlette.responses import Response

from edge_agent.central import tables
from edge_agent.central.presence import Standing
from edge_agent.central.web.front import Page
from edge_agent.central.web.visit import Visit


def start_page(visit: Visit) -> Response:
    gateway, presence = tables.gateway, tables.presence
    online = func.sum(case((presence.c.standing == Standing.ONLINE.value, 1), else_=0))
    wards = visit.connection.execute(
        select(gateway.c.ward, func.count().label("boxes"), online.label("online"))
        .select_from(gateway.outerjoin(presence, presence.c.gateway == gateway.c.id))
        .where(visit.scope.of(gateway.c.ward))
        .group_by(gateway.c.ward)
        .order_by(gateway.c.ward)
    )
    return visit.render("start.html", wards=wards.all())


PAGES = (Page("/", start_page),)
