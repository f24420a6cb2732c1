"""The server: HTTP, or HTTPS with a certificate of its own, to one phone beside the gateway. It listens only
after ``start``.

Every request is checked in this order: its source; its ``Host`` (foreign if a foreign DNS name leads to the
gateway); whether the time is over; its cookie. ``LocalPages`` then makes the answer.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, SHUT_RDWR, SHUT_WR, socket
from typing import Any, Protocol, cast

from edge_agent.core.errors import EdgeAgentError
from edge_agent.tools.local_page.access import Gate, PageAddress

log = logging.getLogger(__name__)

MAX_REQUESTS = 6
"""How many requests may run at once, at all addresses together; a browser opens up to six."""
FREE_WITHIN_S = 1.0
"""Longest wait until a slot that is taken from a slow client is free."""
SILENT_S = 10.0
DISCARD_S = 1.0
"""How long the server receives and discards a body that it has refused."""
MAX_FORM_BYTES = 100
"""Largest body of the form with the code."""
POLL_S = 0.2
"""Longest time until http.server reacts to a stop."""
HTTPS_PORT = 443
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's Origin would be null
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The answer to the phone."""

    kind: str  # content type
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: HTTPStatus, text: str) -> PageAnswer:
    return PageAnswer("text/plain; charset=utf-8", text.encode(), status)


class LocalPages(Protocol):
    """The pages to serve. Their methods are called on the threads of the requests."""

    cookie: str  # name of the cookie with the ticket

    def public(self, path: str) -> PageAnswer | None:
        """Return a file that needs no code, such as a style sheet; None if ``path`` needs the code."""

    def is_entry(self, path: str) -> bool:
        """Return whether a phone that has not typed the code gets the form at this path."""

    def code_form(self, path: str, says: str, status: HTTPStatus) -> PageAnswer:
        """Return the form. ``says``: ``code`` asks for it, ``wrong``, or ``taken`` by another phone."""

    def get(self, path: str, query: str) -> PageAnswer: ...

    def max_body(self, path: str) -> int:
        """Return the largest body of a POST at ``path``, in bytes; 0 if POST is not allowed there."""

    def post(self, path: str, body: bytes) -> PageAnswer: ...


@dataclass(frozen=True, slots=True)
class _Shared:
    """The objects and settings that all listeners share."""

    pages: LocalPages
    gate: Gate
    tls: ssl.SSLContext | None
    names: tuple[str, ...]

    @property
    def scheme(self) -> str:
        return "http" if self.tls is None else "https"


class PageServer:
    """Serves the pages with one listener for each address, and one gate for all listeners."""

    def __init__(
        self,
        places: Sequence[PageAddress],
        port: int,
        pages: LocalPages,
        gate: Gate,
        *,
        tls: ssl.SSLContext | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Bind the port at each address; ``port`` 0 binds a free port, another one at each address.
        ``names``: further host names of the gateway. Raises EdgeAgentError if the port is in use."""
        shared = _Shared(pages, gate, tls, tuple(names))
        limiter = _RequestLimiter()
        self._listeners: list[_Listener] = []
        self._threads: list[threading.Thread] = []
        for place in places:
            try:
                self._listeners.append(_Listener(place, port, shared, limiter))
            except OSError as error:
                self.stop()
                content = f"{place.host}:{port}: cannot listen: {error.strerror}"
                raise EdgeAgentError(f"{content}; another run of this page may be open") from error

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"{listener.shared.scheme}://{listener.host}/" for listener in self._listeners)

    def start(self) -> None:
        for listener in self._listeners:
            name = f"page-{listener.host}"
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
    """Limits the requests of all listeners together to ``MAX_REQUESTS`` slots. If all are taken, a new client
    gets the slot of the longest incomplete request, so six slow clients cannot block the page."""

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

    @contextlib.contextmanager
    def replaced(self, connection: socket, by: socket) -> Iterator[None]:
        """Count the connection as the socket ``by`` inside ``with``, as TLS detaches the accepted one."""
        with self._lock:
            self._asking.pop(connection, None)
            self._asking[by] = None
        try:
            yield
        finally:
            self.mark_complete(by)

    def mark_complete(self, connection: socket) -> None:
        """Record that the request is complete and is being answered: it keeps its slot from now on."""
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

    def __init__(self, place: PageAddress, port: int, shared: _Shared, limiter: _RequestLimiter) -> None:
        self.place, self.shared, self.limiter = place, shared, limiter
        if place.address.version == 6:
            self.address_family = AF_INET6
        super().__init__((str(place.address), port), _Handler)
        port = self.server_address[1]
        default = shared.tls is not None and port == HTTPS_PORT  # then no port in ``Host``
        self.host = place.host if default else f"{place.host}:{port}"
        self.hosts = (self.host, *(name if default else f"{name}:{port}" for name in shared.names))

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Admit the client if its address is allowed and a slot is free; others get no answer."""
        return self.place.admits(client_address[0]) and self.limiter.acquire(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            if self.shared.tls is None:
                super().process_request_thread(request, client_address)
            else:
                self._process_tls(request, client_address, self.shared.tls)
        finally:
            self.limiter.release(request)

    def _process_tls(self, request: socket, client_address: Any, tls: ssl.SSLContext) -> None:
        """Make the TLS handshake on the thread of the request, so that a slow client delays no other."""
        request.settimeout(SILENT_S)
        wrapped = tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        with self.limiter.replaced(request, wrapped):
            try:
                wrapped.do_handshake()
            except OSError:  # ssl.SSLError is one: a phone that does not accept the certificate
                self.shutdown_request(wrapped)
            else:
                super().process_request_thread(wrapped, client_address)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Ignore a phone that closed the connection during an answer; log any other failure."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request of %s failed", client_address[0])


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENT_S
    server_version, sys_version = "edge-agent", ""

    @property
    def _at(self) -> _Listener:
        return cast(_Listener, self.server)

    @property
    def _pages(self) -> LocalPages:
        return self._at.shared.pages

    def do_GET(self) -> None:
        self._at.limiter.mark_complete(self.connection)
        if not self._is_wanted():
            return
        parts = urllib.parse.urlsplit(self.path)
        if (public := self._pages.public(parts.path)) is not None:
            self._send(public)
        elif self._at.shared.gate.admits(self._ticket()):
            self._send(self._pages.get(parts.path, parts.query))
        elif self._pages.is_entry(parts.path):
            self._code_form(parts.path)
        else:
            self._send(refusal(HTTPStatus.FORBIDDEN, "code"))

    def do_POST(self) -> None:
        if not self._is_wanted() or not self._take_post():
            self._discard_body()

    def _take_post(self) -> bool:
        """Answer a POST. Return False if the request was refused and its body not read."""
        path = urllib.parse.urlsplit(self.path).path
        admitted = self._at.shared.gate.admits(self._ticket())
        limit = self._pages.max_body(path) if admitted else 0
        may_type = self._pages.is_entry(path) and not limit
        length = self._length(MAX_FORM_BYTES if may_type else limit)
        here = f"{self._at.shared.scheme}://{self._host()}"
        if not admitted and not self._pages.is_entry(path):
            self._send(refusal(HTTPStatus.FORBIDDEN, "code"))
        elif length is None or not (may_type or limit):
            self._send(refusal(HTTPStatus.BAD_REQUEST, "bad-request"))
        elif self.headers.get("Origin", here) != here:
            self._send(refusal(HTTPStatus.FORBIDDEN, "origin"))
        else:
            body = self.rfile.read(length)
            self._at.limiter.mark_complete(self.connection)
            if limit:
                self._send(self._pages.post(path, body))
            else:
                self._type_code(path, body)
            return True
        return False

    def _discard_body(self) -> None:
        """Receive the rest of the body for up to ``DISCARD_S``. If the server closed a connection with bytes
        that it had not received, TCP would reset the connection, and the phone might lose the answer."""
        self.connection.settimeout(DISCARD_S)
        until_mono = time.monotonic() + DISCARD_S
        with contextlib.suppress(OSError):
            self.connection.shutdown(SHUT_WR)  # under TLS, what follows is received without decrypting it
            while self.connection.recv(65_536) and time.monotonic() < until_mono:
                pass

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the terminal is for the technician."""

    def _length(self, limit: int) -> int | None:
        """Return the length of the body; None if it is invalid or above ``limit``."""
        length = self.headers.get("Content-Length", "")
        # Two lengths allow a request to be smuggled past a proxy.
        odd = "Transfer-Encoding" in self.headers or len(self.headers.get_all("Content-Length", [])) > 1
        return None if odd or not length.isdigit() or int(length) > limit else int(length)

    def _type_code(self, path: str, body: bytes) -> None:
        form = urllib.parse.parse_qs(body.decode("ascii", "replace"))
        ticket = self._at.shared.gate.claim(form.get("code", [""])[0])
        if ticket is None:
            self._code_form(path, HTTPStatus.FORBIDDEN, wrong=True)
            return
        secure = "" if self._at.shared.tls is None else "; Secure"
        cookie = f"{self._pages.cookie}={ticket}; Path=/; HttpOnly; SameSite=Strict{secure}"
        headers = {"Location": path, "Set-Cookie": cookie}
        self._send(PageAnswer("text/plain", b"", HTTPStatus.SEE_OTHER, headers))

    def _is_wanted(self) -> bool:
        if self._host() not in self._names():
            self._send(refusal(HTTPStatus.MISDIRECTED_REQUEST, "host"))
            return False
        if self._at.shared.gate.ended:
            self._send(refusal(HTTPStatus.GONE, "ended"))
            return False
        return True

    def _host(self) -> str:
        return self.headers.get("Host", "")

    def _names(self) -> tuple[str, ...]:
        listener = self._at
        if listener.place.address.is_loopback:
            # ssh -L may forward any port to this one.
            return (self._host(),) if self._host().partition(":")[0] in ("127.0.0.1", "localhost") else ()
        return listener.hosts

    def _ticket(self) -> str | None:
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get(self._pages.cookie)
        except CookieError:
            return None
        return None if morsel is None else morsel.value

    def _code_form(self, path: str, status: HTTPStatus = HTTPStatus.OK, *, wrong: bool = False) -> None:
        says = "taken" if self._at.shared.gate.is_claimed else "wrong" if wrong else "code"
        self._send(self._pages.code_form(path, says, status))

    def _send(self, answer: PageAnswer) -> None:
        self.send_response(answer.status)
        if answer.status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in {**HEADERS, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
