"""The way in and out: ``/login``, ``/logout``, ``/password``, ``/language``."""

from __future__ import annotations

import logging
import math

from starlette.responses import Response

from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import (
    hash_password,
    new_token,
    password_fault,
    password_matches,
    token_digest,
)
from edge_central.web.auth.sessions import (
    DEVICE_COOKIE,
    LANGUAGE_COOKIE,
    LOGIN_COOKIE,
    SESSION_COOKIE,
    csrf_matches,
    csrf_token,
)
from edge_central.web.auth.throttle import LoginAttempt
from edge_central.web.http_errors import NotFound
from edge_central.web.i18n import LANGS
from edge_central.web.request_context import RequestContext, UserRequestContext
from edge_central.web.request_handler import Page, PublicPage

log = logging.getLogger(__name__)


def safe_redirect_path(path: str | None) -> str:
    """``path`` if it is on this server, else ``/``: a login never redirects to another site."""
    ours = path is not None and path.startswith("/") and path[1:2] not in ("/", "\\")
    return path if ours and path is not None and path.isprintable() else "/"


def log_in(call: RequestContext) -> Response:
    secret = call.cookies.get(call.request, LOGIN_COOKIE)
    if secret is None or not csrf_matches(call.form.get("csrf"), secret):
        return login_page(call, "login-old", 403)
    name, password = call.form.get("name", "").strip().lower(), call.form.get("password", "")
    services = call.services
    device = services.devices.verified_nonce(call.cookies.get(call.request, DEVICE_COOKIE), name)
    attempt = services.throttle.begin(call.address, name, device)
    if not isinstance(attempt, LoginAttempt):
        log.warning("a login from %s is not tried: too many have failed", call.address)
        return login_page(call, "login-wait", 429, minutes=math.ceil(attempt / 60))
    if not password_matches(password, accounts.password_of(call.connection, name)):
        log.warning("a login from %s has failed", call.address)
        return login_page(call, "login-wrong", 401)
    services.throttle.succeeded(attempt)
    response = call.redirect(safe_redirect_path(call.form.get("next")))
    _begin_session(call, response, name)
    call.cookies.clear(response, LOGIN_COOKIE)
    return response


def log_out(visit: UserRequestContext) -> Response:
    assert visit.session is not None
    with visit.writing() as connection:
        visit.services.sessions.end(connection, visit.session.key)
    response = visit.redirect("/login")
    visit.cookies.clear(response, SESSION_COOKIE)
    response.headers["Clear-Site-Data"] = '"cache"'  # the pictures that this browser has kept
    return response


def password_page(
    visit: UserRequestContext, error: str | None = None, status: int = 200, **values: object
) -> Response:
    return visit.render("password.html", status, error=error, values=values)


def change_password(visit: UserRequestContext) -> Response:
    name = visit.account.name
    device = visit.services.devices.verified_nonce(visit.cookies.get(visit.request, DEVICE_COOKIE), name)
    attempt = visit.services.throttle.begin(visit.address, name, device)
    if not isinstance(attempt, LoginAttempt):
        return password_page(visit, "login-wait", 429, minutes=math.ceil(attempt / 60))
    if not password_matches(visit.form.get("old", ""), accounts.password_of(visit.connection, name)):
        return password_page(visit, "login-wrong", 403)
    visit.services.throttle.succeeded(attempt)
    new = visit.form.get("new", "")
    if new != visit.form.get("again"):
        return password_page(visit, "password-differs", 400)
    if password_fault(new) is not None:
        return password_page(visit, "password-weak", 400)
    digest = hash_password(new)
    with visit.writing() as connection:
        accounts.set_password(connection, name, digest)
    response = visit.redirect("/")
    _begin_session(visit, response, name)
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
    """Bind the form to a new secret each time, so that a form from another site is refused."""
    secret = new_token()
    response = call.render(
        "login.html",
        status,
        csrf=csrf_token(secret),
        next=safe_redirect_path(call.form.get("next") or call.query("next")),
        name=call.form.get("name", ""),
        error=error,
        values=values,
    )
    call.cookies.set(response, LOGIN_COOKIE, secret)
    return response


def _begin_session(call: RequestContext, response: Response, name: str) -> None:
    """Start a new session and end the previous one, so that a stolen token becomes useless."""
    old = call.cookies.get(call.request, SESSION_COOKIE)
    with call.writing() as connection:
        if old is not None:
            call.services.sessions.end(connection, token_digest(old))
        token = call.services.sessions.begin(connection, name, call.address, call.now_ms)
        record_access(connection, AccessKind.LOGIN, name, call.address, call.now_ms)
    call.cookies.set(response, SESSION_COOKIE, token)
    call.cookies.set(response, DEVICE_COOKIE, call.services.devices.new(name))


PAGES = (
    PublicPage("/login", login_page),
    PublicPage("/login", log_in, "POST", slow=True),
    PublicPage("/language/{lang}", choose_language),
    Page("/logout", log_out, "POST"),
    Page("/password", password_page),
    Page("/password", change_password, "POST", slow=True),
)
