"""``GET /api/fleet``: each gateway with its version, configuration, model, certificate and uplink, and how it
differs from the sheet."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_central.console.fleet import AttentionLevel
from edge_central.fleet.comparison import ComparedGateway, read_comparison
from edge_central.web.api.event_history import ApiDocument, Time
from edge_central.web.api.events import JSON
from edge_central.web.api.inventory import time_or_none
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import BadRequest
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page


class DeviationEntry(ApiDocument, frozen=True, kw_only=True):
    """A difference from what is expected."""

    kind: Literal[
        "never-connected",
        "not-in-sheet",
        "other-ward",
        "camera-missing",
        "camera-unknown",
        "other-version",
        "release-reverted",
        "config-on-trial",
        "config-reverted",
        "model-reverted",
        "rule-changed",
        "masks-changed",
    ]
    detail: Annotated[
        str, Meta(description="ids of cameras, rules as camera/rule, ward, version, or reason; empty: none")
    ]


class FleetEntry(ApiDocument, frozen=True, kw_only=True):
    """A gateway. A value of its newest heartbeat or birth is empty or null where it is unknown."""

    id: str
    ward: str
    name: str
    state: Literal["online", "booting", "unstable", "offline", "cut", "stopped", "never"]
    since: Time | None
    level: Annotated[
        AttentionLevel,
        Meta(description="action: needs action; check: can wait; away: not expected to be online"),
    ]
    heartbeat: Annotated[Time | None, Meta(description="when the newest one came")]
    version: str
    config_sha256: str
    config_origin: Annotated[str, Meta(description="file, pushed, trial; empty: unknown")]
    model: Annotated[str, Meta(description="name, and the first digits of its SHA-256")]
    board: str
    certificate_days: Annotated[int | None, Meta(description="below 0: it has expired")]
    ca_days: int | None
    budget_bytes: Annotated[int | None, Meta(description="of the uplink, a month; null: there is no budget")]
    used_bytes: Annotated[int | None, Meta(description="in this period; null: there is no budget")]
    forecast_bytes: Annotated[int | None, Meta(description="at the end of the period; null: unknown")]
    deviations: list[DeviationEntry]


class FleetDocument(ApiDocument, frozen=True, kw_only=True):
    """The gateways of the account's wards, those that need action first."""

    time: Time
    wanted_version: Annotated[str, Meta(description="version of the fleet; empty: unknown")]
    gateways: list[FleetEntry]


def fleet_document(visit: UserRequestContext) -> Response:
    """Return all gateways of the account's wards, or those of one ``ward``."""
    for key in visit.request.query_params:
        if key != "ward":
            raise BadRequest(f"there is no parameter {key[:40]!r}; the only one is ward")
    ward = visit.query("ward")
    scope = visit.scope if ward is None else visit.ward(ward)
    alerts = visit.services.settings.alerts
    found = read_comparison(visit.connection, visit.names, scope, alerts, visit.now_ms)
    document = FleetDocument(
        time=rfc3339_of_ms(visit.now_ms),
        wanted_version=found.wanted_version,
        gateways=[_entry(row) for row in found.rows],
    )
    return Response(encode_json(document), media_type=JSON)


def _entry(row: ComparedGateway) -> FleetEntry:
    site, health = row.site, row.site.health
    uplink = health.uplink
    return FleetEntry(
        id=site.id,
        ward=site.ward,
        name=site.name,
        state=site.state.value,
        since=time_or_none(site.since_ms),
        level=site.level,
        heartbeat=time_or_none(site.heartbeat_ms),
        version=site.version,
        config_sha256=health.config_hash,
        config_origin=health.config.origin if health.config_hash else "",
        model=site.model,
        board=site.birth.board,
        certificate_days=health.certificates.client_days,
        ca_days=health.certificates.ca_days,
        budget_bytes=uplink.monthly_bytes,
        used_bytes=uplink.used_bytes if uplink.monthly_bytes is not None else None,
        forecast_bytes=uplink.forecast_bytes,
        deviations=[DeviationEntry(kind=each.kind.value, detail=str(each.detail)) for each in row.deviations],
    )


PAGES = (Page("/api/fleet", fleet_document, roles=ALL_ROLES),)
