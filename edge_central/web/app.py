"""The application: the addresses of all pages, the static files, and the layers around every response."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable
from functools import cache

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_central.web.api import availability as availability_api
from edge_central.web.api import fleet as fleet_api
from edge_central.web.api import inventory, searches, traffic_turns
from edge_central.web.api import journeys as journeys_api
from edge_central.web.api import traffic as traffic_api
from edge_central.web.api.events import events_endpoint
from edge_central.web.api.incidents import endpoints as incidents
from edge_central.web.auth import login
from edge_central.web.auth.oidc import sign_in as oidc
from edge_central.web.http_errors import HttpError, error_response
from edge_central.web.live.hub import LiveHub
from edge_central.web.live.stream import live_endpoint
from edge_central.web.pages import alerts, cases, commands, events, fleet, journeys, media, passages
from edge_central.web.pages import searches as search_pages
from edge_central.web.pages.availability import reports as availability
from edge_central.web.pages.gateways import claims, fleet_table, papers, rollouts
from edge_central.web.pages.numbers import reports, traffic
from edge_central.web.pages.papers import attachments, minutes, redactions
from edge_central.web.pages.papers.upload import UPLOAD, upload_endpoint
from edge_central.web.pages.programs import developers, metrics, webhooks
from edge_central.web.pages.rules import camera_masks, camera_rules, rehearsals
from edge_central.web.pages.users import access_list, account, notifications, users
from edge_central.web.request_context import ConsoleServices
from edge_central.web.request_handler import Endpoint, Page, PublicPage, RequestHandler, compressed
from edge_central.web.templates import STATIC

PAGES: tuple[Page | PublicPage, ...] = (
    *fleet.PAGES,
    *availability.PAGES,
    *events.PAGES,
    *alerts.PAGES,
    *login.PAGES,
    *account.PAGES,
    *notifications.PAGES,
    *users.PAGES,
    *access_list.PAGES,
    *media.PAGES,
    *search_pages.PAGES,
    *passages.PAGES,
    *cases.PAGES,
    *attachments.PAGES,
    *redactions.PAGES,
    *minutes.PAGES,
    *journeys.PAGES,
    *camera_rules.PAGES,
    *camera_masks.PAGES,
    *rehearsals.PAGES,
    *developers.PAGES,
    *webhooks.PAGES,
    *commands.PAGES,
    *inventory.PAGES,
    *incidents.PAGES,
    *searches.PAGES,
    *journeys_api.PAGES,
    *traffic.PAGES,
    *reports.PAGES,
    *traffic_api.PAGES,
    *traffic_turns.PAGES,
    *fleet_table.PAGES,
    *rollouts.PAGES,
    *claims.PAGES,
    *papers.PAGES,
    *fleet_api.PAGES,
    *availability_api.PAGES,
    *metrics.PAGES,
)
"""All pages. Add each new module of pages here."""
LIVE = "/live"
STREAMS: tuple[tuple[str, Callable[[RequestHandler, LiveHub], Endpoint]], ...] = (
    (LIVE, live_endpoint),
    ("/api/events", events_endpoint),
    (incidents.STEPS, incidents.steps_endpoint),
    (searches.MATCHES, searches.matches_endpoint),
)
"""Endpoints that wait on the event loop."""
SIGN_IN: tuple[tuple[str, Callable[[RequestHandler], Endpoint]], ...] = (
    (oidc.BEGIN, oidc.begin_endpoint),
    (oidc.CALLBACK, oidc.callback_endpoint),
)
"""Endpoints that wait for the OpenID Connect provider."""
UPLOADS: tuple[tuple[str, Callable[[RequestHandler, LiveHub], Endpoint]], ...] = ((UPLOAD, upload_endpoint),)
"""Endpoints with a file as the body: they check the account before they read it."""

CONTENT_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
WORKER = "push-worker.js"
CACHE_FOREVER = "public, max-age=31536000, immutable"


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Return body and content type by name, all read at the start: no path of a request names a file."""
    return {
        path.name: (
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
    body, content_type = found
    response = Response(body, media_type=content_type)
    if request.path_params["name"] == WORKER:  # otherwise its scope would be /static/
        response.headers["Service-Worker-Allowed"] = "/"
    # An address with the file's digest never gets other content. If it has no digest, the browser asks again.
    response.headers["Cache-Control"] = CACHE_FOREVER if "v" in request.query_params else "no-cache"
    return compressed(request, response)


# --- around the application ---

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's Origin would be null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
STRICT_TRANSPORT = "max-age=31536000"


class SecurityHeaders:
    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": STRICT_TRANSPORT} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with)


class RejectMalformed:
    """Responds with 400 to requests that the application, PostgreSQL or a proxy could misread."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = _refused(scope) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)


def _refused(scope: Scope) -> Response | None:
    # A proxy in front may use the other length, and take the rest of the body for a request of another user
    # (RFC 9112, 6.1 and 11.2). h11 itself refuses two different Content-Lengths.
    if {b"transfer-encoding", b"content-length"} <= {name for name, _ in scope["headers"]}:
        return PlainTextResponse("one length only", 400, {"Connection": "close"})
    # PostgreSQL stores no NUL in a text. Forms are checked where they are parsed.
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return PlainTextResponse("this is not a valid address: it has a NUL in it", 400)
    return None


def _route(services: ConsoleServices, path: str, method: str, endpoint: Endpoint) -> Route:
    """Return a route that measures the time of its responses, except of requests that wait for events,
    because these last until an event comes."""

    async def timed(request: Request) -> Response:
        if path == LIVE or "wait" in request.query_params:
            return await endpoint(request)
        began, status = services.clock.monotonic(), 500
        try:
            response = await endpoint(request)
            status = response.status_code
        finally:
            services.request_metrics.record((method, path), status, services.clock.monotonic() - began)
        return response

    return Route(path, timed, methods=[method])


def build_app(front: RequestHandler, more: Iterable[Route] = ()) -> SecurityHeaders:
    """Return the ASGI application. ``more``: routes of services that are configured."""
    services = front.services
    routes = [_route(services, page.path, page.method, front.endpoint(page)) for page in PAGES]
    hub = services.hub
    routes += [_route(services, path, "GET", endpoint(front, hub)) for path, endpoint in STREAMS]
    routes += [_route(services, path, "GET", endpoint(front)) for path, endpoint in SIGN_IN]
    routes += [_route(services, path, "POST", endpoint(front, hub)) for path, endpoint in UPLOADS]
    app = Starlette(routes=[*routes, *more, Route("/static/{name}", _static, methods=["GET"])])
    app.router.redirect_slashes = False  # a redirect would lead to any host that the request names

    async def error(request: Request, raised: Exception) -> Response:
        refusal, headers = HttpError(), None
        if isinstance(raised, HTTPException):
            refusal.status, headers = raised.status_code, raised.headers
            refusal.code = {404: "not-found", 405: "method-not-allowed"}.get(refusal.status, "bad-request")
        else:  # Starlette raises it again, and uvicorn logs the traceback
            refusal.status, refusal.code = 500, "internal"
        response = error_response(request, refusal, front.services.templates, front.lang(request))
        response.headers.update(headers or {})
        return response

    app.add_exception_handler(HTTPException, error)
    app.add_exception_handler(Exception, error)
    return SecurityHeaders(RejectMalformed(app), secure=front.services.console.secure)
