"""Asks a user who is logged in for the password again: access to an unattended screen, or to a stolen
session, must not be enough to change who may log in."""

from __future__ import annotations

import logging
import math

from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import password_matches
from edge_central.web.auth.login import begin_attempt
from edge_central.web.auth.second_factor import SecondFactorUnreadable
from edge_central.web.auth.throttle import LoginAttempt
from edge_central.web.request_context import UserRequestContext

log = logging.getLogger(__name__)

CONFIRMED_MIN = 5
"""A session may change accounts for so long after login or confirmation; then it needs a confirmation."""


class NotConfirmed(Exception):
    """The user did not confirm a change. ``key`` and ``values``: of the sentence; ``status``: HTTP status."""

    def __init__(self, key: str, status: int, **values: object) -> None:
        super().__init__(key)
        self.key, self.status, self.values = key, status, values


def confirm_password(visit: UserRequestContext) -> None:
    """Check the fields ``password`` and, if there is a second factor, ``code``. This counts as one attempt.
    Raises NotConfirmed, also for users of a provider, because they have no password here."""
    name, attempt = visit.account.name, begin_attempt(visit, visit.account.name)
    if not isinstance(attempt, LoginAttempt):
        raise NotConfirmed("login-wait", 429, minutes=math.ceil(attempt / 60))
    if not password_matches(visit.form.get("password", ""), accounts.password_of(visit.connection, name)):
        raise NotConfirmed("password-wrong", 403)
    if visit.account.has_second_factor:
        _use_code(visit)
    visit.services.throttle.succeeded(attempt)


def confirm_session(visit: UserRequestContext) -> None:
    """Check the password like ``confirm_password``; the session then counts as confirmed. Raises
    NotConfirmed."""
    confirm_password(visit)
    assert visit.session is not None  # pages for people are not open to tokens
    with visit.writing() as connection:
        visit.services.sessions.confirm(connection, visit.session.key, visit.now_ms)


def is_confirmed(visit: UserRequestContext) -> bool:
    """Whether the user has logged in, or confirmed this session, within CONFIRMED_MIN."""
    return visit.session is not None and visit.now_ms - visit.session.confirmed_ms < CONFIRMED_MIN * 60_000


def _use_code(visit: UserRequestContext) -> None:
    name, typed = visit.account.name, visit.form.get("code", "")
    try:
        with visit.writing() as connection:
            used = visit.services.second_factors.accept(connection, name, typed, visit.now_ms)
    except SecondFactorUnreadable:
        log.error("%s: the second factor was stored with another console.key: reset it", name)
        raise NotConfirmed("code-unreadable", 403) from None
    if used is None:
        raise NotConfirmed("code-wrong", 403)
