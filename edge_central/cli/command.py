"""Parsers of ``edge-agent central`` and its actions; this module needs no library of the extra."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.core.errors import UsageError

if TYPE_CHECKING:
    from edge_agent.host.system.logs import Masker
    from edge_central.settings import CentralSettings

    _Actions = argparse._SubParsersAction[argparse.ArgumentParser]


DEFAULT_USER_CONFIG = Path("/etc/edge-central/edge-central.yaml")
ROLES = ("admin", "officer", "viewer")


def add_user_commands(user: argparse.ArgumentParser) -> None:
    todo = user.add_subparsers(dest="todo", metavar="add|list|passwd|remove|token", required=True)
    add = todo.add_parser("add", help="add a person; asks for the password on the terminal")
    add.add_argument("name")
    add.add_argument(
        "--role",
        choices=ROLES,
        required=True,
        help="admin: all wards; officer: may act; viewer: may only read",
    )
    _add_wards(add)
    _add_password_file(add)
    todo.add_parser("list", help="list all persons and programs")
    passwd = todo.add_parser("passwd", help="set a new password and end all sessions of that person")
    passwd.add_argument("name")
    _add_password_file(passwd)
    remove = todo.add_parser("remove", help="remove a person or program with its sessions and token")
    remove.add_argument("name")
    token = todo.add_parser("token", help="make an API token for a program; it is printed once")
    token.add_argument("name")
    token.add_argument("--renew", action="store_true", help="make a new token; the old one stops working")
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


DEFAULT_CONFIG = Path("/etc/edge-central/edge-central.yaml")


def add_commands(central: argparse.ArgumentParser) -> None:
    names = "run|check|status|hold|holds|release|deletions|console|user"
    actions = central.add_subparsers(dest="action", metavar=names, required=True)
    run = actions.add_parser("run", help="receive and store what gateways send, until SIGTERM")
    run.add_argument("--log-format", choices=["text", "json"], default="text")
    run.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    check = actions.add_parser("check", help="check a configuration and list everything that is wrong")
    check.add_argument("--no-secrets", action="store_true", help="do not require password and key files")
    status = actions.add_parser("status", help="show the state of the gateways and missing events")
    status.add_argument("--json", action="store_true")
    console = actions.add_parser(
        "console", help="run only the web server; `run` starts it if it is configured"
    )
    console.add_argument("--log-format", choices=["text", "json"], default="text")
    console.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    console.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    add_user_commands(actions.add_parser("user", help="manage the users of the console and the API"))
    for action in (run, check, status, console, *_add_retention(actions)):
        action.add_argument(
            "config", type=Path, nargs="?", default=DEFAULT_CONFIG, help="default: %(default)s"
        )


def _add_retention(actions: _Actions) -> tuple[argparse.ArgumentParser, ...]:
    hold = actions.add_parser("hold", help="keep events and their pictures from being deleted")
    what = hold.add_mutually_exclusive_group(required=True)
    what.add_argument("--event", metavar="EVENT_ID", help="everything that belongs to this event")
    what.add_argument("--gateway", metavar="ID", help="what this gateway reported from --from to --to")
    hold.add_argument("--camera", metavar="ID", help="with --gateway: of this camera only")
    for name, of in (("--from", "from_time"), ("--to", "to_time")):
        hold.add_argument(name, dest=of, metavar="TIME", help="2026-11-24T20:15, of this machine's time zone")
    hold.add_argument("--why", required=True, help="reason, such as the number of a case file")
    holds = actions.add_parser("holds", help="list what is kept, why, and by whom")
    holds.add_argument("--all", action="store_true", help="list released holds too")
    holds.add_argument("--json", action="store_true")
    release = actions.add_parser(
        "release",
        help="end a hold, let a large retention run proceed, or confirm the system's clock",
        description="End a hold: what it kept is deleted when its retention time is over. "
        "For administrators: let a retention run proceed that would delete over a fifth of the stored rows "
        "and therefore waits; or confirm this machine's clock when the centre uses its own count. "
        "`status` shows both.",
    )
    release.add_argument("id", type=_id_or_config, nargs="?", help="id of the hold, as holds shows it")
    which = release.add_mutually_exclusive_group()
    which.add_argument("--deletions", action="store_true", help="let the waiting retention run delete")
    which.add_argument("--clock", action="store_true", help="let the centre use this machine's clock again")
    deletions = actions.add_parser("deletions", help="list what retention has deleted, newest first")
    deletions.add_argument("--most", type=int, default=20, metavar="N", help="number of rows (default 20)")
    deletions.add_argument("--json", action="store_true")
    return hold, holds, release, deletions


def _id_or_config(text: str) -> int | Path:
    return int(text) if text.isdecimal() else Path(text)


def _sort_release(args: argparse.Namespace) -> None:
    """With ``--deletions`` or ``--clock`` the only positional argument is CONFIG. Raises UsageError."""
    if not (args.deletions or args.clock):
        if not isinstance(args.id, int):
            raise UsageError(
                "release: give the number of a hold (`holds` lists them), --deletions or --clock"
            )
    elif isinstance(args.id, int):
        raise UsageError(f"release: --deletions and --clock end no hold; leave out {args.id}")
    elif args.id is not None:
        args.config, args.id = args.id, None


def run_central(args: argparse.Namespace, stdout: TextIO) -> int:
    if args.action == "run":
        return _run(args)
    if args.action == "check":
        from edge_central.config import run_check

        return run_check(args.config, args.no_secrets, stdout, sys.stderr)
    if args.action == "console":
        return _console(args)
    if args.action == "user":
        from edge_central.cli.user import run_user

        return run_user(args, stdout)
    from edge_central.config import load

    if args.action in ("hold", "holds", "release"):
        from edge_central.cli.retention_commands import run_holds

        if args.action == "release":
            _sort_release(args)
        settings = load(args.config)
        return run_holds(args, settings.database, stdout, sys.stderr, settings.id)
    if args.action == "deletions":
        from edge_central.cli.retention_commands import run_deletions

        return run_deletions(load(args.config).database, args.most, args.json, stdout)
    from edge_central.cli.status import run_status

    settings = load(args.config)
    return run_status(settings.database, args.json, stdout, settings.id)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.host.system.signals import stop_on_signals

    stop = stop_on_signals()  # before the slow imports, so that a stop during the start is a clean one too
    from edge_agent.host.system import logs
    from edge_central.config import load
    from edge_central.console_process import ConsoleProcess, own_command
    from edge_central.service import CentralService

    masker = logs.setup_logging(args.log_format, args.log_level)
    settings = load(args.config)
    _mask(masker, settings)
    child = None
    if settings.console is not None:
        options = ["--log-format", args.log_format, "--log-level", args.log_level]
        child = ConsoleProcess(
            "console", [*own_command(), "central", "console", "--with-parent", *options, str(args.config)]
        )
    return CentralService(settings, stop, console=child).run()


def _console(args: argparse.Namespace) -> int:
    from edge_agent.host.system.signals import stop_on_signals

    stop = stop_on_signals()
    from edge_agent.host.system import logs
    from edge_central.config import load
    from edge_central.web.service import ConsoleServer, lower_priority, stop_with_parent

    masker = logs.setup_logging(args.log_format, args.log_level)
    settings = load(args.config)
    _mask(masker, settings)
    if args.with_parent:
        stop_with_parent(stop)
        lower_priority()
    return ConsoleServer(settings, stop).run()


def _mask(masker: Masker, settings: CentralSettings) -> None:
    if settings.database.password is not None:
        masker.register(settings.database.password)
    if settings.mqtt.credentials is not None:
        masker.register(settings.mqtt.credentials.password)
