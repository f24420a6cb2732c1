"""``edge-agent central run|check|status|console|user``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.central.user_arguments import add_user_commands

if TYPE_CHECKING:
    from edge_agent.central.settings import CentralSettings
    from edge_agent.logs import Masker

DEFAULT_CONFIG = Path("/etc/edge-central/edge-central.yaml")


def add_commands(central: argparse.ArgumentParser) -> None:
    actions = central.add_subparsers(dest="action", metavar="run|check|status|console|user", required=True)
    run = actions.add_parser("run", help="take in what the gateways send, until SIGTERM")
    run.add_argument("--log-format", choices=["text", "json"], default="text")
    run.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    check = actions.add_parser("check", help="check a configuration and list everything that is wrong")
    check.add_argument("--no-secrets", action="store_true", help="password and key files need not exist here")
    status = actions.add_parser("status", help="what is known of the gateways, and what is missing")
    status.add_argument("--json", action="store_true")
    console = actions.add_parser(
        "console", help="the web server alone; `run` starts it where it is configured"
    )
    console.add_argument("--log-format", choices=["text", "json"], default="text")
    console.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    console.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    add_user_commands(actions.add_parser("user", help="who may use the console and the API"))
    for action in (run, check, status, console):
        action.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG)


def run_central(args: argparse.Namespace, stdout: TextIO) -> int:
    if args.action == "run":
        return _run(args)
    if args.action == "check":
        from edge_agent.central.config import run_check

        return run_check(args.config, args.no_secrets, stdout, sys.stderr)
    if args.action == "console":
        return _console(args)
    if args.action == "user":
        from edge_agent.central.user_cli import run_user

        return run_user(args, stdout)
    from edge_agent.central.config import load
    from edge_agent.central.status import run_status

    return run_status(load(args.config).database, args.json, stdout)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.device.signals import stop_on_signals

    stop = stop_on_signals()  # before the slow imports: a stop during the start is a clean one too
    from edge_agent import logs
    from edge_agent.central.child import Child, own_command
    from edge_agent.central.config import load
    from edge_agent.central.service import Central

    masker = logs.setup_logging(args.log_format, args.log_level)
    settings = load(args.config)
    _mask(masker, settings)
    child = None
    if settings.console is not None:
        options = ["--log-format", args.log_format, "--log-level", args.log_level]
        child = Child(
            "console", [*own_command(), "central", "console", "--with-parent", *options, str(args.config)]
        )
    return Central(settings, stop, console=child).run()


def _console(args: argparse.Namespace) -> int:
    from edge_agent.device.signals import stop_on_signals

    stop = stop_on_signals()
    from edge_agent import logs
    from edge_agent.central.config import load
    from edge_agent.central.web.service import ConsoleServer, step_back, stop_with_parent

    masker = logs.setup_logging(args.log_format, args.log_level)
    settings = load(args.config)
    _mask(masker, settings)
    if args.with_parent:
        stop_with_parent(stop)
        step_back()
    return ConsoleServer(settings, stop).run()


def _mask(masker: Masker, settings: CentralSettings) -> None:
    if settings.database.password is not None:
        masker.register(settings.database.password)
    if settings.mqtt.credentials is not None:
        masker.register(settings.mqtt.credentials.password)
