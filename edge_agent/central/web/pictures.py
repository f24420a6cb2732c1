"""``/media/...``: a picture for a page, ``/api/media/...`` for a program; written down before it goes out."""

from __future__ import annotations

import logging

from starlette.responses import Response

from edge_agent.central.console import events
from edge_agent.central.console.events import StoredMedia
from edge_agent.central.pictures import Pictures
from edge_agent.central.web import access
from edge_agent.central.web.access import Access
from edge_agent.central.web.accounts import ANYBODY
from edge_agent.central.web.front import Page
from edge_agent.central.web.refusals import NotFound
from edge_agent.central.web.visit import Visit

log = logging.getLogger(__name__)

SEALED = "application/octet-stream"
AGAIN_AFTER_S = 600
"""So long a browser shows the same picture again without asking: one look, one line."""


def picture(visit: Visit) -> Response:
    found = events.media(visit.connection, visit.scope, visit.path("gateway"), visit.path("media_id"))
    if found is None:
        raise NotFound("there is no such picture, or it is not yours")
    body = _read(visit, found)
    with visit.writing() as connection:
        access.note(
            connection,
            Access.SNAPSHOT,
            visit.account.name,
            visit.address,
            visit.now_ms,
            ward=found.ward,
            gateway=found.gateway,
            camera=found.camera,
            media_id=found.media_id,
            event_id=found.event_id,
        )
    response = Response(body, media_type=SEALED if found.sealed else "image/jpeg")
    response.headers["Cache-Control"] = f"private, max-age={AGAIN_AFTER_S}"
    response.headers["Vary"] = "Cookie, Authorization"
    response.headers["Content-Disposition"] = "attachment" if found.sealed else "inline"
    return response


def _read(visit: Visit, found: StoredMedia) -> bytes:
    path = Pictures(visit.services.pictures).path(found.gateway, found.sha256, found.sealed)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        log.warning("%s: the picture %s has no file any more", found.gateway, found.media_id)
        raise NotFound("the file of this picture is not there any more") from None


PAGES = (
    Page("/media/{gateway}/{media_id}", picture, roles=ANYBODY),
    Page("/api/media/{gateway}/{media_id}", picture, roles=ANYBODY),
)
