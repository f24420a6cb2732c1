"""``GET /api/inventory``: wards, gateways and cameras with their names, as they are now."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.responses import Response

from edge_agent.core.clock import rfc3339
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.fleet import CameraOverview, SiteOverview, read_fleet
from edge_central.web.api.documents import CameraEntry, GatewayEntry, Inventory, WardEntry
from edge_central.web.api.events import JSON
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page


def inventory(visit: UserRequestContext) -> Response:
    """Of all that is in scope, or of one ``ward``."""
    for key in visit.request.query_params:
        if key != "ward":
            raise BadRequest(f"there is no parameter {key[:40]!r}; there is ward")
    ward = visit.query("ward")
    if ward is not None and not visit.scope.admits(ward):
        raise NotFound("there is no such ward, or it is not yours")
    found = read_fleet(visit.connection, visit.names, visit.scope.narrowed(ward), visit.now_ms)
    document = Inventory(
        time=_time(visit.now_ms),
        wards=[WardEntry(id=each.id, name=each.name) for each in found.wards],
        gateways=[_gateway(each) for each in found.sites],
    )
    return Response(msgspec.json.encode(document), media_type=JSON)


def _gateway(site: SiteOverview) -> GatewayEntry:
    return GatewayEntry(
        id=site.id,
        ward=site.ward,
        name=site.name,
        latitude=site.latitude,
        longitude=site.longitude,
        state=site.state.value,
        since=_time_or_none(site.since_ms),
        why=site.why,
        heard=_time_or_none(site.heard_ms),
        version=site.box.version,
        cameras=[_camera(each) for each in site.cameras],
    )


def _camera(camera: CameraOverview) -> CameraEntry:
    return CameraEntry(
        id=camera.id,
        name=camera.name,
        channel=camera.channel,
        state=camera.visibility.value,
        cause=camera.cause,
        since=_time_or_none(camera.since_ms),
    )


def _time(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(bounded_time(milliseconds) / 1000, UTC))


def _time_or_none(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else _time(milliseconds)


PAGES = (Page("/api/inventory", inventory, roles=ALL_ROLES),)
