"""Files of ``static/``: all of them read at the start, no path of a request ever names a file."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_central.web.front import compressed
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
