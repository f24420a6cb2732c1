"""The context of a request: its user, form and language, an open connection, and what all pages share.

A page is a function from a context to a response.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from edge_agent.core.clock import Clock
from edge_central.cases.model import CaseAuthor
from edge_central.claims.boxes_file import BoxesFile
from edge_central.commands.records import is_under_way
from edge_central.console.alarms.model import AlarmBar, QueueItem
from edge_central.console.alarms.queue import foremost_alarms, read_alarm_bar
from edge_central.console.events import EventStory, read_story
from edge_central.console.fleet import Fleet, read_fleet
from edge_central.console.incident_log import LogAuthor
from edge_central.console.reported_names import with_reported
from edge_central.console.site_names import FleetSheet, Names
from edge_central.metrics.request_metrics import RequestMetrics
from edge_central.rehearsals.rule_names import RuleNames
from edge_central.searches.model import SearchAuthor, SearchReader
from edge_central.settings import CentralSettings, Console
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import Scope
from edge_central.web.auth.access_log import MediaAccessLog
from edge_central.web.auth.account_changes import AccountAuthor
from edge_central.web.auth.accounts import ACTING_ROLES, ADMIN_ROLES, Account, AccountSetup
from edge_central.web.auth.oidc.provider import OidcProvider
from edge_central.web.auth.pending_login import PendingLogins
from edge_central.web.auth.second_factor import SecondFactors
from edge_central.web.auth.sessions import Cookies, LoginSession, LoginSessions, csrf_token
from edge_central.web.auth.throttle import DeviceCookies, LoginThrottle
from edge_central.web.http_errors import NotFound
from edge_central.web.i18n import Lang
from edge_central.web.live.hub import LiveHub
from edge_central.web.push.vapid import VapidKey
from edge_central.web.templates import Templates


@dataclass(frozen=True, slots=True)
class ConsoleServices:
    settings: CentralSettings
    console: Console
    clock: Clock
    connections: DatabaseConnections
    sessions: LoginSessions
    cookies: Cookies
    templates: Templates
    throttle: LoginThrottle
    devices: DeviceCookies
    pending: PendingLogins
    second_factors: SecondFactors
    hub: LiveHub
    media_access_log: MediaAccessLog
    sheet: FleetSheet
    boxes: BoxesFile
    request_metrics: RequestMetrics
    push_key: VapidKey | None  # None: Web Push is not configured
    oidc: OidcProvider | None  # None: sign-in through a provider is not configured


MOST_FOREMOST = 3  # maximum number of alarms at the top of every page
ALARMS_ONLY = "/account"
"""A page that every user may open, with the alarms and nothing else that changes: a page that answers a form
asks for it, because its own address may have no GET."""
MOST_DIGITS = 18  # maximum digits of a number in a path: 2**63, the limit of a database, has 19


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request whose user is unknown or irrelevant. Used on one worker thread."""

    request: Request
    form: Mapping[str, str]  # fields of a POST; if a field is repeated, its last value
    body: bytes  # of a POST in JSON; empty otherwise
    services: ConsoleServices
    connection: Connection  # for reading: it sees the database as it was when the request began
    lang: Lang
    now_ms: int
    mark: str  # position of the live stream when the request began: the page is at least as new

    @property
    def address(self) -> str:
        """Return the address of the client, as trusted proxies report it."""
        return self.request.client.host if self.request.client else ""

    @property
    def cookies(self) -> Cookies:
        return self.services.cookies

    def query(self, name: str) -> str | None:
        """Return a parameter of the query; None if it is missing or empty."""
        return self.request.query_params.get(name) or None

    def path(self, name: str) -> str:
        """Return the part of the path that the page calls ``{name}``."""
        return str(self.request.path_params[name])

    def number(self, name: str) -> int:
        """Return a part of the path as a number. Raises NotFound for any other text."""
        text = self.path(name)
        if not text.isdecimal() or len(text) > MOST_DIGITS:
            raise NotFound
        return int(text)

    def writing(self) -> AbstractContextManager[Connection]:
        """Return one transaction. ``connection`` misses its changes: answer a POST with ``redirect``."""
        return self.services.connections.writing()

    def render(self, template: str, status: int = 200, **context: Any) -> Response:
        text = self.services.templates.render(template, self.lang, self._context() | context)
        return HTMLResponse(text, status)

    def redirect(self, to: str) -> Response:
        """Redirect to ``to``, a path of this server, after a POST."""
        return RedirectResponse(to, 303)

    def _context(self) -> dict[str, Any]:
        url = self.request.url
        here = f"{url.path}?{url.query}" if url.query else url.path
        return {
            "account": None,
            "now_ms": self.now_ms,
            "path": url.path,
            "this_page": here,
            "here": quote(here, safe="/"),
        }


@dataclass(frozen=True, slots=True)
class UserRequestContext(RequestContext):
    """A request of an authenticated user or program."""

    account: Account
    session: LoginSession | None  # None: a program with a token
    secret: str  # value of the session's cookie; empty for a program
    setup: AccountSetup | None
    """What the user has to do first. Until then pages show nothing of the fleet."""

    @property
    def scope(self) -> Scope:
        """Return the scope for every database query."""
        return self.account.scope

    @property
    def names(self) -> Names:
        """Return the names of wards, sites and cameras; names that are not in the sheet as gateways of the
        user's scope report them."""
        return with_reported(self.services.sheet.names(), self.connection, self.scope)

    @property
    def may_act(self) -> bool:
        return self.account.role in ACTING_ROLES

    @property
    def is_admin(self) -> bool:
        return self.account.role in ADMIN_ROLES

    @property
    def author(self) -> LogAuthor:
        """Return the account as the author of steps in the incident log."""
        return LogAuthor(self.account.name, self.now_ms)

    @property
    def account_author(self) -> AccountAuthor:
        return AccountAuthor(self.account.name, self.address, self.now_ms)

    @property
    def search_author(self) -> SearchAuthor:
        return SearchAuthor(self.account.name, self.address, self.scope)

    @property
    def search_reader(self) -> SearchReader:
        """Return the reader that says which searches the account may read."""
        return self.account.search_reader

    @property
    def case_author(self) -> CaseAuthor:
        return CaseAuthor(self.account.name, self.address, self.scope, self.is_admin)

    def fleet(self, scope: Scope | None = None, gateway: str | None = None) -> Fleet:
        """Return the fleet as it is now, in the user's scope, a narrower one, or only ``gateway``."""
        return read_fleet(self.connection, self.names, scope or self.scope, self.now_ms, gateway)

    def alarm_bar(self) -> AlarmBar:
        """Return what every page shows of the open alarms in the scope of the user."""
        return read_alarm_bar(self.connection, self.scope, self.now_ms)

    def foremost_alarms(self) -> tuple[QueueItem, ...]:
        return foremost_alarms(self.connection, self.scope, self.now_ms, MOST_FOREMOST)

    def picture_is_asked(self, gateway: str, camera: str) -> bool:
        """Whether a picture of this camera was requested and has not arrived yet."""
        return is_under_way(self.connection, gateway, "snapshot", camera, self.now_ms)

    def story(self) -> EventStory:
        """Return the event with the cursor in the path. Raises NotFound."""
        found = read_story(self.connection, self.scope, self.number("cursor"))
        if found is None:
            raise NotFound
        return found

    def ward(self, ward: str) -> Scope:
        """Return the scope of one ward. Raises NotFound if the account may not see the ward."""
        if not self.scope.admits(ward):
            raise NotFound("there is no such ward, or you may not see it")
        return self.scope.narrowed(ward)

    def _context(self) -> dict[str, Any]:
        answers_form = self.request.method == "POST"
        # Not super(): a dataclass with slots is a second class, and super() without arguments uses the first.
        return RequestContext._context(self) | {
            "account": None if self.setup else self.account,
            "setup": self.setup,
            "csrf": csrf_token(self.secret),
            "may_act": self.may_act,
            "is_admin": self.is_admin,
            "live": self.mark,
            "refresh": None,
            **(dict.fromkeys(("refresh", "here", "this_page"), ALARMS_ONLY) if answers_form else {}),
            "names": self.names,
            "alarm_bar": cache(self.alarm_bar),
            "foremost_alarms": self.foremost_alarms,
            "rule_names": RuleNames(self.connection, self.scope),
            "picture_is_asked": self.picture_is_asked,
            "recorder_link": self.services.console.recorder_link,
        }
