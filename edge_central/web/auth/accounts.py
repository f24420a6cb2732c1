"""Accounts: passwords and tokens, roles, and the wards that each account may see.

A password is stored as ``scrypt$<log2 n>$<r>$<p>$<salt>$<digest>`` (RFC 7914). OWASP's Password Storage Cheat
Sheet lists several sets of parameters as equal in strength; the set used here takes 32 MB for each attempt. A
token is stored as its SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, delete, insert, select, update

from edge_central.searches.model import SearchReader
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE, Scope

LOG_N, R, P = 15, 8, 3
SALT_BYTES = 16
DIGEST_BYTES = 32
LEAST_CHARACTERS = 10
MOST_CHARACTERS = 200
TOKEN_BYTES = 32


def hash_password(password: str, log_n: int | None = None) -> str:
    """Return the stored form of a password. ``log_n``: logarithm of scrypt's cost; each step doubles time and
    memory; None: LOG_N."""
    salt, log_n = secrets.token_bytes(SALT_BYTES), LOG_N if log_n is None else log_n
    return f"scrypt${log_n}${R}${P}${_base64(salt)}${_base64(_digest(password, salt, log_n, R, P))}"


def password_matches(password: str, stored: str | None) -> bool:
    """Verify a password, in the same time if there is no account, so that the time reveals nothing."""
    dummy = f"scrypt${LOG_N}${R}${P}${_base64(bytes(SALT_BYTES))}${_base64(bytes(DIGEST_BYTES))}"
    _, log_n, r, p, salt, digest = (stored or dummy).split("$")
    found = _digest(password, base64.b64decode(salt), int(log_n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(digest)) and stored is not None


def password_fault(password: str) -> str | None:
    """Return why a new password is refused. None: it is accepted."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        return f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters, not {len(password)}"
    if len(set(password)) < 5:
        return "a password has at least 5 different characters"
    return None


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_one_time_password() -> str:
    """Return a one-time password from an administrator: 80 random bits in groups, without 0, 1, 8 and 9."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def token_digest(token: str) -> str:
    """Return the stored digest of a token, which has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def _digest(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # Compose the letters: a Mac types ế as three characters, a phone as one.
    text = unicodedata.normalize("NFC", password[:MOST_CHARACTERS]).encode("utf-8", "replace")
    n = 1 << log_n
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=DIGEST_BYTES)


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


NAME = r"[a-z0-9][a-z0-9._-]{0,62}"
NAME_RULE = "1 to 63 of a-z, 0-9, dot, _ and -"


class Role(StrEnum):
    ADMIN = "admin"  # sees all wards and the access log
    OFFICER = "officer"  # acts: acknowledges alarms, requests clips
    VIEWER = "viewer"  # reads only
    API = "api"  # a program with a token: reads, and searches passages
    API_OFFICER = "api-officer"  # a program that also handles alarms, like an officer


HUMAN_ROLES = frozenset({Role.ADMIN, Role.OFFICER, Role.VIEWER})
ACTING_ROLES = frozenset({Role.ADMIN, Role.OFFICER})
PROGRAM_ROLES = frozenset({Role.API, Role.API_OFFICER})
HANDLING_ROLES = ACTING_ROLES | {Role.API_OFFICER}  # roles that may handle alarms over the API
SEARCHING_ROLES = ACTING_ROLES | PROGRAM_ROLES
"""Roles that may search the passages that gateways store, and open pictures of them."""
ADMIN_ROLES = frozenset({Role.ADMIN})
ALL_ROLES = frozenset(Role)

CONFIRMED_MS = 7 * 86_400_000
"""How long a sign-in by a provider confirms its user's role where there is no session, as for Web Push."""

_enabled = tables.account.c.disabled_ms.is_(None)


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """A user of an OpenID Connect provider. Issuer and subject together are unique and never change."""

    issuer: str
    subject: str

    def __str__(self) -> str:
        return f"{self.issuer} {self.subject}"


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    role: Role
    wards: tuple[str, ...]  # empty for an admin, who sees all
    created_ms: int = 0
    disabled: bool = False
    signed_in_ms: int | None = None  # the last login; None: never, or a program
    one_time_until_ms: int | None = None
    """Until when the one-time password of an administrator is valid. None: the user chose the password."""
    has_second_factor: bool = False
    identity: ProviderIdentity | None = None
    """The user's identity at the provider, which also sets role and wards. None: a local account."""

    @property
    def is_person(self) -> bool:
        return self.role in HUMAN_ROLES

    @property
    def scope(self) -> Scope:
        return EVERYWHERE if self.role is Role.ADMIN else Scope(frozenset(self.wards))

    @property
    def search_reader(self) -> SearchReader:
        """The reader of searches: administrators read all, other users their own (docs/decisions/0066)."""
        return SearchReader(self.scope, None if self.role in ADMIN_ROLES else self.name)


class AccountSetup(StrEnum):
    """What users have to do before they may open other pages. The value is the page on which they do it."""

    PASSWORD = "/password"  # replace a one-time password
    SECOND_FACTOR = "/account"


def setup_needed(account: Account, second_factor_roles: Collection[str]) -> AccountSetup | None:
    """Return what the user has to do first; None: nothing. ``second_factor_roles``: roles whose users need a
    second factor. Users of a provider need none here, because the provider asks for it."""
    if account.one_time_until_ms is not None:
        return AccountSetup.PASSWORD
    needs_factor = account.identity is None and account.role in second_factor_roles
    if needs_factor and not account.has_second_factor:
        return AccountSetup.SECOND_FACTOR
    return None


def is_confirmed(account: Account, now_ms: int) -> bool:
    """Whether the account's provider has confirmed the user recently. Always true for a local account."""
    lately = account.signed_in_ms is not None and now_ms - account.signed_in_ms <= CONFIRMED_MS
    return account.identity is None or lately


def all_accounts(connection: Connection) -> list[Account]:
    return [
        _account(row) for row in connection.execute(select(tables.account).order_by(tables.account.c.name))
    ]


def acting_accounts(connection: Connection, ward: str) -> list[Account]:
    """Return the accounts that may handle alarms of the ward."""
    return [
        each
        for each in all_accounts(connection)
        if each.role in ACTING_ROLES and not each.disabled and each.scope.admits(ward)
    ]


def other_admins(connection: Connection, name: str, now_ms: int) -> list[str]:
    """Return the other local administrators who can log in, without those whose one-time password has
    expired. Users of a provider are left out: whether they are still administrators is known only at their
    next sign-in."""
    columns = tables.account.c
    has_password = columns.one_time_until_ms.is_(None) | (columns.one_time_until_ms >= now_ms)
    is_local = columns.issuer.is_(None)
    wanted = (columns.role == Role.ADMIN.value, columns.name != name, _enabled, has_password, is_local)
    return list(connection.scalars(select(columns.name).where(*wanted)))


def find_account(connection: Connection, name: str) -> Account | None:
    row = connection.execute(select(tables.account).where(tables.account.c.name == name)).first()
    return None if row is None else _account(row)


def account_by_identity(connection: Connection, identity: ProviderIdentity) -> Account | None:
    columns = tables.account.c
    wanted = (columns.issuer == identity.issuer, columns.subject == identity.subject)
    row = connection.execute(select(tables.account).where(*wanted)).first()
    return None if row is None else _account(row)


def account_by_token(connection: Connection, token: str) -> Account | None:
    """Return the account of an API token. None: there is none, or it is disabled."""
    wanted = tables.account.c.token_sha256 == token_digest(token)
    row = connection.execute(select(tables.account).where(wanted, _enabled)).first()
    return None if row is None else _account(row)


def program_with_digest(connection: Connection, name: str) -> tuple[Account, str] | None:
    """Return the account of a program that may log in, and the digest of its token. None: there is none."""
    columns = tables.account.c
    wanted = (columns.name == name, columns.token_sha256.is_not(None), _enabled)
    row = connection.execute(select(tables.account).where(*wanted)).first()
    return None if row is None or row.role not in PROGRAM_ROLES else (_account(row), row.token_sha256)


def valid_tokens(connection: Connection, digests: set[str]) -> set[str]:
    """Return the digests whose token is still valid."""
    column = tables.account.c.token_sha256
    return {
        each
        for each in connection.scalars(select(column).where(column.in_(digests), _enabled))
        if each is not None
    }


def password_of(connection: Connection, name: str) -> str | None:
    """Return the stored digest. None: there is no such account, or it has no password."""
    return connection.scalar(select(tables.account.c.password).where(tables.account.c.name == name))


def add_account(
    connection: Connection, account: Account, *, password: str | None = None, token: str | None = None
) -> None:
    """Store a new account; ``password`` is a digest. Raises DatabaseRejected if the name is taken."""
    connection.execute(
        insert(tables.account).values(
            name=account.name,
            role=account.role.value,
            wards=" ".join(account.wards),
            password=password,
            token_sha256=None if token is None else token_digest(token),
            created_ms=account.created_ms,
            one_time_until_ms=account.one_time_until_ms,
            issuer=None if account.identity is None else account.identity.issuer,
            subject=None if account.identity is None else account.identity.subject,
        )
    )


def set_password(
    connection: Connection, name: str, password: str, *, one_time_until_ms: int | None = None
) -> None:
    """Replace the digest of the password. All sessions of the account end."""
    change_account(connection, name, password=password, one_time_until_ms=one_time_until_ms)


def change_account(connection: Connection, name: str, **values: object) -> None:
    """Set columns of the account. All its sessions end, so that no browser keeps the former rights."""
    connection.execute(update(tables.account).where(tables.account.c.name == name).values(values))
    end_sessions(connection, name)


def mark_signed_in(connection: Connection, name: str, now_ms: int) -> None:
    connection.execute(
        update(tables.account).where(tables.account.c.name == name).values(signed_in_ms=now_ms)
    )


def end_sessions(connection: Connection, name: str) -> None:
    connection.execute(delete(tables.session).where(tables.session.c.account == name))


def set_token(connection: Connection, name: str, token: str) -> None:
    """Replace the API token; the previous one is invalid from now on."""
    which = tables.account.c.name == name
    connection.execute(update(tables.account).where(which).values(token_sha256=token_digest(token)))


def remove_account(connection: Connection, name: str) -> bool:
    """Delete the account with its sessions, recovery codes and devices. Its rows in the access log are kept.
    False: there is no such account."""
    for table in (tables.session, tables.recovery_code, tables.push_device):
        connection.execute(delete(table).where(table.c.account == name))
    return connection.execute(delete(tables.account).where(tables.account.c.name == name)).rowcount > 0


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(
        row.name,
        Role(row.role),
        tuple(row.wards.split()),
        row.created_ms,
        disabled=row.disabled_ms is not None,
        signed_in_ms=row.signed_in_ms,
        one_time_until_ms=row.one_time_until_ms,
        has_second_factor=row.second_factor is not None,
        identity=None if row.issuer is None else ProviderIdentity(row.issuer, row.subject),
    )
