"""``/media/...``: a picture for a page, ``/api/media/...`` for a program; written down before it goes out."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from starlette.responses import FileResponse, Response

from edge_agent.core.delivery import content_type_of
from edge_central.console import events
from edge_central.console.events import StoredMedia
from edge_central.store.media_folder import MediaFolder
from edge_central.web.auth import access_log as access
from edge_central.web.auth.access_log import AccessKind
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import NotFound
from edge_central.web.media.media_access_log import SAME_ACCESS_S
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

log = logging.getLogger(__name__)

SEALED = "application/octet-stream"
HEAD_BYTES = 64
"""Tell what a file is."""
ACCESS_OF_TYPE = {"image/jpeg": AccessKind.SNAPSHOT, "video/mp4": AccessKind.CLIP}


def media_file(visit: UserRequestContext) -> Response:
    found = events.media(visit.connection, visit.scope, visit.path("gateway"), visit.path("media_id"))
    if found is None:
        raise NotFound("there is no such picture, or it is not yours")
    path = MediaFolder(visit.services.pictures).path(found.gateway, found.sha256, found.sealed)
    kind, status = _content_type_and_status(path, found)
    looks, look = (
        visit.services.media_access_log,
        (visit.account.name, visit.address, found.gateway, found.media_id),
    )
    if looks.is_new(look):
        _record_access(visit, found, ACCESS_OF_TYPE.get(kind, AccessKind.FILE))
        looks.add(look)
    response = FileResponse(
        path,
        media_type=kind,
        stat_result=status,
        content_disposition_type="inline" if kind in ACCESS_OF_TYPE else "attachment",
    )
    response.headers["Cache-Control"] = f"private, max-age={SAME_ACCESS_S}"
    response.headers["Vary"] = "Cookie, Authorization"
    return response


def _content_type_and_status(path: Path, found: StoredMedia) -> tuple[str, os.stat_result]:
    """What it is, before anybody is noted to have seen it."""
    try:
        with path.open("rb") as file:
            kind = SEALED if found.sealed else content_type_of(file.read(HEAD_BYTES))
            return kind, os.fstat(file.fileno())
    except FileNotFoundError:
        log.warning("%s: the picture %s has no file any more", found.gateway, found.media_id)
        raise NotFound("the file of this picture is not there any more") from None


def _record_access(visit: UserRequestContext, found: StoredMedia, what: AccessKind) -> None:
    with visit.writing() as connection:
        access.record_access(
            connection,
            what,
            visit.account.name,
            visit.address,
            visit.now_ms,
            ward=found.ward,
            gateway=found.gateway,
            camera=found.camera,
            media_id=found.media_id,
            event_id=found.event_id,
        )


PAGES = (
    Page("/media/{gateway}/{media_id}", media_file, roles=ALL_ROLES),
    Page("/api/media/{gateway}/{media_id}", media_file, roles=ALL_ROLES),
)
