"""Logins of ONVIF clients: a token as bearer, HTTP Digest, or a WS-UsernameToken with a digest.

A browser's cookie is no login here, so a page of another site cannot use the service. ONVIF's clients support
MD5 and SHA-1 only; a password of 160 random bits cannot be guessed from such a digest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from urllib.parse import urlsplit, urlunsplit
from urllib.request import parse_http_list, parse_keqv_list

from sqlalchemy import Connection
from starlette.requests import Request

from edge_agent.core.clock import Clock
from edge_central.onvif.soap.envelope import SoapRequest, UsernameToken
from edge_central.onvif.soap.values import parse_time
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import PROGRAM_ROLES, Account
from edge_central.web.http_errors import NotLoggedIn
from edge_central.web.onvif.password import onvif_password
from edge_central.web.request_handler import Principal, RequestHandler

REALM = "edge-central"
NONCE_S = 300.0
"""How long the nonce of a challenge is valid; after that the client gets a new one."""
CREATED_WITHIN_S = 300.0
"""How far the clock of a client with a WS-UsernameToken may be wrong."""
MAX_NONCES = 50_000
MAX_TEXT = 200
_DIGEST_TYPE = "#PasswordDigest"


class NonceNotValid(NotLoggedIn):
    """The nonce is too old, or this process did not make it: the client logs in again with a new nonce."""


class OnvifLogins:
    """Authenticates ONVIF clients. Thread-safe."""

    def __init__(self, console_key: bytes, clock: Clock) -> None:
        self._console_key = console_key
        # New at each start, because the times in nonces and the list of used nonces belong to this process.
        self._nonce_key = secrets.token_bytes(32)
        self._clock = clock
        self._lock = threading.Lock()  # protects the used logins: each is accepted once
        self._used: OrderedDict[bytes, float] = OrderedDict()

    def authenticate(
        self, handler: RequestHandler, request: Request, soap: SoapRequest, connection: Connection
    ) -> Principal:
        """Return the program that has logged in. Raises NotLoggedIn, Forbidden."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer":
                return handler.authenticate(request, connection, PROGRAM_ROLES)
            case "digest":
                return self._by_digest(request, value, connection)
        if soap.token is not None:
            return self._by_username_token(soap.token, connection)
        raise NotLoggedIn("log in with a token, HTTP Digest or a WS-UsernameToken")

    def challenge(self, *, stale: bool = False) -> str:
        """Return the header WWW-Authenticate of a response 401. ``stale``: only the nonce was not valid.
        Without it, clients such as libcurl assume that the password is wrong, and give up."""
        more = ", stale=true" if stale else ""
        return f'Digest realm="{REALM}", qop="auth", algorithm=MD5, nonce="{self._new_nonce()}"{more}'

    # --- HTTP Digest (RFC 7616) ---

    def _by_digest(self, request: Request, header: str, connection: Connection) -> Principal:
        try:
            fields = parse_keqv_list(parse_http_list(header))
            target = urlunsplit(("", "", *urlsplit(fields.get("uri", ""))[2:4], ""))
        except (ValueError, IndexError):
            raise NotLoggedIn("the header Authorization has no valid digest") from None
        if fields.get("qop") != "auth" or fields.get("algorithm", "MD5").upper() != "MD5":
            raise NotLoggedIn("a digest must have qop=auth and algorithm=MD5")
        if not self._is_own_nonce(fields.get("nonce", "")):
            raise NonceNotValid("the nonce is too old")
        if target != request.url.path + (f"?{request.url.query}" if request.url.query else ""):
            raise NotLoggedIn("the digest was made for another address")
        uri = fields.get("uri", "")
        account, password, digest = self._account(connection, fields.get("username", ""))
        secret = _md5(f"{fields.get('username', '')}:{REALM}:{password}")
        middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        wanted = _md5(f"{secret}:{middle}:{_md5(f'{request.method}:{uri}')}")
        found = _principal(wanted, fields.get("response", ""), account, digest)
        self._use_once(middle, NONCE_S)
        return found

    def _new_nonce(self) -> str:
        text = f"{self._clock.monotonic():.0f}-{secrets.token_hex(8)}"
        return f"{text}-{self._mac(text)}"

    def _is_own_nonce(self, nonce: str) -> bool:
        text, _, mac = nonce.rpartition("-")
        if not hmac.compare_digest(mac.encode(), self._mac(text).encode()):
            return False
        return self._clock.monotonic() - float(text.partition("-")[0]) <= NONCE_S

    def _mac(self, text: str) -> str:
        return hmac.new(self._nonce_key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    # --- WS-UsernameToken (OASIS, Username Token Profile 1.1, section 3.1) ---

    def _by_username_token(self, token: UsernameToken, connection: Connection) -> Principal:
        created = parse_time(token.created)
        now = self._clock.now()
        if created is None or abs((created - now).total_seconds()) > CREATED_WITHIN_S:
            raise NotLoggedIn(
                "the time of the login is too far from the present time: set the clock of the client"
            )
        if not token.type.endswith(_DIGEST_TYPE):
            raise NotLoggedIn("a WS-UsernameToken must have a PasswordDigest")
        try:
            nonce = base64.b64decode(token.nonce, validate=True)
        except ValueError:
            raise NotLoggedIn("the nonce is not base64") from None
        account, password, digest = self._account(connection, token.name)
        hashed = hashlib.sha1(nonce + token.created.encode() + password.encode(), usedforsecurity=False)
        found = _principal(base64.b64encode(hashed.digest()).decode(), token.password, account, digest)
        # The key contains the digest as text, because base64 can write one nonce in several ways.
        self._use_once(f"{token.name} {token.password}", 2 * CREATED_WITHIN_S)
        return found

    def _use_once(self, login: str, lasts_s: float) -> None:
        """Refuse a login that was sent before; ``lasts_s``: how long it is valid. Raises NotLoggedIn."""
        now, key = self._clock.monotonic(), hashlib.sha256(login.encode("utf-8", "replace")).digest()
        with self._lock:
            while self._used and (len(self._used) >= MAX_NONCES or next(iter(self._used.values())) <= now):
                self._used.popitem(last=False)
            if key in self._used:
                raise NotLoggedIn("this login was used before")
            self._used[key] = now + lasts_s

    def _account(self, connection: Connection, name: str) -> tuple[Account | None, str, str]:
        """Return the program of this name, its password and the digest of its token. If there is no such
        program, the password is random, so that the answer takes equally long."""
        found = accounts.program_with_digest(connection, name[:MAX_TEXT])
        account, digest = (None, secrets.token_hex()) if found is None else found
        return account, onvif_password(self._console_key, name[:MAX_TEXT], digest), digest


def _principal(wanted: str, given: str, account: Account | None, digest: str) -> Principal:
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")) or account is None:
        raise NotLoggedIn("name or password is wrong")
    return Principal(account, None, "", digest)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
