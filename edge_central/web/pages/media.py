"""Snapshots, clips and files, and the log of the accounts that opened them.

``/media/...`` is for a page, ``/api/media/...`` for a program. Each access is recorded before the file is
sent.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from edge_agent.core.delivery import content_type_of
from edge_central.console import events
from edge_central.console.events import StoredMedia
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.media_folder import MediaFolder
from edge_central.web.auth.access_log import SAME_ACCESS_S
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.http_errors import BadRange, BadRequest, NotFound, error_response
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

log = logging.getLogger(__name__)

SEALED = "application/octet-stream"
HEAD_BYTES = 64
"""Number of bytes that is enough to recognise the content type of a file."""
ACCESS_OF_TYPE = {"image/jpeg": AccessKind.SNAPSHOT, "video/mp4": AccessKind.CLIP}


class _MediaResponse(FileResponse):
    """A file, or an error of the console where Starlette refuses the header Range with a plain text."""

    def __init__(self, visit: UserRequestContext, path: Path, **options: Any) -> None:
        super().__init__(path, **options)
        self._visit = visit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: list[Message] = []

        async def send_file(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 416):
                refused.append(message)
            if not refused:
                await send(message)

        await super().__call__(scope, receive, send_file)
        for message in refused:
            kind = BadRange if message["status"] == BadRange.status else BadRequest
            refusal = kind("the header Range names no part of this file")
            visit = self._visit
            response = error_response(visit.request, refusal, visit.services.templates, visit.lang)
            for name, value in message["headers"]:
                if name == b"content-range":
                    response.headers["Content-Range"] = value.decode("latin-1")
            await response(scope, receive, send)


def media_file(visit: UserRequestContext) -> Response:
    found = events.media(visit.connection, visit.scope, visit.path("gateway"), visit.path("media_id"))
    if found is None:
        raise NotFound("there is no such picture, or you may not see it")
    path = MediaFolder(visit.services.settings.media_dir).path(found.gateway, found.sha256, found.sealed)
    kind, status = _content_type_and_status(path, found)
    what = ACCESS_OF_TYPE.get(kind, AccessKind.FILE)
    if what is AccessKind.SNAPSHOT and _is_thumbnail(visit):
        what = AccessKind.THUMBNAIL
    record_opened(visit, found, what)
    response = _MediaResponse(
        visit,
        path,
        media_type=kind,
        stat_result=status,
        content_disposition_type="inline" if kind in ACCESS_OF_TYPE else "attachment",
    )
    response.headers["Cache-Control"] = f"private, max-age={SAME_ACCESS_S}"
    response.headers["Vary"] = "Cookie, Authorization, Sec-Fetch-Dest"
    return response


def record_opened(visit: UserRequestContext, found: StoredMedia, what: AccessKind) -> None:
    """Record that the user opens a file, unless this access is already recorded."""
    recent = visit.services.media_access_log
    access = (visit.account.name, visit.address, found.gateway, found.media_id, what.value)
    if recent.is_new(access):
        names = ("ward", "gateway", "camera", "media_id", "event_id")
        file = {name: getattr(found, name) for name in names}
        with visit.writing() as connection:
            record_access(connection, what, visit.account.name, visit.address, visit.now_ms, **file)
        recent.add(access)


def _is_thumbnail(visit: UserRequestContext) -> bool:
    """Whether a list has loaded the picture by itself. The address alone does not prove this, because a user
    could open the address. So the header Sec-Fetch-Dest is checked, which the browser sets and no page can
    set (https://www.w3.org/TR/fetch-metadata/)."""
    in_list = visit.query("in") == "list" and visit.session is not None
    return in_list and visit.request.headers.get("Sec-Fetch-Dest") == "image"


def _content_type_and_status(path: Path, found: StoredMedia) -> tuple[str, os.stat_result]:
    """Return content type and status of the file, before the access is recorded. Raises NotFound."""
    try:
        with path.open("rb") as file:
            kind = SEALED if found.sealed else content_type_of(file.read(HEAD_BYTES))
            return kind, os.fstat(file.fileno())
    except FileNotFoundError:
        log.warning("%s: the picture %s has no file any more", found.gateway, found.media_id)
        raise NotFound("the file of this picture is not there any more") from None


PAGES = (
    Page("/media/{gateway}/{media_id}", media_file, roles=ALL_ROLES),
    Page("/api/media/{gateway}/{media_id}", media_file, roles=ALL_ROLES),
)
