"""Connects the routes to the pages: parses the request, authenticates and authorises the user, calls the page
on a worker thread, and makes the response."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from sqlalchemy import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from edge_agent.core.clock import wall_ms
from edge_central.store.database import MAX_READS, DatabaseRejected, DatabaseUnavailable
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import (
    HUMAN_ROLES,
    Account,
    AccountSetup,
    Role,
    setup_needed,
    token_digest,
)
from edge_central.web.auth.sessions import (
    LANGUAGE_COOKIE,
    SEEN_EVERY_MS,
    SESSION_COOKIE,
    LoginSession,
    csrf_matches,
)
from edge_central.web.http_errors import (
    BadRequest,
    Forbidden,
    HttpError,
    NotLoggedIn,
    SetupNeeded,
    TooLarge,
    Unavailable,
    error_response,
)
from edge_central.web.i18n import Lang, preferred_language
from edge_central.web.request_context import ConsoleServices, RequestContext, UserRequestContext

log = logging.getLogger(__name__)

MOST_FORM_BYTES = 65_536
MOST_FIELDS = 1_000  # each site that is ticked in the form of a search is a field
FORM_WITHIN_S = 15.0
MOST_WAITING = 64  # requests that may wait for a thread; further requests get 503 with ``Retry-After``
MOST_OUTGOING = 4  # requests to other servers at the same time
RETRY_AFTER_S = 3
COMPRESS_FROM_BYTES = 1_400
"""A smaller response fits one packet, so compression does not make it faster."""
COMPRESS_LEVEL = 4
COMPRESSIBLE = ("text/", "application/json", "application/problem+json", "image/svg+xml")

FOR_PROGRAMS = ("/api/", "/metrics")
"""Addresses that respond 401 if there is no login; for other addresses a browser gets the login page."""
CHANGING = ("POST", "DELETE")  # methods that a page of another site must not use

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page for logged-in users. A ``POST`` or ``DELETE`` needs the CSRF token of a form of the console."""

    path: str
    answer: Callable[[UserRequestContext], Response]
    method: str = "GET"
    roles: frozenset[Role] = HUMAN_ROLES
    slow: bool = False
    """The page hashes a password: it runs on separate threads, so that other requests do not wait."""
    json: bool = False
    """The body of a ``POST`` is JSON. A program with a token needs no CSRF token, because no browser sends
    the header with the token by itself."""
    during_setup: bool = False
    """The page is also open to users who first have to choose a password or set up a second factor. Other
    pages redirect them to the page on which they do it."""


@dataclass(frozen=True, slots=True)
class PublicPage:
    """A page without login, which makes its own checks."""

    path: str
    answer: Callable[[RequestContext], Response]
    method: str = "GET"
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated user or program."""

    account: Account
    session: LoginSession | None
    secret: str
    key: str  # digest of the session's or API token, to check later whether it is still valid
    setup: AccountSetup | None = None  # what the user has to do first


class _WorkerThreads:
    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, name)
        self._asked = 0
        self._most_asked = most + MOST_WAITING

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` on a thread. Raises Unavailable if too many requests wait already."""
        if self._asked >= self._most_asked:
            raise Unavailable("too many requests at once", retry_after_s=RETRY_AFTER_S)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._asked -= 1

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class RequestHandler:
    def __init__(self, services: ConsoleServices) -> None:
        self.services = services
        self._quick = _WorkerThreads("console", MAX_READS)
        self._slow = _WorkerThreads("console-slow", 2)
        self._waiting = _WorkerThreads("console-waiting", MOST_OUTGOING)

    def close(self) -> None:
        self._quick.close()
        self._slow.close()
        self._waiting.close()

    def endpoint(self, page: Page | PublicPage) -> Endpoint:
        """Return the endpoint of a page, for a route of Starlette."""

        async def answer(request: Request) -> Response:
            try:
                form, body = await _form_and_body(page, request)
                threads = self._slow if page.slow else self._quick
                return await threads.run(partial(self._answer, page, request, form, body))
            except HttpError as refusal:
                return self.error_response(request, refusal)

        return answer

    async def run_in_thread(self, work: Callable[[], T]) -> T:
        """Run ``work`` on a thread that may wait for the database. Raises Unavailable."""
        return await self._quick.run(work)

    async def run_waiting(self, work: Callable[[], T]) -> T:
        """Run ``work`` on a thread that may wait for another server, so that pages and logins are not
        delayed. No database connection is open meanwhile. Raises Unavailable."""
        return await self._waiting.run(work)

    async def answer_public(self, request: Request, answer: Callable[[RequestContext], Response]) -> Response:
        """Return the response of ``answer``, like a PublicPage's, for an endpoint. Raises HttpError."""
        page = PublicPage(request.url.path, answer)
        return await self._quick.run(partial(self._answer, page, request, {}, b""))

    async def authenticate_async(self, request: Request, roles: frozenset[Role]) -> Principal:
        """Call ``authenticate`` from the event loop. Also raises Unavailable."""

        def ask() -> Principal:
            with self.reading(request) as connection:
                return self.authenticate(request, connection, roles)

        return await self.run_in_thread(ask)

    def authenticate(
        self, request: Request, connection: Connection, roles: frozenset[Role], *, during_setup: bool = False
    ) -> Principal:
        """Authenticate by the API token, else by the cookie. Raises NotLoggedIn, Forbidden, SetupNeeded."""
        found = self._by_token(request, connection) or self._by_cookie(request, connection)
        if found.account.role not in roles:
            raise Forbidden("your role does not allow this")
        if found.setup is not None and not during_setup:
            raise SetupNeeded(found.setup.value)
        return found

    def error_response(self, request: Request, refusal: HttpError) -> Response:
        """Return the response to a refused request: a browser gets the login or setup, others an error."""
        if isinstance(refusal, SetupNeeded) and _is_navigation(request):
            return RedirectResponse(refusal.page, 303)
        if isinstance(refusal, NotLoggedIn) and _is_navigation(request):
            url = request.url
            here = f"{url.path}?{url.query}" if url.query else url.path
            return RedirectResponse("/login" if here == "/" else f"/login?next={quote(here, safe='')}", 303)
        return error_response(request, refusal, self.services.templates, self.lang(request))

    def lang(self, request: Request) -> Lang:
        cookie = self.services.cookies.get(request, LANGUAGE_COOKIE)
        return preferred_language(cookie, request.headers.get("accept-language", ""))

    def _answer(
        self, page: Page | PublicPage, request: Request, form: Mapping[str, str], body: bytes
    ) -> Response:
        mark = self.services.hub.mark()  # before the database is read, so that the page is at least as new
        with self.reading(request) as connection:
            response = self._call_page(page, request, form, body, connection, mark)
        return compressed(request, response)

    @contextmanager
    def reading(self, request: Request) -> Iterator[Connection]:
        """Open a read transaction for a request. Raises Unavailable."""
        try:
            with self.services.connections.reading() as connection:
                yield connection
        except (DatabaseUnavailable, DatabaseRejected) as error:
            log.warning("%s is answered with 503: %s", request.url.path, error)
            raise Unavailable("the database does not answer", retry_after_s=RETRY_AFTER_S) from error

    def _call_page(
        self,
        page: Page | PublicPage,
        request: Request,
        form: Mapping[str, str],
        body: bytes,
        connection: Connection,
        mark: str,
    ) -> Response:
        now_ms = wall_ms(self.services.clock)
        call = (request, form, body, self.services, connection, self.lang(request), now_ms, mark)
        if page.method in CHANGING:
            check_origin(request)
        if isinstance(page, PublicPage):
            return page.answer(RequestContext(*call))
        known = self.authenticate(request, connection, page.roles, during_setup=page.during_setup)
        if page.method in CHANGING and not (page.json and known.session is None):
            token = form.get("csrf") or request.headers.get("x-csrf-token")
            if known.session is None or not csrf_matches(token, known.secret):
                raise Forbidden("this form belongs to another session: load the page again")
        return page.answer(UserRequestContext(*call, known.account, known.session, known.secret, known.setup))

    def _by_token(self, request: Request, connection: Connection) -> Principal | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        account = accounts.account_by_token(connection, token.strip())
        if account is None:
            raise NotLoggedIn("this token is not known")
        return Principal(account, None, "", token_digest(token.strip()))

    def _by_cookie(self, request: Request, connection: Connection) -> Principal:
        token, now_ms = self.services.cookies.get(request, SESSION_COOKIE), wall_ms(self.services.clock)
        session = self.services.sessions.find(connection, token, now_ms)
        if session is None or token is None:
            raise NotLoggedIn("log in, or send a token")
        if now_ms - session.seen_ms >= SEEN_EVERY_MS:
            try:
                with self.services.connections.writing() as writing:
                    self.services.sessions.mark_used(writing, {session.key}, now_ms)
            except (DatabaseUnavailable, DatabaseRejected) as error:
                log.debug("a session is not noted as used: %s", error)  # the page is shown all the same
        setup = setup_needed(session.account, self.services.console.second_factor_roles)
        return Principal(session.account, session, token, session.key, setup)


def check_origin(request: Request) -> None:
    """Refuse a form of another site, by the headers that browsers send. Raises Forbidden."""
    origin = request.headers.get("origin")
    try:
        is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:  # the header is no address
        is_ours = False
    if not is_ours:
        raise Forbidden("this form was not sent by a page of this console")
    # "none": the user has sent the form again by reloading the page.
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Forbidden("this form was not sent by a page of this console")


def compressed(request: Request, response: Response) -> Response:
    """Compress a large text response with gzip. Call it on a worker thread: it is slow."""
    kind = response.headers.get("content-type", "")
    if not kind.startswith(COMPRESSIBLE) or "content-encoding" in response.headers:
        return response
    response.headers.add_vary_header("Accept-Encoding")
    if len(response.body) >= COMPRESS_FROM_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        response.body = gzip.compress(response.body, COMPRESS_LEVEL, mtime=0)
        response.headers["content-encoding"] = "gzip"
        response.headers["content-length"] = str(len(response.body))
    return response


async def _form_and_body(page: Page | PublicPage, request: Request) -> tuple[dict[str, str], bytes]:
    """Return the fields of a form, or a body in JSON. Raises BadRequest, TooLarge."""
    if page.method != "POST":
        return {}, b""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if isinstance(page, Page) and page.json:
        if kind != "application/json":
            raise BadRequest("the content type of the body must be application/json")
        return {}, await read_body(request)
    if kind not in ("application/x-www-form-urlencoded", ""):
        raise BadRequest("the content type of a form must be application/x-www-form-urlencoded")
    return _form(await read_body(request)), b""


async def read_body(request: Request) -> bytes:
    """Return the body of a form or a document. Raises BadRequest, TooLarge."""
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_FORM_BYTES:
                    raise TooLarge(f"a form has at most {MOST_FORM_BYTES} bytes")
    except TimeoutError:
        raise BadRequest(f"the form did not come within {FORM_WITHIN_S:.0f} s") from None
    except ClientDisconnect:
        raise BadRequest("the request has no valid form data") from None
    return bytes(body)


def _form(body: bytes) -> dict[str, str]:
    """Return the fields of a form. Raises BadRequest."""
    try:
        fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise BadRequest("the request has no valid form data") from None
    if any("\0" in name or "\0" in value for name, value in fields.items()):
        raise BadRequest("a field of the form has a NUL character")
    return fields


def _is_navigation(request: Request) -> bool:
    """Whether a person opens a page; False for a request of a script or a program."""
    if request.method not in ("GET", "HEAD") or request.url.path.startswith(FOR_PROGRAMS):
        return False
    return request.headers.get("sec-fetch-mode", "navigate") == "navigate"
