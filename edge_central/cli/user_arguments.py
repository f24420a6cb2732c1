"""The words of ``edge-agent central user``; needs no library of the extra."""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT_USER_CONFIG = Path("/etc/edge-central/edge-central.yaml")
ROLES = ("admin", "officer", "viewer")


def add_user_commands(user: argparse.ArgumentParser) -> None:
    todo = user.add_subparsers(dest="todo", metavar="add|list|passwd|remove|token", required=True)
    add = todo.add_parser("add", help="a person; asks for the password on the terminal")
    add.add_argument("name")
    add.add_argument(
        "--role", choices=ROLES, required=True, help="admin: all wards; officer: acts; viewer: looks"
    )
    _add_wards(add)
    _add_password_file(add)
    todo.add_parser("list", help="who there is")
    passwd = todo.add_parser("passwd", help="another password; ends all sessions of that person")
    passwd.add_argument("name")
    _add_password_file(passwd)
    remove = todo.add_parser("remove", help="away with a person or program, sessions and token included")
    remove.add_argument("name")
    token = todo.add_parser("token", help="a token of the API for a program, printed once")
    token.add_argument("name")
    token.add_argument(
        "--renew", action="store_true", help="another token; the old one is worth nothing from then on"
    )
    _add_wards(token)
    for each in todo.choices.values():
        each.add_argument("--config", type=Path, default=DEFAULT_USER_CONFIG, help="default: %(default)s")


def _add_wards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ward", action="append", default=[], metavar="WARD", help="may be given several times"
    )


def _add_password_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file", type=Path, help="file whose first line is the password; - is standard input"
    )
