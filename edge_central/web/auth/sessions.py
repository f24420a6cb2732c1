"""Sessions of logged-in users, and the cookies of the console.

The token of a session is in a cookie; its digest is in the database. With https the names of cookies begin
with ``__Host-``: a browser then accepts them from this host only, and never sends them unencrypted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from starlette.requests import Request
from starlette.responses import Response

from edge_central.settings import Console
from edge_central.store import tables
from edge_central.web.auth.accounts import Account, find_account, new_token, token_digest

SEEN_EVERY_MS = 60_000  # resolution of the last use of a session, so that not every page costs a commit

AHEAD_MS = 300_000
"""A session that begins later than this was made while the clock was ahead, and would last too long."""


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A session of one browser of one account. ``key``: the digest of its token."""

    key: str
    account: Account
    seen_ms: int
    confirmed_ms: int
    """When the user last typed the password: at the login, or at a later confirmation. For a user of a
    provider: when the user last logged in there, or 0 if the provider does not say when."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session in a list. ``id``: a part of its key, enough to name it among the sessions of one account."""

    id: str
    begun_ms: int
    seen_ms: int
    address: str


ID_CHARACTERS = 16


def may_log_in(account: Account, console: Console) -> bool:
    """Whether the configuration still allows the way in which the account logs in."""
    provider = console.oidc
    if account.identity is None:
        return console.allows_password(account.name)
    return provider is not None and account.identity.issuer == provider.issuer


class LoginSessions:
    """The sessions in the database. Their ages use wall time, because sessions survive a restart."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._idle_ms = round(console.idle_s * 1000)
        self._life_ms = round(console.session_s * 1000)

    def begin(self, connection: Connection, account: str, address: str, now_ms: int) -> str:
        """Begin a session and return its token."""
        token = new_token()
        self.delete_expired(connection, now_ms)
        connection.execute(
            insert(tables.session).values(
                token_sha256=token_digest(token),
                account=account,
                created_ms=now_ms,
                seen_ms=now_ms,
                address=address,
            )
        )
        return token

    def find(self, connection: Connection, token: str | None, now_ms: int) -> LoginSession | None:
        """Return the session of a token. None: there is none, or it has expired."""
        if not token:
            return None
        key, columns = token_digest(token), tables.session.c
        row = connection.execute(select(tables.session).where(columns.token_sha256 == key)).first()
        if row is None or not (
            now_ms - self._idle_ms <= row.seen_ms <= now_ms + AHEAD_MS
            and now_ms - self._life_ms <= row.created_ms <= now_ms + AHEAD_MS
        ):
            return None
        account = find_account(connection, row.account)
        if account is None or account.disabled:  # the session was begun while the account was being disabled
            return None
        if not may_log_in(account, self._console):
            return None
        at_login_ms = row.created_ms if account.identity is None else 0
        confirmed_ms = at_login_ms if row.confirmed_ms is None else row.confirmed_ms
        return LoginSession(key, account, row.seen_ms, confirmed_ms)

    def confirm(self, connection: Connection, key: str, now_ms: int) -> None:
        """Record that the user typed the password again, which counts from now on as the login."""
        this = tables.session.c.token_sha256 == key
        connection.execute(update(tables.session).where(this).values(confirmed_ms=now_ms))

    def of_account(self, connection: Connection, account: str, now_ms: int) -> list[OpenSession]:
        """Return the sessions of an account, the last used first."""
        columns = tables.session.c
        wanted = select(tables.session).where(columns.account == account, *self._valid(now_ms))
        return [
            OpenSession(row.token_sha256[:ID_CHARACTERS], row.created_ms, row.seen_ms, row.address)
            for row in connection.execute(wanted.order_by(columns.seen_ms.desc()))
        ]

    def count_by_account(self, connection: Connection, now_ms: int) -> dict[str, int]:
        account = tables.session.c.account
        wanted = select(account, func.count()).where(*self._valid(now_ms)).group_by(account)
        return {row[0]: row[1] for row in connection.execute(wanted)}

    def end_listed(self, connection: Connection, account: str, id_: str) -> bool:
        """End the session ``id_`` of an account. Returns False if there is none."""
        columns = tables.session.c
        of_account = (columns.account == account, func.substr(columns.token_sha256, 1, ID_CHARACTERS) == id_)
        return connection.execute(delete(tables.session).where(*of_account)).rowcount > 0

    def end_others(self, connection: Connection, account: str, key: str) -> None:
        """End all sessions of an account except ``key``."""
        columns = tables.session.c
        others = (columns.account == account, columns.token_sha256 != key)
        connection.execute(delete(tables.session).where(*others))

    def _valid(self, now_ms: int) -> tuple[ColumnElement[bool], ...]:
        columns = tables.session.c
        return (
            columns.seen_ms.between(now_ms - self._idle_ms, now_ms + AHEAD_MS),
            columns.created_ms.between(now_ms - self._life_ms, now_ms + AHEAD_MS),
        )

    def valid_keys(self, connection: Connection, keys: set[str], now_ms: int) -> set[str]:
        """Return the keys of the sessions that are still valid."""
        columns = tables.session.c
        return set(
            connection.scalars(
                select(columns.token_sha256)
                .join(tables.account, tables.account.c.name == columns.account)
                .where(columns.token_sha256.in_(keys), tables.account.c.disabled_ms.is_(None))
                .where(*self._valid(now_ms))
            )
        )

    def mark_used(self, connection: Connection, keys: set[str], now_ms: int) -> None:
        """Record that the sessions are in use."""
        columns = tables.session.c
        connection.execute(
            update(tables.session).where(columns.token_sha256.in_(keys)).values(seen_ms=now_ms)
        )

    def end(self, connection: Connection, key: str) -> None:
        connection.execute(delete(tables.session).where(tables.session.c.token_sha256 == key))

    def delete_expired(self, connection: Connection, now_ms: int) -> None:
        columns = tables.session.c
        over = (columns.seen_ms < now_ms - self._idle_ms) | (columns.created_ms < now_ms - self._life_ms)
        over |= columns.created_ms > now_ms + AHEAD_MS
        connection.execute(delete(tables.session).where(over))


def csrf_token(secret: str) -> str:
    """Return a new token for the forms of one page. ``secret``: value of the session's or login cookie. It
    differs every time, because otherwise the sizes of compressed pages would reveal it (BREACH)."""
    mask = secrets.token_bytes(32)
    return base64.urlsafe_b64encode(mask + _xor(mask, _mac(secret))).decode()


def csrf_matches(token: str | None, secret: str) -> bool:
    try:
        octets = base64.urlsafe_b64decode((token or "").encode("ascii"))
    except (ValueError, UnicodeError):
        return False
    return len(octets) == 64 and hmac.compare_digest(_xor(octets[:32], octets[32:]), _mac(secret))


def _mac(secret: str) -> bytes:
    return hmac.new(secret.encode(), b"form", hashlib.sha256).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


LANG_S = 400 * 86_400  # the longest lifetime that browsers allow a cookie (RFC 6265bis)
DEVICE_S = 180 * 86_400
LOGIN_S = 3_600
SIGN_IN_S = 600


@dataclass(frozen=True, slots=True)
class Cookie:
    name: str
    age_s: int | None = None  # None: until the browser is closed
    script: bool = False  # whether scripts of the page may read it


SESSION_COOKIE = Cookie("session")
LOGIN_COOKIE = Cookie("login", LOGIN_S)
"""Binds the form of the login page to this browser while there is no session."""
DEVICE_COOKIE = Cookie("device", DEVICE_S)  # is set after a login from this browser (throttle.py)
LANGUAGE_COOKIE = Cookie("lang", LANG_S)
PROVIDER_COOKIE = Cookie("sign-in", SIGN_IN_S)
"""Has the data of a sign-in while the user is at the provider (oidc/pending.py)."""


@dataclass(frozen=True, slots=True)
class Cookies:
    secure: bool

    def get(self, request: Request, cookie: Cookie) -> str | None:
        return request.cookies.get(self._name(cookie)) or None

    def set(self, response: Response, cookie: Cookie, value: str) -> None:
        response.set_cookie(
            self._name(cookie),
            value,
            max_age=cookie.age_s,
            secure=self.secure,
            httponly=not cookie.script,
            samesite="lax",  # with strict, a user who follows a link in a message would have to log in again
        )

    def clear(self, response: Response, cookie: Cookie) -> None:
        response.delete_cookie(
            self._name(cookie), secure=self.secure, httponly=not cookie.script, samesite="lax"
        )

    def _name(self, cookie: Cookie) -> str:
        return f"__Host-{cookie.name}" if self.secure else cookie.name
