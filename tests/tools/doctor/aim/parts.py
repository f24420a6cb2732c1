"""A camera that shows a person walking by, and the page for it."""

from __future__ import annotations

import http.client
import ipaddress
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent import config
from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import SystemClock
from edge_agent.tools.doctor.aim.analysis import AimAnalysis
from edge_agent.tools.doctor.aim.pages import AimPages
from edge_agent.tools.local_page.access import AccessGate, PageAddress
from edge_agent.tools.local_page.server import PageServer
from tests.testbed.agent import write_config
from tests.testbed.rtsp import RtspServer
from tests.testbed.walker import walking_clip

LOOPBACK = PageAddress(ipaddress.ip_address("127.0.0.1"), ipaddress.ip_network("127.0.0.0/8"))
PRIVATE = [[0.8, 0.0], [1.0, 0.0], [1.0, 0.3], [0.8, 0.3]]
CAMERA: dict[str, Any] = {
    "id": "cam-1",
    "privacy_masks": [PRIVATE],
    "zones": {"place": {"polygon": [[0.3, 0.1], [0.7, 0.1], [0.7, 0.95], [0.3, 0.95]]}},
    "lines": {"path": {"from": [0.5, 0.2], "to": [0.5, 1.0]}},
    "rules": [
        {"id": "in", "kind": "zone-intrusion", "zone": "place", "labels": ["person"]},
        {"id": "count", "kind": "line-crossing", "line": "path", "labels": ["person"]},
    ],
}


@contextmanager
def walker_camera(folder: Path) -> Iterator[Path]:
    """Yield a configuration with a real RTSP camera."""
    clip = walking_clip(folder / "walker.mp4", empty_s=1.0, tail_s=0.5)
    with RtspServer({"/s": clip}) as server:
        yield write_config(folder, cameras=[CAMERA | {"url": server.url("/s")}])


@contextmanager
def watching(path: Path) -> Iterator[tuple[Settings, AimAnalysis]]:
    settings = config.load(path)
    watch = AimAnalysis(settings, settings.cameras[0], SystemClock())
    watch.start()
    try:
        yield settings, watch
    finally:
        watch.stop()


@contextmanager
def page(
    settings: Settings, watch: AimAnalysis, gate: AccessGate, place: PageAddress = LOOPBACK
) -> Iterator[PageServer]:
    server = PageServer([place], 0, AimPages(settings.cameras[0], watch, gate), gate)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def view(self) -> Any:
        return json.loads(self.headers["Aim-View"])


class Phone:
    """One browser, which keeps its cookie."""

    def __init__(self, server: PageServer, **headers: str) -> None:
        self._host = urllib.parse.urlsplit(server.urls[0]).netloc
        self._headers = headers
        self.cookie: str | None = None

    def ask(self, path: str, *, form: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self._host, timeout=10)
        sent = self._headers | ({"Cookie": self.cookie} if self.cookie else {}) | headers
        connection.request("GET" if form is None else "POST", path, form, sent)
        answer = connection.getresponse()
        reported = Answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        if "Set-Cookie" in reported.headers:
            self.cookie = reported.headers["Set-Cookie"].partition(";")[0]
        return reported

    def type_code(self, code: str) -> Answer:
        return self.ask("/", form=f"code={code}")
