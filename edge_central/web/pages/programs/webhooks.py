"""``/webhooks``: how far each webhook has posted, which push services cannot be reached, and the posts."""

from __future__ import annotations

from starlette.responses import Response

from edge_central.web.auth.accounts import ADMIN_ROLES
from edge_central.web.push.waiting import service_states
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page
from edge_central.web.webhooks.due import newest_deliveries, read_place


def webhooks_page(visit: UserRequestContext) -> Response:
    """List the webhooks and their newest deliveries, without the addresses: their paths may be secret."""
    webhooks = [
        (webhook, read_place(visit.connection, webhook.id)) for webhook in visit.services.console.webhooks
    ]
    return visit.render(
        "webhooks.html",
        webhooks=webhooks,
        deliveries=newest_deliveries(visit.connection),
        push=visit.services.console.push,
        services=service_states(visit.connection),
    )


PAGES = (Page("/webhooks", webhooks_page, roles=ADMIN_ROLES),)
