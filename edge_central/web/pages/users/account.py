"""``/account``: the password, the second factor and the sessions of the user."""

from __future__ import annotations

import math

from starlette.responses import Response

from edge_central.store.accesses import AccessKind
from edge_central.web.auth.account_changes import record_change
from edge_central.web.auth.confirmation import NotConfirmed, confirm_password
from edge_central.web.auth.login import begin_attempt
from edge_central.web.auth.qr_code import qr_code
from edge_central.web.auth.second_factor import (
    count_recovery_codes,
    matching_step,
    new_secret,
    provisioning_uri,
    remove_second_factor,
    replace_recovery_codes,
    secret_text,
)
from edge_central.web.auth.sessions import ID_CHARACTERS
from edge_central.web.auth.throttle import LoginAttempt
from edge_central.web.http_errors import Forbidden
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page


def account_page(visit: UserRequestContext, refusal: NotConfirmed | None = None) -> Response:
    name, sessions = visit.account.name, visit.services.sessions
    return visit.render(
        "account.html",
        200 if refusal is None else refusal.status,
        user=visit.account,
        sessions=sessions.of_account(visit.connection, name, visit.now_ms),
        this_session=_key(visit)[:ID_CHARACTERS],
        recovery_codes=count_recovery_codes(visit.connection, name),
        is_required=_is_required(visit),
        error=None if refusal is None else refusal.key,
        values={} if refusal is None else refusal.values,
    )


def end_session(visit: UserRequestContext) -> Response:
    """End one of the user's own sessions. If it is the current one, the user has to log in again."""
    with visit.writing() as connection:
        if visit.services.sessions.end_listed(connection, visit.account.name, visit.form.get("session", "")):
            record_change(connection, AccessKind.USER_SESSIONS, visit.account_author, visit.account.name)
    return visit.redirect("/account")


def end_other_sessions(visit: UserRequestContext) -> Response:
    with visit.writing() as connection:
        visit.services.sessions.end_others(connection, visit.account.name, _key(visit))
        record_change(connection, AccessKind.USER_SESSIONS, visit.account_author, visit.account.name)
    return visit.redirect("/account")


# --- second factor ---


def offer_second_factor(visit: UserRequestContext) -> Response:
    """Show a new secret. It is not stored here: it becomes valid with its first code."""
    try:
        confirm_password(visit)
    except NotConfirmed as refusal:
        return account_page(visit, refusal)
    return _offer_page(visit, new_secret())


def set_second_factor(visit: UserRequestContext) -> Response:
    """Check the first code of the app, store the secret, and show the recovery codes."""
    if visit.account.identity is not None:
        raise Forbidden("the provider asks for the second factor")
    name, factors = visit.account.name, visit.services.second_factors
    secret = factors.offered_secret(name, visit.form.get("offer", ""), visit.now_ms)
    if secret is None:
        return account_page(visit, NotConfirmed("login-old", 400))
    attempt = begin_attempt(visit, name)
    if not isinstance(attempt, LoginAttempt):
        return _offer_page(visit, secret, "login-wait", 429, minutes=math.ceil(attempt / 60))
    step = matching_step(secret, "".join(visit.form.get("code", "").split()), visit.now_ms)
    if step is None:
        return _offer_page(visit, secret, "code-wrong", 400)
    visit.services.throttle.succeeded(attempt)
    with visit.writing() as connection:
        factors.store(connection, name, secret, step)
        codes = replace_recovery_codes(connection, name)
        visit.services.sessions.end_others(connection, name, _key(visit))
        record_change(connection, AccessKind.SECOND_FACTOR_SET, visit.account_author, name)
    return visit.render("recovery_codes.html", codes=codes)


def new_recovery_codes(visit: UserRequestContext) -> Response:
    try:
        confirm_password(visit)
    except NotConfirmed as refusal:
        return account_page(visit, refusal)
    with visit.writing() as connection:
        codes = replace_recovery_codes(connection, visit.account.name)
        record_change(connection, AccessKind.RECOVERY_CODES, visit.account_author, visit.account.name)
    return visit.render("recovery_codes.html", codes=codes)


def switch_off_second_factor(visit: UserRequestContext) -> Response:
    if _is_required(visit):
        raise Forbidden("your role needs a second factor")
    try:
        confirm_password(visit)
    except NotConfirmed as refusal:
        return account_page(visit, refusal)
    with visit.writing() as connection:
        remove_second_factor(connection, visit.account.name)
        visit.services.sessions.end_others(connection, visit.account.name, _key(visit))
        record_change(connection, AccessKind.SECOND_FACTOR_REMOVED, visit.account_author, visit.account.name)
    return visit.redirect("/account")


def _offer_page(
    visit: UserRequestContext, secret: bytes, error: str | None = None, status: int = 200, **values: object
) -> Response:
    name, uri = visit.account.name, provisioning_uri(secret, visit.account.name)
    return visit.render(
        "second_factor.html",
        status,
        offer=visit.services.second_factors.offer(name, secret, visit.now_ms),
        secret=secret_text(secret),
        uri=uri,
        code=qr_code(uri),
        error=error,
        values=values,
    )


def _is_required(visit: UserRequestContext) -> bool:
    return visit.account.role in visit.services.console.second_factor_roles


def _key(visit: UserRequestContext) -> str:
    assert visit.session is not None  # pages for people are not open to tokens
    return visit.session.key


PAGES = (
    Page("/account", account_page, during_setup=True),
    Page("/account/session", end_session, "POST"),
    Page("/account/sessions", end_other_sessions, "POST"),
    Page("/account/second-factor", offer_second_factor, "POST", slow=True, during_setup=True),
    Page("/account/second-factor/code", set_second_factor, "POST", during_setup=True),
    Page("/account/second-factor/off", switch_off_second_factor, "POST", slow=True),
    Page("/account/recovery-codes", new_recovery_codes, "POST", slow=True),
)
