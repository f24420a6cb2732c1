"""``edge-agent central user``: manages the users of the console and the API.

A password comes from the terminal or a file, never from the command line, which every user of the machine can
read.
"""

from __future__ import annotations

import getpass
import json
import re
import sys
from argparse import Namespace
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.core.errors import CentralError
from edge_central.config import load
from edge_central.settings import CentralSettings
from edge_central.store.database import DatabaseConnections
from edge_central.web.auth import accounts
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

MAX_PASSWORD_BYTES = 4_096


def run_user(args: Namespace, stdout: TextIO) -> int:
    """Run one of the user actions. Raises CentralError, ConfigError."""
    settings = load(args.config)
    if args.todo != "list" and not re.fullmatch(NAME, args.name):
        raise CentralError(f"a name is {NAME_RULE}, not {args.name!r}; nothing was changed")
    connections = DatabaseConnections(settings.database)
    try:
        for line in _TODO[args.todo](args, settings, connections):
            print(line, file=stdout)
    finally:
        connections.close()
    return 0


def _add(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    role, now_ms = Role(args.role), wall_ms(SystemClock())
    wards = _wards(args.ward, settings, needed=role is not Role.ADMIN)
    with connections.reading() as connection:
        if accounts.find_account(connection, args.name) is not None:
            raise CentralError(f"{args.name} is there already; nothing was changed")
    digest = hash_password(_password(args.password_file))
    with connections.writing() as connection:
        accounts.add_account(connection, Account(args.name, role, wards, now_ms), password=digest)
    yield f"{args.name}: {role}, {_of(wards)}"


def _list(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    with connections.reading() as connection:
        found = accounts.all_accounts(connection)
    if args.json:
        yield json.dumps(
            [
                {
                    "name": each.name,
                    "role": each.role.value,
                    "wards": list(each.wards),
                    "since": _created(each).isoformat(),
                }
                for each in found
            ],
            indent=2,
            ensure_ascii=False,
        )
        return
    for each in found:
        yield f"{each.name:20} {each.role:8} {_of(each.wards)}, since {_created(each):%Y-%m-%d}"
    if not found:
        yield "no users yet: edge-agent central user add NAME --role admin"


def _created(account: Account) -> datetime:
    return datetime.fromtimestamp(account.created_ms / 1000, UTC)


def _passwd(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    with connections.reading() as connection:
        account = accounts.find_account(connection, args.name)
    if account is None or account.role in PROGRAM_ROLES:
        raise CentralError(f"there is no person {args.name}; nothing was changed")
    digest = hash_password(_password(args.password_file))
    with connections.writing() as connection:
        accounts.set_password(connection, args.name, digest)
    yield f"{args.name}: the new password holds, all sessions have ended"


def _remove(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    with connections.writing() as connection:
        if not accounts.remove_account(connection, args.name):
            raise CentralError(f"there is no {args.name}; nothing was changed")
    yield f"{args.name}: removed; its access log stays"


def _token(args: Namespace, settings: CentralSettings, connections: DatabaseConnections) -> Iterable[str]:
    """Print the token alone on stdout, for ``> file``; everything else goes to stderr."""
    token, now_ms = f"eac_{new_token()}", wall_ms(SystemClock())
    with connections.writing() as connection:
        account = accounts.find_account(connection, args.name)
        if args.renew:
            if account is None or account.role not in PROGRAM_ROLES or args.ward or args.may_act:
                raise CentralError(
                    f"--renew wants the name of a program alone, no ward and no right: {args.name}; "
                    "nothing was changed"
                )
            accounts.set_token(connection, args.name, token)
        elif account is not None:
            raise CentralError(
                f"{args.name} is there already: --renew makes it another token; nothing was changed"
            )
        else:
            role = Role.API_OFFICER if args.may_act else Role.API
            account = Account(args.name, role, _wards(args.ward, settings, needed=True), now_ms)
            accounts.add_account(connection, account, token=token)
    print(f"{args.name}: {_of(account.wards)}; this token is shown once, keep it secret", file=sys.stderr)
    yield token


_TODO = {"add": _add, "list": _list, "passwd": _passwd, "remove": _remove, "token": _token}


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
        raise CentralError(f"{unknown[0]} is no ward of this centre ({known}); nothing was changed")
    return tuple(sorted(set(given)))


def _password(file: Path | None) -> str:
    if file is not None:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as opened:
            lines = opened.read(MAX_PASSWORD_BYTES).decode("utf-8").splitlines()
        password = lines[0] if lines else ""
    else:
        if not sys.stdin.isatty():
            raise CentralError(
                "there is no terminal to ask at: name a --new-password-file; nothing was changed"
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
