"""The page: plain HTTP to one phone beside the gateway. It listens only after ``start``.

Every request is checked in this order: its source; its ``Host`` (a page elsewhere whose name was pointed at
the gateway sends another one); whether the time is over; its cookie.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from socket import AF_INET6, SHUT_RDWR, socket
from typing import Any, cast

from edge_agent.config.model.settings import Camera, Line, LineRule
from edge_agent.core.errors import EdgeAgentError
from edge_agent.tools.doctor.aim.access import AccessGate, AimAddress
from edge_agent.tools.doctor.aim.analysis import LABELLED_PX, RELIABLE_PX, AimAnalysis, AimView
from edge_agent.tools.doctor.checks.picture import SHARP

MAX_REQUESTS = 6
"""At once, for all addresses together; a browser opens up to six."""
FREE_WITHIN_S = 1.0
"""Limit until a slot taken from a slow client is free."""
SILENT_S = 10.0
MAX_FORM_BYTES = 100
WAIT_S = 2.0
POLL_S = 0.2
"""Longest time until http.server reacts to a stop."""
COOKIE = "aim"
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/aim.js": ("aim.js", "text/javascript; charset=utf-8"),
    "/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/aim.css": ("aim.css", "text/css; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's Origin would be null
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class AimServer:
    """One listener for each address, one gate for all of them."""

    def __init__(
        self, places: Sequence[AimAddress], port: int, camera: Camera, watch: AimAnalysis, gate: AccessGate
    ) -> None:
        """Bind the port; ``port`` 0: a free one, different at each address. Raises EdgeAgentError when the
        port is in use."""
        slots = _RequestLimiter()
        self._listeners: list[_Listener] = []
        self._threads: list[threading.Thread] = []
        for place in places:
            try:
                self._listeners.append(_Listener(place, port, camera, watch, gate, slots))
            except OSError as error:
                self.stop()
                content = f"{place.host}:{port}: cannot listen: {error.strerror}"
                raise EdgeAgentError(f"{content}; another doctor --aim may be running") from error

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"http://{listener.host}/" for listener in self._listeners)

    def start(self) -> None:
        for listener in self._listeners:
            name = f"aim-{listener.host}"
            serve = threading.Thread(target=listener.serve_forever, args=(POLL_S,), name=name, daemon=True)
            serve.start()
            self._threads.append(serve)

    def stop(self) -> None:
        if self._threads:
            for listener in self._listeners:
                listener.shutdown()
        for listener in self._listeners:
            listener.server_close()


class _RequestLimiter:
    """Slots for requests, of all listeners together. If all are taken, a new client gets the slot of the one
    whose request has been incomplete for longest: six slow clients cannot block the page."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(MAX_REQUESTS)
        self._lock = threading.Lock()  # protects the mapping
        self._asking: dict[socket, None] = {}  # oldest first; the values mean nothing

    def acquire(self, connection: socket) -> bool:
        if not self._free.acquire(blocking=False):
            self._end_slowest()
            if not self._free.acquire(timeout=FREE_WITHIN_S):
                return False
        with self._lock:
            self._asking[connection] = None
        return True

    def mark_complete(self, connection: socket) -> None:
        """The request is complete and is being answered now: its slot is not taken from it."""
        with self._lock:
            self._asking.pop(connection, None)

    def release(self, connection: socket) -> None:
        self.mark_complete(connection)
        self._free.release()

    def _end_slowest(self) -> None:
        with self._lock:
            slowest = next(iter(self._asking), None)
            if slowest is not None:
                del self._asking[slowest]
                with contextlib.suppress(OSError):  # the client has just closed it
                    slowest.shutdown(SHUT_RDWR)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MAX_REQUESTS

    def __init__(
        self,
        place: AimAddress,
        port: int,
        camera: Camera,
        watch: AimAnalysis,
        gate: AccessGate,
        slots: _RequestLimiter,
    ) -> None:
        self.place, self.camera, self.watch, self.gate = place, camera, watch, gate
        self.limiter = slots
        if place.address.version == 6:
            self.address_family = AF_INET6
        super().__init__((str(place.address), port), _Handler)
        self.host = f"{place.host}:{self.server_address[1]}"

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Admit the client if its address is allowed and a slot is free; others get no answer."""
        return self.place.admits(client_address[0]) and self.limiter.acquire(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.limiter.release(request)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Ignore a phone that closed the connection during an answer."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENT_S
    server_version, sys_version = "edge-agent", ""

    @property
    def _at(self) -> _Listener:
        return cast(_Listener, self.server)

    def do_GET(self) -> None:
        self._at.limiter.mark_complete(self.connection)
        if not self._is_wanted():
            return
        parts = urllib.parse.urlsplit(self.path)
        if parts.path in ("/aim.css", "/words.js", "/aim.js"):
            self._file(parts.path)
        elif not self._at.gate.admits(self._ticket()):
            self._code_form() if parts.path == "/" else self._say(HTTPStatus.FORBIDDEN, "code")
        elif parts.path == "/":
            self._file("/")
        elif parts.path == "/site":
            self._send(HTTPStatus.OK, "application/json", _json(site_document(self._at.camera)))
        elif parts.path == "/view":
            self._view(parts.query)
        else:
            self._say(HTTPStatus.NOT_FOUND, "not-found")

    def do_POST(self) -> None:
        if not self._is_wanted():
            return
        length = self.headers.get("Content-Length", "")
        # Two lengths allow a request to be smuggled past a proxy.
        odd = "Transfer-Encoding" in self.headers or len(self.headers.get_all("Content-Length", [])) > 1
        if self.path != "/" or odd or not length.isdigit() or int(length) > MAX_FORM_BYTES:
            self._say(HTTPStatus.BAD_REQUEST, "bad-request")
            return
        here = f"http://{self._host()}"
        if self.headers.get("Origin", here) != here:
            self._say(HTTPStatus.FORBIDDEN, "origin")
            return
        form = urllib.parse.parse_qs(self.rfile.read(int(length)).decode("ascii", "replace"))
        self._at.limiter.mark_complete(self.connection)
        ticket = self._at.gate.claim(form.get("code", [""])[0])
        if ticket is None:
            self._code_form(HTTPStatus.FORBIDDEN, wrong=True)
            return
        cookie = f"{COOKIE}={ticket}; Path=/; HttpOnly; SameSite=Strict"
        self._send(HTTPStatus.SEE_OTHER, "text/plain", b"", {"Location": "/", "Set-Cookie": cookie})

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the terminal is for the technician."""

    def _is_wanted(self) -> bool:
        if self._host() not in self._names():
            self._say(HTTPStatus.MISDIRECTED_REQUEST, "host")
            return False
        if self._at.gate.ended:
            self._say(HTTPStatus.GONE, "ended")
            return False
        return True

    def _host(self) -> str:
        return self.headers.get("Host", "")

    def _names(self) -> tuple[str, ...]:
        listener = self._at
        if listener.place.address.is_loopback:
            # ssh -L may forward any port to this one.
            return (self._host(),) if self._host().partition(":")[0] in ("127.0.0.1", "localhost") else ()
        return (listener.host,)

    def _ticket(self) -> str | None:
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return None
        return None if morsel is None else morsel.value

    def _view(self, query: str) -> None:
        """Send a picture newer than ``after``, with its analysis in a header: both belong together."""
        after = urllib.parse.parse_qs(query).get("after", ["0"])[0]
        view = self._at.watch.next_view(int(after) if after.isdigit() else 0, WAIT_S)
        content = {"Aim-View": _json(view_document(view, self._at)).decode("ascii")}
        if view is None:
            self._send(HTTPStatus.NO_CONTENT, "text/plain", b"", content)
        else:
            self._send(HTTPStatus.OK, "image/jpeg", view.jpeg, content)

    def _code_form(self, status: HTTPStatus = HTTPStatus.OK, *, wrong: bool = False) -> None:
        name = "taken" if self._at.gate.is_claimed else "wrong" if wrong else "code"
        page = (resources.files(__package__) / "code.html").read_text(encoding="utf-8")
        body = page.replace('data-say=""', f'data-say="{name}"').encode()
        self._send(status, "text/html; charset=utf-8", body)

    def _file(self, path: str) -> None:
        name, kind = FILES[path]
        self._send(HTTPStatus.OK, kind, (resources.files(__package__) / name).read_bytes())

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", text.encode())

    def _send(
        self, status: HTTPStatus, kind: str, body: bytes, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        for name, value in {**HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def site_document(camera: Camera) -> dict[str, Any]:
    """Facts that do not change while a person aims; points are 0..1 of the picture."""
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


def view_document(view: AimView | None, listener: _Listener) -> dict[str, Any]:
    content: dict[str, Any] = {"left_s": listener.gate.left_s, "trouble": listener.watch.problem}
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
