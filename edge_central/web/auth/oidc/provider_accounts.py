"""The accounts of a provider's users: created at the first sign-in, and updated with the provider's claims
at each later one. Each change is part of the caller's transaction, together with its row in the access log.
"""

from __future__ import annotations

from sqlalchemy import Connection

from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.auth import accounts
from edge_central.web.auth.account_changes import AccountAuthor, record_change, rights
from edge_central.web.auth.accounts import Account, Role
from edge_central.web.auth.oidc.errors import SignInFault
from edge_central.web.auth.oidc.person import ProviderPerson, ProviderRights

PROVIDER_AUTHOR = "provider@oidc"
"""Author in the access log for changes by the provider. No name of a user has an @ in it."""
MOST_SAME_NAMES = 99
WITHOUT_RIGHTS = ProviderRights(Role.VIEWER, ())
"""Rights with which a user sees nothing."""


def admit(connection: Connection, person: ProviderPerson, address: str, now_ms: int) -> Account | SignInFault:
    """Return the account of ``person`` with its new rights, or why the sign-in is refused. The caller commits
    in both cases: a user who has lost the rights at the provider loses them here."""
    author = AccountAuthor(PROVIDER_AUTHOR, address, now_ms)
    account = accounts.account_by_identity(connection, person.identity)
    if account is not None:
        account = _with_rights(connection, author, account, person.rights or WITHOUT_RIGHTS)
    fault: SignInFault | None = None
    if person.rights is None:
        fault = SignInFault.WITHOUT_ROLE
    elif account is None:
        account = _new_account(connection, author, person, person.rights)
        fault = SignInFault.NO_NAME if account is None else None
    elif account.disabled:
        fault = SignInFault.DISABLED
    if fault is None and account is not None:
        return account
    name, detail = "" if account is None else account.name, str(person.identity)
    record_access(connection, AccessKind.LOGIN_PROVIDER_REFUSED, name, address, now_ms, detail=detail)
    return fault or SignInFault.NO_NAME


def _with_rights(
    connection: Connection, author: AccountAuthor, account: Account, granted: ProviderRights
) -> Account:
    """Set the rights of the account if they have changed. All its sessions then end."""
    if (account.role, account.wards) == (granted.role, granted.wards):
        return account
    columns = {"role": granted.role.value, "wards": " ".join(granted.wards)}
    accounts.change_account(connection, account.name, **columns)
    changed = accounts.find_account(connection, account.name) or account
    record_change(connection, AccessKind.USER_ROLE, author, account.name, rights(changed))
    return changed


def _new_account(
    connection: Connection, author: AccountAuthor, person: ProviderPerson, granted: ProviderRights
) -> Account | None:
    """Add an account. None: all suitable names are taken. The account of another user is never taken over,
    because the account of a user is found by issuer and subject, whatever name the provider sends."""
    names = (person.name, *(f"{person.name}-{number}" for number in range(2, MOST_SAME_NAMES + 1)))
    free = next((name for name in names if accounts.find_account(connection, name) is None), None)
    if free is None:
        return None
    account = Account(free, granted.role, granted.wards, author.now_ms, identity=person.identity)
    accounts.add_account(connection, account)
    record_change(connection, AccessKind.USER_ADDED, author, free, rights(account))
    return account
