"""The routes: every address of the console in one place.

Files of ``static/``: all of them read at the start, no path of a request ever names a file.
"""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_central.web.api import inventory
from edge_central.web.api.events import events_endpoint
from edge_central.web.auth import access_log as access
from edge_central.web.auth import login
from edge_central.web.http_errors import HttpError, error_response
from edge_central.web.live.hub import LiveHub
from edge_central.web.live.stream import live_endpoint
from edge_central.web.media import media_files as pictures
from edge_central.web.middleware import RejectNul, RejectTwoLengths, SecurityHeaders
from edge_central.web.pages import alerts as desk
from edge_central.web.pages import events, fleet
from edge_central.web.pages.fleet import SITE_PAGES
from edge_central.web.request_handler import Endpoint, Page, PublicPage, RequestHandler, compressed
from edge_central.web.templates import STATIC

CONTENT_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
}
CACHE_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    kind: str


@cache
def static_files() -> dict[str, StaticFile]:
    """By name."""
    return {
        path.name: StaticFile(
            path.read_bytes(),
            CONTENT_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain",
        )
        for path in sorted(STATIC.iterdir())
        if path.is_file()
    }


async def _static(request: Request) -> Response:
    found = static_files().get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    response = Response(found.body, media_type=found.kind)
    # With its digest in the address it never changes; without one it is asked for again.
    response.headers["Cache-Control"] = CACHE_FOREVER if "v" in request.query_params else "no-cache"
    return compressed(request, response)


STATIC_ROUTES = (Route("/static/{name}", _static, methods=["GET"]),)


log = logging.getLogger(__name__)

PAGES: tuple[Page | PublicPage, ...] = (
    *fleet.PAGES,
    *SITE_PAGES,
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
    app = Starlette(routes=[*routes, *STATIC_ROUTES])
    app.router.redirect_slashes = False  # it would lead to whatever host the request names

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        refusal = HttpError()
        refusal.status = error.status_code
        refusal.code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "bad-request")
        response = error_response(request, refusal, front.services.templates, front.lang(request))
        response.headers.update(error.headers or {})
        return response

    async def own_error(request: Request, error: Exception) -> Response:
        # Starlette raises it again, and uvicorn logs the traceback.
        refusal = HttpError()
        refusal.status, refusal.code = 500, "internal"
        return error_response(request, refusal, front.services.templates, front.lang(request))

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, own_error)
    return SecurityHeaders(RejectTwoLengths(RejectNul(app)), secure=front.services.console.secure)
