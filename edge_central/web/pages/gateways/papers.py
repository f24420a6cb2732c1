"""``/sites/.../papers/...``: the commissioning report of a site, or its later examination, as a page.

The page is HTML from a gateway, so it may be hostile: the browser gives it a separate origin, runs no scripts
and sends no forms of it, and loads nothing that is not in the page.
"""

from __future__ import annotations

import zlib

from starlette.responses import HTMLResponse, Response

from edge_central.console import events
from edge_central.console.events import StoredMedia
from edge_central.store.accesses import AccessKind
from edge_central.store.media_folder import MediaFolder
from edge_central.store.papers import paper_of
from edge_central.web.http_errors import NotFound
from edge_central.web.pages.media import record_opened
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

MAX_BYTES = 8_000_000
"""Limit of an uncompressed page: at most 1.9 MB arrive, mostly of pictures, which hardly shrink."""
HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # The HTML standard refuses a sandboxed page if this header is same-origin (finalSandboxFlags).
    "Cross-Origin-Opener-Policy": "unsafe-none",
    "Referrer-Policy": "no-referrer",
}


def paper_page(visit: UserRequestContext) -> Response:
    found = events.media(visit.connection, visit.scope, visit.path("gateway"), visit.path("media_id"))
    if found is None or found.sealed or not paper_of(found.event_id, found.camera):
        raise NotFound("there is no such document, or you may not see it")
    page = _content(visit, found)
    record_opened(visit, found, AccessKind.FILE)
    return HTMLResponse(page, headers=HEADERS)


def _content(visit: UserRequestContext, found: StoredMedia) -> bytes:
    """Return the page, uncompressed. Raises NotFound if the file is missing, damaged or too large."""
    path = MediaFolder(visit.services.settings.media_dir).path(found.gateway, found.sha256, False)
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)  # gzip
    try:
        page = unzip.decompress(path.read_bytes(), MAX_BYTES)
    except (FileNotFoundError, zlib.error):
        raise NotFound("the file of this document is gone or damaged") from None
    if not unzip.eof:
        raise NotFound("the file of this document is damaged, or too large to be shown")
    return page


PAGES = (Page("/sites/{gateway}/papers/{media_id}", paper_page),)
