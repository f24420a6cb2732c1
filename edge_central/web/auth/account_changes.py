"""Changes of accounts by an administrator, at the console or on the command line.

Each change is part of the caller's transaction, together with its row in the access log. A change of the
rights of an account ends its sessions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Account, Role
from edge_central.web.auth.second_factor import remove_second_factor

ONE_TIME_MS = 7 * 86_400_000
"""How long a password that an administrator has set is valid. It must be replaced at the first login."""


MAX_CHANGES = 20


class AccountChangeRefused(Exception):
    """A refused change of an account. ``key``: key of the sentence in edge_central/web/i18n/users.py."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class AccountAuthor:
    """The person or program that changes accounts."""

    name: str
    address: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A change of an account. ``what``: a value of AccessKind, or a value of a newer centre."""

    time_ms: int
    author: str
    what: str
    detail: str


def record_change(
    connection: Connection, what: AccessKind, author: AccountAuthor, subject: str, detail: str = ""
) -> None:
    """Log that the author changed the account ``subject``. ``detail``: role and wards after the change."""
    more = {"subject": subject} | ({"detail": detail} if detail else {})
    record_access(connection, what, author.name, author.address, author.now_ms, **more)


def list_changes(connection: Connection, subject: str) -> list[AccountChange]:
    """Return the newest changes of an account, newest first, as far as the access log has them."""
    columns = tables.access.c
    wanted = select(columns.time_ms, columns.account, columns.what, columns.detail)
    wanted = wanted.where(columns.subject == subject).order_by(columns.id.desc()).limit(MAX_CHANGES)
    return [
        AccountChange(row.time_ms, row.account, row.what, row.detail or "")
        for row in connection.execute(wanted)
    ]


def add_person(connection: Connection, author: AccountAuthor, account: Account, password: str) -> None:
    """Add an account of a person. ``password``: digest. Raises AccountChangeRefused."""
    if accounts.find_account(connection, account.name) is not None:
        raise AccountChangeRefused("user-error-taken")
    accounts.add_account(connection, account, password=password)
    record_change(connection, AccessKind.USER_ADDED, author, account.name, rights(account))


def change_role(
    connection: Connection,
    author: AccountAuthor,
    name: str,
    role: Role,
    wards: Sequence[str],
    password_accounts: Collection[str] | None = None,
) -> None:
    """Change role and wards of an account. ``password_accounts``: see ``_require_other_admin``. Raises
    AccountChangeRefused."""
    account = _local_person(connection, name)
    changed = replace(account, role=role, wards=tuple(wards))
    if (role, changed.wards) == (account.role, account.wards):
        return
    if account.role is Role.ADMIN:
        _require_other_admin(connection, account, author.now_ms, password_accounts)
    accounts.change_account(connection, name, role=role.value, wards=" ".join(wards))
    record_change(connection, AccessKind.USER_ROLE, author, name, rights(changed))


def reset_password(
    connection: Connection, author: AccountAuthor, name: str, password: str, *, one_time: bool
) -> None:
    """Set the password (a digest). ``one_time``: the user must replace it. Raises AccountChangeRefused."""
    _person_but_author(connection, author, name)
    until_ms = author.now_ms + ONE_TIME_MS if one_time else None
    accounts.set_password(connection, name, password, one_time_until_ms=until_ms)
    record_change(connection, AccessKind.PASSWORD_RESET, author, name)


def disable(
    connection: Connection,
    author: AccountAuthor,
    name: str,
    password_accounts: Collection[str] | None = None,
) -> None:
    """Disable an account: it can neither log in nor use its token. ``password_accounts``: see
    ``_require_other_admin``. Raises AccountChangeRefused."""
    account = _account(connection, name)
    if account.disabled:
        return
    _require_other_admin(connection, account, author.now_ms, password_accounts)
    accounts.change_account(connection, name, disabled_ms=author.now_ms)
    record_change(connection, AccessKind.USER_DISABLED, author, name)


def remove(connection: Connection, author: AccountAuthor, name: str) -> None:
    """Remove an account; its access log stays. Raises AccountChangeRefused."""
    _require_other_admin(connection, _account(connection, name), author.now_ms, None)
    accounts.remove_account(connection, name)
    record_change(connection, AccessKind.USER_REMOVED, author, name)


def enable(connection: Connection, author: AccountAuthor, name: str) -> None:
    """Enable an account again. Raises AccountChangeRefused."""
    if _account(connection, name).disabled:
        accounts.change_account(connection, name, disabled_ms=None)
        record_change(connection, AccessKind.USER_ENABLED, author, name)


def end_sessions(connection: Connection, author: AccountAuthor, name: str) -> None:
    """End all sessions of an account. Raises AccountChangeRefused."""
    _person(connection, name)
    accounts.end_sessions(connection, name)
    record_change(connection, AccessKind.USER_SESSIONS, author, name)


def reset_second_factor(connection: Connection, author: AccountAuthor, name: str) -> None:
    """Remove the second factor of an account. Raises AccountChangeRefused."""
    _person_but_author(connection, author, name)
    remove_second_factor(connection, name)
    accounts.end_sessions(connection, name)
    record_change(connection, AccessKind.SECOND_FACTOR_RESET, author, name)


def rights(account: Account) -> str:
    """Return role and wards as a text for the access log."""
    return " ".join((account.role.value, *account.wards))


def _account(connection: Connection, name: str) -> Account:
    account = accounts.find_account(connection, name)
    if account is None:
        raise AccountChangeRefused("user-error-unknown")
    return account


def _person(connection: Connection, name: str) -> Account:
    account = _account(connection, name)
    if not account.is_person:
        raise AccountChangeRefused("user-error-program")
    return account


def _local_person(connection: Connection, name: str) -> Account:
    """Return a local account. Refuse another: its provider sets password, second factor, role and wards."""
    account = _person(connection, name)
    if account.identity is not None:
        raise AccountChangeRefused("user-error-provider")
    return account


def _person_but_author(connection: Connection, author: AccountAuthor, name: str) -> Account:
    """Return the account of a local person. Refuse the author's own account: authors replace their password
    and second factor on ``/account``, which asks for the present ones."""
    if name == author.name:
        raise AccountChangeRefused("user-error-own")
    return _local_person(connection, name)


def _require_other_admin(
    connection: Connection, account: Account, now_ms: int, password_accounts: Collection[str] | None
) -> None:
    """Refuse a change that would leave no local administrator who can log in. ``password_accounts``: the only
    accounts that may log in with a password; None: all may. Writers commit one after another, so two
    administrators cannot disable each other at the same moment."""

    def may_log_in(name: str) -> bool:
        return password_accounts is None or name in password_accounts

    is_admin = account.role is Role.ADMIN and not account.disabled and account.identity is None
    others = accounts.other_admins(connection, account.name, now_ms)
    if is_admin and may_log_in(account.name) and not any(map(may_log_in, others)):
        raise AccountChangeRefused("user-error-last-admin")
