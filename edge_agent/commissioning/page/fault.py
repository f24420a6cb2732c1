"""The page of a box that cannot be commissioned, because its list of sites cannot be used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from http import HTTPStatus

from edge_agent.commissioning.page.listeners import BoxListeners
from edge_agent.commissioning.page.pages import CSS, HTML, page_file
from edge_agent.commissioning.paths import CommissioningPaths
from edge_agent.core.languages import Bilingual
from edge_agent.tools.local_page.server import PageAnswer

BundleFiles = list[tuple[int, int] | None]
TICK_S = 2.0
HEAD = (
    '<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>edge-agent</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="stylesheet" href="/commission.css"></head>'
)


class FaultPages:
    """Shows what is wrong with the box, in both languages, on every address and without a code."""

    cookie = "commission"

    def __init__(self, serial: str, fault: Bilingual) -> None:
        said = f'<p class="bad">{escape(fault.vi)}</p><p class="bad" lang="en">{escape(fault)}</p>'
        page = f"{HEAD}<body><main><h1>{escape(serial)}</h1>{said}</main></body></html>"
        self._page = PageAnswer(HTML, page.encode())

    def public(self, path: str) -> PageAnswer:
        return PageAnswer(CSS, page_file("commission.css")) if path == "/commission.css" else self._page

    def is_entry(self, path: str) -> bool:
        return False

    def code_form(self, path: str, says: str, status: HTTPStatus) -> PageAnswer:
        return self._page

    def get(self, path: str, query: str) -> PageAnswer:
        return self._page

    def max_body(self, path: str) -> int:
        return 0

    def post(self, path: str, body: bytes) -> PageAnswer:
        return self._page


def serve_until_repaired(
    paths: CommissioningPaths,
    before: BundleFiles,
    listeners: BoxListeners,
    stop: threading.Event,
    ready: Callable[[], None],
) -> bool:
    """Serve until the files of the bundle differ from ``before`` (True), or until ``stop`` (False)."""
    try:
        listeners.follow_addresses()
        ready()
        while not stop.wait(TICK_S):
            listeners.follow_addresses()
            if bundle_files(paths) != before:
                return True
        return False
    finally:
        listeners.stop()


def bundle_files(paths: CommissioningPaths) -> BundleFiles:
    """Return time and size of each file on which the validity of the bundle depends; None: the file is
    missing."""
    files = (paths.enrolment / "sites.json", paths.enrolment / "sites.json.sig", paths.release_key)
    return [(path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None for path in files]
