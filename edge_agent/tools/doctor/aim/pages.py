"""The aiming page: the picture of one camera with its analysis, and the form for the code."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus
from importlib import resources
from typing import Any

from edge_agent.config.model.settings import Camera, Line, LineRule
from edge_agent.tools.doctor.aim.analysis import LABELLED_PX, RELIABLE_PX, AimAnalysis, AimView
from edge_agent.tools.doctor.checks.picture import SHARP
from edge_agent.tools.local_page.access import Gate
from edge_agent.tools.local_page.server import PageAnswer, refusal

WAIT_S = 2.0
HTML = "text/html; charset=utf-8"
PUBLIC = {
    "/aim.js": "text/javascript; charset=utf-8",
    "/words.js": "text/javascript; charset=utf-8",
    "/aim.css": "text/css; charset=utf-8",
}


class AimPages:
    """The pages of one camera."""

    cookie = "aim"

    def __init__(self, camera: Camera, watch: AimAnalysis, gate: Gate) -> None:
        self._camera, self._watch, self._gate = camera, watch, gate

    def public(self, path: str) -> PageAnswer | None:
        kind = PUBLIC.get(path)
        return None if kind is None else PageAnswer(kind, _file(path[1:]))

    def is_entry(self, path: str) -> bool:
        return path == "/"

    def code_form(self, path: str, says: str, status: HTTPStatus) -> PageAnswer:
        page = _file("code.html").decode()
        return PageAnswer(HTML, page.replace('data-say=""', f'data-say="{says}"').encode(), status)

    def get(self, path: str, query: str) -> PageAnswer:
        if path == "/":
            return PageAnswer(HTML, _file("page.html"))
        if path == "/site":
            return PageAnswer("application/json", _json(site_document(self._camera)))
        if path == "/view":
            return self._view(query)
        return refusal(HTTPStatus.NOT_FOUND, "not-found")

    def max_body(self, path: str) -> int:
        """Return 0: the only POST of this page is the form with the code, which the server itself reads."""
        return 0

    def post(self, path: str, body: bytes) -> PageAnswer:
        return refusal(HTTPStatus.BAD_REQUEST, "bad-request")

    def _view(self, query: str) -> PageAnswer:
        """Return a picture newer than ``after``, with its own analysis in the header ``Aim-View``."""
        after = urllib.parse.parse_qs(query).get("after", ["0"])[0]
        view = self._watch.next_view(int(after) if after.isdigit() else 0, WAIT_S)
        document = view_document(view, self._gate.left_s, self._watch.problem)
        headers = {"Aim-View": _json(document).decode("ascii")}
        if view is None:
            return PageAnswer("text/plain", b"", HTTPStatus.NO_CONTENT, headers)
        return PageAnswer("image/jpeg", view.jpeg, headers=headers)


def site_document(camera: Camera) -> dict[str, Any]:
    """Return the facts that do not change while a person aims; points are 0..1 of the picture."""
    places = {rule.line if isinstance(rule, LineRule) else rule.zone: None for rule in camera.rules}
    return {
        "camera": camera.id,
        "zones": [
            {"id": p.id, "name": p.shown, "polygon": p.polygon, "exclude": p.exclude}
            for p in places
            if not isinstance(p, Line)
        ],
        "lines": [{"id": p.id, "name": p.shown, "points": p.points} for p in places if isinstance(p, Line)],
        "masks": camera.masks,
        "named_px": LABELLED_PX,
        "sure_px": RELIABLE_PX,
        "sharp": SHARP,
    }


def view_document(view: AimView | None, left_s: int, problem: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {"left_s": left_s, "trouble": problem}
    if view is None:
        return content
    meter = view.quality
    return content | {
        "number": view.number,
        "size": view.picture_size,
        "things": [
            {
                "label": thing.label,
                "box": [round(v, 4) for v in (thing.box.x1, thing.box.y1, thing.box.x2, thing.box.y2)],
                "px": [thing.width, thing.height],
                "verdict": thing.size,
            }
            for thing in view.things
        ],
        "sharpness": None if meter is None or meter.sharpness is None else round(meter.sharpness, 2),
        "in_focus": view.in_focus,
        "mean": None if meter is None else round(meter.mean),
        "light": view.light,
    }


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _file(name: str) -> bytes:
    return (resources.files(__package__) / name).read_bytes()
