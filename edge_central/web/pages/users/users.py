"""``/users``: the accounts, their roles and wards, and changes of them. For administrators."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.responses import Response

from edge_central.store.accesses import AccessKind
from edge_central.web.auth import account_changes, accounts
from edge_central.web.auth.account_changes import ONE_TIME_MS, AccountAuthor, AccountChangeRefused
from edge_central.web.auth.accounts import (
    ADMIN_ROLES,
    HUMAN_ROLES,
    NAME,
    Account,
    Role,
    hash_password,
    new_one_time_password,
)
from edge_central.web.auth.confirmation import (
    CONFIRMED_MIN,
    NotConfirmed,
    confirm_session,
    is_confirmed,
)
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.push.devices import devices_of, remove_devices
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

PageFunction = Callable[[UserRequestContext], Response]

HUMAN = tuple(role for role in Role if role in HUMAN_ROLES)
"""The roles of people, in the order of the form."""
WARD_FIELD = "ward "
"""Beginning of the name of a checkbox; the id of a ward follows."""


@dataclass(frozen=True, slots=True)
class ListedUser:
    account: Account
    sessions: int


def users_page(visit: UserRequestContext) -> Response:
    """Return the list of users, or, with ``user`` in the query, the page of that account."""
    name = visit.query("user")
    return _list(visit) if name is None else _user(visit, name)


def confirm(visit: UserRequestContext) -> Response:
    """Confirm the session with the password, for the changes that follow."""
    name = visit.form.get("user", "")
    try:
        confirm_session(visit)
    except NotConfirmed as refusal:
        return _show(visit, name, refusal.key, refusal.status, **refusal.values)
    return visit.redirect(f"/users?{urlencode({'user': name})}" if name else "/users")


def _if_confirmed(page: PageFunction) -> PageFunction:
    """Return a page that changes what an account may do: its session must have been confirmed recently."""

    def checked(visit: UserRequestContext) -> Response:
        if not is_confirmed(visit):
            return _show(visit, visit.form.get("user", ""), "user-error-confirm", 403)
        return page(visit)

    return checked


def _show(visit: UserRequestContext, name: str, error: str, status: int, **values: object) -> Response:
    """Return the page of the account that a form named, or the list. Raises NotFound."""
    return _user(visit, name, error, status, **values) if name else _list(visit, error, status, **values)


def add_user(visit: UserRequestContext) -> Response:
    """Add an account and show its one-time password, of which only the digest is stored."""
    name = visit.form.get("name", "").strip().lower()
    if not re.fullmatch(NAME, name):
        return _list(visit, "user-error-name", 400)
    try:
        role, wards = _role_and_wards(visit, visit.services.settings.wards)
        password = new_one_time_password()
        account = Account(name, role, wards, visit.now_ms, one_time_until_ms=visit.now_ms + ONE_TIME_MS)
        digest = hash_password(password)
        with visit.writing() as connection:
            account_changes.add_person(connection, visit.account_author, account, digest)
    except AccountChangeRefused as refusal:
        return _list(visit, refusal.key, 400)
    return _one_time(visit, name, password)


def reset_password(visit: UserRequestContext) -> Response:
    name, password = visit.form.get("user", ""), new_one_time_password()
    if accounts.find_account(visit.connection, name) is None:
        raise NotFound
    digest = hash_password(password)
    try:
        with visit.writing() as connection:
            account_changes.reset_password(connection, visit.account_author, name, digest, one_time=True)
    except AccountChangeRefused as refusal:
        return _user(visit, name, refusal.key, 409)
    return _one_time(visit, name, password)


def change_role(visit: UserRequestContext) -> Response:
    account = accounts.find_account(visit.connection, visit.form.get("user", ""))
    if account is None:
        raise NotFound

    def change(connection: Connection, author: AccountAuthor, name: str) -> None:
        role, wards = _role_and_wards(visit, _offered_wards(visit, account))
        account_changes.change_role(connection, author, name, role, wards, _password_accounts(visit))

    return _changed(visit, change)


def disable(visit: UserRequestContext) -> Response:
    def change(connection: Connection, author: AccountAuthor, name: str) -> None:
        account_changes.disable(connection, author, name, _password_accounts(visit))

    return _changed(visit, change)


def _password_accounts(visit: UserRequestContext) -> tuple[str, ...] | None:
    oidc = visit.services.console.oidc
    return None if oidc is None else oidc.password_accounts


def turn_off_notifications(visit: UserRequestContext) -> Response:
    """Turn notifications off on all devices of the user, for example because one of them is lost."""

    def change(connection: Connection, author: AccountAuthor, name: str) -> None:
        count = remove_devices(connection, name)
        if count:
            account_changes.record_change(connection, AccessKind.PUSH_OFF, author, name, str(count))

    if accounts.find_account(visit.connection, visit.form.get("user", "")) is None:
        raise NotFound
    return _changed(visit, change)


def _change(change: Callable[[Connection, AccountAuthor, str], None]) -> PageFunction:
    """Return a page that makes one change of the account that the form names."""
    return lambda visit: _changed(visit, change)


def _changed(visit: UserRequestContext, change: Callable[[Connection, AccountAuthor, str], None]) -> Response:
    name = visit.form.get("user", "")
    try:
        with visit.writing() as connection:
            change(connection, visit.account_author, name)
    except AccountChangeRefused as refusal:
        return _user(visit, name, refusal.key, 409)
    return visit.redirect(f"/users?user={name}")


def _list(
    visit: UserRequestContext, error: str | None = None, status: int = 200, **values: object
) -> Response:
    sessions = visit.services.sessions.count_by_account(visit.connection, visit.now_ms)
    found = accounts.all_accounts(visit.connection)
    return visit.render(
        "users.html",
        status,
        users=[ListedUser(each, sessions.get(each.name, 0)) for each in found],
        roles=HUMAN,
        wards=visit.services.settings.wards,
        required=visit.services.console.second_factor_roles,
        provider=visit.services.console.oidc,
        form=visit.form,
        chosen=_ticked_wards(visit),
        error=error,
        values=values,
        **_confirmation(visit),
    )


def _confirmation(visit: UserRequestContext) -> dict[str, object]:
    """Return the values for the form that asks for the password."""
    has_password = accounts.password_of(visit.connection, visit.account.name) is not None
    return {"confirmed": is_confirmed(visit), "confirmed_min": CONFIRMED_MIN, "has_password": has_password}


def _user(
    visit: UserRequestContext, name: str, error: str | None = None, status: int = 200, **values: object
) -> Response:
    """Return the page of an account. Raises NotFound."""
    account = accounts.find_account(visit.connection, name)
    if account is None:
        raise NotFound
    return visit.render(
        "user.html",
        status,
        user=account,
        devices=devices_of(visit.connection, name),
        sessions=visit.services.sessions.of_account(visit.connection, name, visit.now_ms),
        changes=account_changes.list_changes(visit.connection, name),
        roles=HUMAN,
        wards=_offered_wards(visit, account),
        error=error,
        values=values,
        **_confirmation(visit),
    )


def _one_time(visit: UserRequestContext, name: str, password: str) -> Response:
    until_ms = visit.now_ms + ONE_TIME_MS
    return visit.render("one_time_password.html", user_name=name, password=password, until_ms=until_ms)


def _offered_wards(visit: UserRequestContext, account: Account) -> tuple[str, ...]:
    """Return the wards of this centre, and the account's wards of other centres with this database."""
    return tuple(dict.fromkeys((*visit.services.settings.wards, *account.wards)))


def _role_and_wards(visit: UserRequestContext, offered: Collection[str]) -> tuple[Role, tuple[str, ...]]:
    """Return the role and the wards of the form. Raises BadRequest for a value that the form does not offer,
    and AccountChangeRefused if an officer or viewer gets no ward."""
    try:
        role = Role(visit.form.get("role", ""))
    except ValueError:
        raise BadRequest("role must be one that the form offers") from None
    if role not in HUMAN_ROLES:
        raise BadRequest("a person cannot have the role of a program")
    given = _ticked_wards(visit)
    if not given <= set(offered):
        raise BadRequest("a ward was ticked that the form does not offer")
    if role is Role.ADMIN:
        return role, ()  # an admin sees all wards
    if not given:
        raise AccountChangeRefused("user-error-no-ward")
    return role, tuple(sorted(given))


def _ticked_wards(visit: UserRequestContext) -> set[str]:
    return {name.removeprefix(WARD_FIELD) for name in visit.form if name.startswith(WARD_FIELD)}


_RESET_SECOND_FACTOR = _change(account_changes.reset_second_factor)

PAGES = (
    Page("/users", users_page, roles=ADMIN_ROLES),
    Page("/users/confirm", confirm, "POST", roles=ADMIN_ROLES, slow=True),
    Page("/users/add", _if_confirmed(add_user), "POST", roles=ADMIN_ROLES, slow=True),
    Page("/users/role", _if_confirmed(change_role), "POST", roles=ADMIN_ROLES),
    Page("/users/password", _if_confirmed(reset_password), "POST", roles=ADMIN_ROLES, slow=True),
    Page("/users/disable", disable, "POST", roles=ADMIN_ROLES),
    Page("/users/enable", _if_confirmed(_change(account_changes.enable)), "POST", roles=ADMIN_ROLES),
    Page("/users/sessions", _change(account_changes.end_sessions), "POST", roles=ADMIN_ROLES),
    Page("/users/second-factor", _if_confirmed(_RESET_SECOND_FACTOR), "POST", roles=ADMIN_ROLES),
    Page("/users/notifications", turn_off_notifications, "POST", roles=ADMIN_ROLES),
)
