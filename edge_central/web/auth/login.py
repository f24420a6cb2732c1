"""Logging in and out: ``/login``, ``/logout``, ``/password``, ``/language``."""

from __future__ import annotations

import logging
import math

from sqlalchemy import Connection
from starlette.responses import Response

from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.auth import accounts
from edge_central.web.auth.account_changes import record_change
from edge_central.web.auth.accounts import (
    hash_password,
    new_token,
    password_fault,
    password_matches,
    token_digest,
)
from edge_central.web.auth.second_factor import FactorUsed, SecondFactorUnreadable, stored_factor
from edge_central.web.auth.sessions import (
    DEVICE_COOKIE,
    LANGUAGE_COOKIE,
    LOGIN_COOKIE,
    SESSION_COOKIE,
    csrf_matches,
    csrf_token,
)
from edge_central.web.auth.throttle import LoginAttempt
from edge_central.web.http_errors import Forbidden, NotFound
from edge_central.web.i18n import LANGS
from edge_central.web.request_context import RequestContext, UserRequestContext
from edge_central.web.request_handler import Page, PublicPage

log = logging.getLogger(__name__)


def safe_redirect_path(path: str | None) -> str:
    """Return ``path`` if it is on this server, else ``/``: a login never redirects to another site."""
    ours = path is not None and path.startswith("/") and path[1:2] not in ("/", "\\")
    return path if ours and path is not None and path.isprintable() else "/"


def log_in(call: RequestContext) -> Response:
    """Handle both steps of a login. The first step checks the password. If the account has a second factor,
    the form of the second step is sent here too, with the proof of the first step."""
    browser = call.cookies.get(call.request, LOGIN_COOKIE)
    if browser is None or not csrf_matches(call.form.get("csrf"), browser):
        return login_page(call, "login-old", 403)
    name = call.form.get("name", "").strip().lower()
    proof = call.form.get("proof")
    attempt = begin_attempt(call, name)
    if not isinstance(attempt, LoginAttempt):
        log.warning("a login from %s is refused unchecked: too many have failed", call.address)
        if proof is not None:
            return _code_page(call, name, proof, "login-wait", 429, minutes=math.ceil(attempt / 60))
        return login_page(call, "login-wait", 429, minutes=math.ceil(attempt / 60))
    if proof is not None:
        return _log_in_with_code(call, name, browser, proof, attempt)
    return _log_in_with_password(call, name, browser, attempt)


def _log_in_with_password(call: RequestContext, name: str, browser: str, attempt: LoginAttempt) -> Response:
    stored = accounts.password_of(call.connection, name)
    matches = password_matches(call.form.get("password", ""), stored)
    account = accounts.find_account(call.connection, name)
    if not matches or stored is None or account is None or account.disabled:
        log.warning("a login from %s has failed", call.address)
        return login_page(call, "login-wrong", 401)
    if account.one_time_until_ms is not None and account.one_time_until_ms < call.now_ms:
        return login_page(call, "login-expired", 401)
    call.services.throttle.succeeded(attempt)
    if not call.services.console.allows_password(name):
        return login_page(call, "login-provider-only", 403)
    if account.has_second_factor:
        return _code_page(call, name, call.services.pending.new(name, browser, stored, call.now_ms))
    return _logged_in(call, name, stored)


def _log_in_with_code(
    call: RequestContext, name: str, browser: str, proof: str, attempt: LoginAttempt
) -> Response:
    """Check the code of the second step. A wrong code counts like a wrong password."""
    stored = accounts.password_of(call.connection, name)
    if stored is None or not call.services.pending.is_valid(proof, name, browser, stored, call.now_ms):
        return login_page(call, "login-old", 403)
    try:
        with call.writing() as connection:
            factors, typed = call.services.second_factors, call.form.get("code", "")
            used = factors.accept(connection, name, typed, call.now_ms)
            if used is None:
                record_access(connection, AccessKind.LOGIN_CODE_WRONG, name, call.address, call.now_ms)
    except SecondFactorUnreadable:
        log.error("%s: the second factor was stored with another console.key: reset it", name)
        return login_page(call, "code-unreadable", 401)
    if used is None:
        log.warning("a login from %s has failed: wrong code", call.address)
        return _code_page(call, name, proof, "code-wrong", 401)
    call.services.throttle.succeeded(attempt)
    kind = AccessKind.LOGIN_RECOVERY if used is FactorUsed.RECOVERY else AccessKind.LOGIN
    return _logged_in(call, name, stored, kind, has_code=True)


def _logged_in(
    call: RequestContext,
    name: str,
    stored: str,
    kind: AccessKind = AccessKind.LOGIN,
    *,
    has_code: bool = False,
) -> Response:
    response = call.redirect(safe_redirect_path(call.form.get("next")))
    if not begin_session(call, response, name, stored, kind, has_code=has_code):
        return login_page(call, "login-wrong", 401)
    call.cookies.clear(response, LOGIN_COOKIE)
    return response


def begin_attempt(call: RequestContext, name: str) -> LoginAttempt | float:
    """Count an attempt at a password or code. Return it, or the seconds that the user has to wait."""
    cookie, factor = call.cookies.get(call.request, DEVICE_COOKIE), stored_factor(call.connection, name)
    device = call.services.devices.verified_nonce(cookie, name, factor)
    return call.services.throttle.begin(call.address, name, device)


def log_out(visit: UserRequestContext) -> Response:
    assert visit.session is not None
    with visit.writing() as connection:
        visit.services.sessions.end(connection, visit.session.key)
    response = visit.redirect("/login")
    visit.cookies.clear(response, SESSION_COOKIE)
    response.headers["Clear-Site-Data"] = '"cache"'  # deletes the pictures that this browser has cached
    return response


def password_page(
    visit: UserRequestContext, error: str | None = None, status: int = 200, **values: object
) -> Response:
    if visit.account.identity is not None:
        return visit.redirect("/account")
    return visit.render("password.html", status, error=error, values=values)


def change_password(visit: UserRequestContext) -> Response:
    if visit.account.identity is not None:
        raise Forbidden("the provider sets this password")
    name, old, new = visit.account.name, visit.form.get("old", ""), visit.form.get("new", "")
    attempt = begin_attempt(visit, name)
    if not isinstance(attempt, LoginAttempt):
        return password_page(visit, "login-wait", 429, minutes=math.ceil(attempt / 60))
    if not password_matches(old, accounts.password_of(visit.connection, name)):
        return password_page(visit, "login-wrong", 403)
    visit.services.throttle.succeeded(attempt)
    if new != visit.form.get("again"):
        return password_page(visit, "password-differs", 400)
    if password_fault(new) is not None:
        return password_page(visit, "password-weak", 400)
    if new == old:
        return password_page(visit, "password-same", 400)
    digest = hash_password(new)
    with visit.writing() as connection:
        accounts.set_password(connection, name, digest)
        record_change(connection, AccessKind.PASSWORD_CHANGED, visit.account_author, name)
    response = visit.redirect("/")
    confirmed_ms = None
    if visit.account.has_second_factor and visit.session is not None:
        confirmed_ms = visit.session.confirmed_ms  # no code was typed now, so this is not a new confirmation
    # The user gave a code when the session began.
    begin_session(visit, response, name, digest, has_code=True, confirmed_ms=confirmed_ms)
    return response


def choose_language(call: RequestContext) -> Response:
    lang = call.path("lang")
    if lang not in LANGS:
        raise NotFound
    response = call.redirect(safe_redirect_path(call.query("next")))
    call.cookies.set(response, LANGUAGE_COOKIE, lang)
    return response


def login_page(
    call: RequestContext, error: str | None = None, status: int = 200, **values: object
) -> Response:
    """Return the login page. Its form has a new secret each time: a form of another site is refused."""
    secret, provider = new_token(), call.services.console.oidc
    # The provider's answer has a code in its query: no link may repeat it.
    links = {} if call.request.url.path == "/login" else {"here": "/login", "this_page": "/login"}
    response = call.render(
        "login.html",
        status,
        csrf=csrf_token(secret),
        next=safe_redirect_path(call.form.get("next") or call.query("next")),
        name=call.form.get("name", ""),
        provider=None if provider is None else provider.label,
        error=error,
        values=values,
        **links,
    )
    call.cookies.set(response, LOGIN_COOKIE, secret)
    return response


def _code_page(
    call: RequestContext, name: str, proof: str, error: str | None = None, status: int = 200, **values: object
) -> Response:
    """Return the page of the second step. ``proof`` shows that this browser has sent the right password."""
    browser = call.cookies.get(call.request, LOGIN_COOKIE)
    assert browser is not None
    return call.render(
        "login_code.html",
        status,
        csrf=csrf_token(browser),
        next=safe_redirect_path(call.form.get("next")),
        name=name,
        proof=proof,
        error=error,
        values=values,
    )


def begin_session(
    call: RequestContext,
    response: Response,
    name: str,
    stored: str,
    kind: AccessKind = AccessKind.LOGIN,
    *,
    has_code: bool,
    confirmed_ms: int | None = None,
) -> bool:
    """Start a session after the password was checked. ``stored``: the digest that was compared. ``has_code``:
    the user has given the code, if the account has a second factor. ``confirmed_ms``: when the user was last
    confirmed; None: now. Returns False if meanwhile the password was replaced, a second factor set up, or the
    account disabled."""
    with call.writing() as connection:
        account = accounts.find_account(connection, name)
        current = accounts.password_of(connection, name)
        if account is None or account.disabled or current != stored:
            return False
        if account.has_second_factor and not has_code:
            return False
        token = replace_session(call, connection, name, kind)
        if confirmed_ms is not None:
            call.services.sessions.confirm(connection, token_digest(token), confirmed_ms)
        factor = stored_factor(connection, name)
    call.cookies.set(response, SESSION_COOKIE, token)
    call.cookies.set(response, DEVICE_COOKIE, call.services.devices.new(name, factor))
    return True


def replace_session(
    call: RequestContext, connection: Connection, name: str, kind: AccessKind, **more: str
) -> str:
    """Begin a session and return its token. The previous session of this browser ends, so that a stolen token
    becomes useless. ``more``: further columns of the row in the access log."""
    old = call.cookies.get(call.request, SESSION_COOKIE)
    if old is not None:
        call.services.sessions.end(connection, token_digest(old))
    token = call.services.sessions.begin(connection, name, call.address, call.now_ms)
    accounts.mark_signed_in(connection, name, call.now_ms)
    record_access(connection, kind, name, call.address, call.now_ms, **more)
    return token


PAGES = (
    PublicPage("/login", login_page),
    PublicPage("/login", log_in, "POST", slow=True),
    PublicPage("/language/{lang}", choose_language),
    Page("/logout", log_out, "POST", during_setup=True),
    Page("/password", password_page, during_setup=True),
    Page("/password", change_password, "POST", slow=True, during_setup=True),
)
