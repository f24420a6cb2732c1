"""``edge-agent central user``: manages the users of the console and the API.

A password comes from the terminal or a file, never from the command line, which every user of the machine can
read.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import pwd
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection

from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.core.errors import CentralError
from edge_central.config import load_for_database
from edge_central.settings import CentralSettings
from edge_central.store.accesses import AccessKind
from edge_central.store.database import DatabaseConnections, read_transaction
from edge_central.web.auth import account_changes, accounts
from edge_central.web.auth.account_changes import AccountAuthor, AccountChangeRefused, record_change, rights
from edge_central.web.auth.accounts import (
    NAME,
    NAME_RULE,
    PROGRAM_ROLES,
    Account,
    Role,
    hash_password,
    new_token,
    password_fault,
)
from edge_central.web.auth.second_factor import KEY_BYTES, KEY_FILE
from edge_central.web.i18n import translate
from edge_central.web.onvif.password import onvif_password

MAX_PASSWORD_BYTES = 4_096


def run_user(args: Namespace, stdout: TextIO) -> int:
    """Run one of the user actions. Raises CentralError, ConfigError."""
    settings = load_for_database(args.config)
    if args.todo != "list" and not re.fullmatch(NAME, args.name):
        raise CentralError(f"a name is {NAME_RULE}, not {args.name!r}; nothing was changed")
    connections = DatabaseConnections(settings.database, upgrade=False)
    try:
        for line in _TODO[args.todo](args, settings, connections):
            print(line, file=stdout)
    except AccountChangeRefused as refusal:
        raise CentralError(f"{args.name}: {translate(refusal.key, 'en')} Nothing was changed.") from refusal
    finally:
        connections.close()
    return 0


def _author() -> AccountAuthor:
    """Return the author for the access log. Its name contains an @, which no user of the console has."""
    try:
        user = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return AccountAuthor(f"{user}@command-line", "", wall_ms(SystemClock()))


def _add(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    role, author = Role(args.role), _author()
    wards = _wards(args.ward, settings, needed=role is not Role.ADMIN)
    with connections.reading() as connection:
        if accounts.find_account(connection, args.name) is not None:
            raise CentralError(f"{args.name} exists already; nothing was changed")
    digest = hash_password(_password(args.password_file))
    with connections.writing() as connection:
        account = Account(args.name, role, wards, author.now_ms)
        account_changes.add_person(connection, author, account, digest)
    yield f"{args.name}: {role}, {_of(wards)}"


def _list(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    with read_transaction(settings.database) as connection:
        found = accounts.all_accounts(connection)
    if args.json:
        yield json.dumps(
            [
                {
                    "name": each.name,
                    "role": each.role.value,
                    "wards": list(each.wards),
                    "since": _moment(each.created_ms).isoformat(),
                    "disabled": each.disabled,
                    "second_factor": each.has_second_factor,
                    "issuer": None if each.identity is None else each.identity.issuer,
                    "subject": None if each.identity is None else each.identity.subject,
                    "signed_in": None
                    if each.signed_in_ms is None
                    else _moment(each.signed_in_ms).isoformat(),
                }
                for each in found
            ],
            indent=2,
            ensure_ascii=False,
        )
        return
    for each in found:
        more = ", second factor" if each.has_second_factor else ""
        more += f", from {each.identity.issuer}" if each.identity else ""
        more += ", disabled" if each.disabled else ""
        since = f"{_moment(each.created_ms):%Y-%m-%d}"
        yield f"{each.name:20} {each.role:8} {_of(each.wards)}, since {since}{more}"
    if not found:
        yield "no users yet: edge-agent central user add NAME --role admin"


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def _passwd(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    with connections.reading() as connection:
        account = accounts.find_account(connection, args.name)
    if account is None or account.role in PROGRAM_ROLES:
        raise CentralError(f"there is no user {args.name} who is a person; nothing was changed")
    digest = hash_password(_password(args.password_file))
    with connections.writing() as connection:
        account_changes.reset_password(connection, _author(), args.name, digest, one_time=False)
    yield f"{args.name}: the new password holds, all sessions have ended"


def _role(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    role = Role(args.role)
    wards = _wards(args.ward, settings, needed=role is not Role.ADMIN)
    with connections.writing() as connection:
        account_changes.change_role(connection, _author(), args.name, role, wards)
    yield f"{args.name}: {role}, {_of(wards)}; all sessions have ended"


_CHANGES: dict[str, tuple[Callable[[Connection, AccountAuthor, str], None], str]] = {
    "disable": (account_changes.disable, "disabled, all sessions have ended"),
    "enable": (account_changes.enable, "enabled"),
    "end-sessions": (account_changes.end_sessions, "all sessions have ended"),
    "reset-second-factor": (
        account_changes.reset_second_factor,
        "no second factor any more, all sessions have ended",
    ),
    "remove": (account_changes.remove, "removed; its access log stays"),
}
"""Changes that need only the account's name, each with the text that is printed afterwards."""


def _change(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    change, done = _CHANGES[args.todo]
    with connections.writing() as connection:
        change(connection, _author(), args.name)
    yield f"{args.name}: {done}"


def _token(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    """Print the token alone on stdout, for ``> file``; everything else goes to stderr."""
    token, author = f"eac_{new_token()}", _author()
    with connections.writing() as connection:
        account = accounts.find_account(connection, args.name)
        if args.renew:
            if account is None or account.role not in PROGRAM_ROLES or args.ward or args.may_act:
                raise CentralError(
                    f"--renew takes the name of a program, without wards and rights: {args.name}; "
                    "nothing was changed"
                )
            accounts.set_token(connection, args.name, token)
        elif account is not None:
            is_program = account.role in PROGRAM_ROLES
            hint = "--renew replaces its token" if is_program else "people have no tokens"
            raise CentralError(f"{args.name} exists already: {hint}; nothing was changed")
        else:
            role = Role.API_OFFICER if args.may_act else Role.API
            account = Account(args.name, role, _wards(args.ward, settings, needed=True), author.now_ms)
            accounts.add_account(connection, account, token=token)
        record_change(connection, AccessKind.USER_TOKEN, author, args.name, rights(account))
    print(f"{args.name}: {_of(account.wards)}; this token is shown once, keep it secret", file=sys.stderr)
    yield token


def _onvif_password(
    args: Namespace, settings: CentralSettings, connections: DatabaseConnections
) -> Iterable[str]:
    """Print the password alone on stdout, for ``> file``; everything else goes to stderr."""
    with connections.reading() as connection:
        found = accounts.program_with_digest(connection, args.name)
    if found is None:
        raise CentralError(f"there is no program {args.name}, or it is disabled; nothing was changed")
    path, key = settings.state_dir / KEY_FILE, b""
    with contextlib.suppress(OSError):
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise CentralError(f"{path} cannot be read: start the console once, and run this as its user or root")
    with connections.writing() as connection:
        record_change(connection, AccessKind.USER_TOKEN, _author(), args.name, "ONVIF")
    print(f"{args.name}: valid until its token is renewed or it is disabled", file=sys.stderr)
    yield onvif_password(key, args.name, found[1])


_TODO = {
    "add": _add,
    "list": _list,
    "passwd": _passwd,
    "role": _role,
    **dict.fromkeys(_CHANGES, _change),
    "token": _token,
    "onvif-password": _onvif_password,
}


def _wards(given: list[str], settings: CentralSettings, *, needed: bool) -> tuple[str, ...]:
    if not needed:
        if given:
            raise CentralError("an admin sees all wards: leave --ward out; nothing was changed")
        return ()
    if not given:
        raise CentralError("name at least one --ward; nothing was changed")
    unknown = sorted(set(given) - set(settings.wards))
    if unknown:
        known = ", ".join(settings.wards)
        raise CentralError(f"{unknown[0]} is not a ward of this centre ({known}); nothing was changed")
    return tuple(sorted(set(given)))


def _password(file: Path | None) -> str:
    if file is not None:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as opened:
            lines = opened.read(MAX_PASSWORD_BYTES).decode("utf-8").splitlines()
        password = lines[0] if lines else ""
    else:
        if not sys.stdin.isatty():
            raise CentralError(
                "there is no terminal to ask for the password: give --new-password-file; nothing was changed"
            )
        password = getpass.getpass("password: ")
        if password != getpass.getpass("again: "):
            raise CentralError("the two passwords differ; nothing was changed")
    refused = password_fault(password)
    if refused is not None:
        raise CentralError(f"{refused}; nothing was changed")
    return password


def _of(wards: tuple[str, ...]) -> str:
    return ", ".join(wards) or "all wards"
