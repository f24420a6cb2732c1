"""The routes: every address of the console in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_central.web import refused, statics
from edge_central.web.api import inventory
from edge_central.web.api.events import events_endpoint
from edge_central.web.auth import access, login
from edge_central.web.framing import RejectTwoLengths
from edge_central.web.front import Endpoint, Page, PublicPage, RequestHandler
from edge_central.web.headers import SecurityHeaders
from edge_central.web.live.hub import LiveHub
from edge_central.web.live.stream import live_endpoint
from edge_central.web.media import pictures
from edge_central.web.nul import RejectNul
from edge_central.web.pages import desk, events, fleet, site
from edge_central.web.refusals import HttpError

log = logging.getLogger(__name__)

PAGES: tuple[Page | PublicPage, ...] = (
    *fleet.PAGES,
    *site.SITE_PAGES,
    *events.PAGES,
    *desk.PAGES,
    *login.PAGES,
    *access.PAGES,
    *pictures.PAGES,
    *inventory.PAGES,
)
"""A new module of pages joins here."""
STREAMS: tuple[tuple[str, Callable[[RequestHandler, LiveHub], Endpoint]], ...] = (
    ("/live", live_endpoint),
    ("/api/events", events_endpoint),
)
"""What waits on the event loop."""


def build_app(front: RequestHandler) -> SecurityHeaders:
    """The ASGI application."""
    routes = [Route(page.path, front.endpoint(page), methods=[page.method]) for page in PAGES]
    hub = front.services.hub
    routes += [Route(path, endpoint(front, hub), methods=["GET"]) for path, endpoint in STREAMS]
    app = Starlette(routes=[*routes, *statics.STATIC_ROUTES])
    app.router.redirect_slashes = False  # it would lead to whatever host the request names

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        refusal = HttpError()
        refusal.status = error.status_code
        refusal.code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "bad-request")
        response = refused.error_response(request, refusal, front.services.templates, front.lang(request))
        response.headers.update(error.headers or {})
        return response

    async def own_error(request: Request, error: Exception) -> Response:
        # Starlette raises it again, and uvicorn logs the traceback.
        refusal = HttpError()
        refusal.status, refusal.code = 500, "internal"
        return refused.error_response(request, refusal, front.services.templates, front.lang(request))

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, own_error)
    return SecurityHeaders(RejectTwoLengths(RejectNul(app)), secure=front.services.console.secure)
