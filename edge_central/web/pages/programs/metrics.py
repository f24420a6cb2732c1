"""``GET /metrics``: the metrics of the console's own process, for Prometheus with a token."""

from __future__ import annotations

from starlette.responses import Response

from edge_central.web.auth.accounts import Role
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

MAY_READ = frozenset({Role.ADMIN, Role.API, Role.API_OFFICER})
"""Roles that may read the metrics. The metrics are totals of all users, without wards, names or addresses."""


def metrics_page(visit: UserRequestContext) -> Response:
    # prometheus_client is imported only when the metrics are requested.
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    from edge_central.metrics.console_collector import ConsoleCollector

    registry = CollectorRegistry()
    hub = visit.services.hub
    registry.register(ConsoleCollector(visit.services.request_metrics, lambda: hub.count))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


PAGES = (Page("/metrics", metrics_page, roles=MAY_READ),)
