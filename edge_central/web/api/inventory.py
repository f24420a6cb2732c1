"""``GET /api/inventory``: wards, gateways and cameras with their names, as they are now."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.fleet import SiteOverview
from edge_central.web.api.event_history import ApiDocument, Time
from edge_central.web.api.events import JSON
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import BadRequest
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page


class CameraEntry(ApiDocument, frozen=True, kw_only=True):
    id: str
    name: Annotated[str, Meta(description="of the fleet's sheet; the id where it has none")]
    channel: Annotated[str, Meta(description="of the recorder; empty: not in the sheet")]
    state: Literal["online", "degraded", "starting", "tampered", "offline", "away"]
    cause: str | None
    since: Time | None
    manufacturer: Annotated[str | None, Meta(description="as the camera reports it; null: unknown")] = None
    model: str | None = None
    firmware: str | None = None
    serial: str | None = None
    mac: str | None = None


class GatewayEntry(ApiDocument, frozen=True, kw_only=True):
    id: str
    ward: str
    name: str
    latitude: Annotated[float | None, Meta(description="degrees, WGS 84; null: unknown")]
    longitude: float | None
    state: Literal["online", "booting", "unstable", "offline", "cut", "stopped", "never"]
    since: Time | None
    why: str
    heard: Annotated[Time | None, Meta(description="anything at all; null: never")]
    version: Annotated[str, Meta(description="of the agent; empty: unknown")]
    cameras: list[CameraEntry]


class WardEntry(ApiDocument, frozen=True, kw_only=True):
    id: str
    name: str


class Inventory(ApiDocument, frozen=True, kw_only=True):
    """The sites and cameras as they are now, by the fleet's sheet and by the gateways' messages."""

    time: Time
    wards: list[WardEntry]
    gateways: list[GatewayEntry]


def inventory(visit: UserRequestContext) -> Response:
    """Return the inventory of the account's wards, or of one ``ward``."""
    for key in visit.request.query_params:
        if key != "ward":
            raise BadRequest(f"there is no parameter {key[:40]!r}; the only one is ward")
    ward = visit.query("ward")
    found = visit.fleet(None if ward is None else visit.ward(ward))
    document = Inventory(
        time=rfc3339_of_ms(visit.now_ms),
        wards=[WardEntry(id=each.id, name=each.name) for each in found.wards],
        gateways=[_gateway(each) for each in found.sites],
    )
    return Response(encode_json(document), media_type=JSON)


def _gateway(site: SiteOverview) -> GatewayEntry:
    return GatewayEntry(
        id=site.id,
        ward=site.ward,
        name=site.name,
        latitude=site.latitude,
        longitude=site.longitude,
        state=site.state.value,
        since=time_or_none(site.since_ms),
        why=str(site.why),
        heard=time_or_none(site.heard_ms),
        version=site.version,
        cameras=[
            CameraEntry(
                id=camera.id,
                name=camera.name,
                channel=camera.channel,
                state=camera.visibility.value,
                cause=camera.cause,
                since=time_or_none(camera.since_ms),
                manufacturer=camera.identity.manufacturer,
                model=camera.identity.model,
                firmware=camera.identity.firmware,
                serial=camera.identity.serial,
                mac=camera.identity.mac,
            )
            for camera in site.cameras
        ],
    )


def time_or_none(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339_of_ms(bounded_time(milliseconds))


PAGES = (Page("/api/inventory", inventory, roles=ALL_ROLES),)
