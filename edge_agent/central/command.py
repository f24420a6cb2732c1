"""``edge-agent central run|check|status``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

DEFAULT_CONFIG = Path("/etc/edge-central/edge-central.yaml")


def add_commands(central: argparse.ArgumentParser) -> None:
    actions = central.add_subparsers(dest="action", metavar="run|check|status", required=True)
    run = actions.add_parser("run", help="take in what the gateways send, until SIGTERM")
    run.add_argument("--log-format", choices=["text", "json"], default="text")
    run.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    check = actions.add_parser("check", help="check a configuration and list everything that is wrong")
    check.add_argument("--no-secrets", action="store_true", help="password and key files need not exist here")
    status = actions.add_parser("status", help="what is known of the gateways, and what is missing")
    status.add_argument("--json", action="store_true")
    for action in (run, check, status):
        action.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG)


def run_central(args: argparse.Namespace, stdout: TextIO) -> int:
    if args.action == "run":
        return _run(args)
    if args.action == "check":
        from edge_agent.central.config import run_check

        return run_check(args.config, args.no_secrets, stdout, sys.stderr)
    from edge_agent.central.config import load
    from edge_agent.central.status import run_status

    return run_status(load(args.config).database, args.json, stdout)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.device.signals import stop_on_signals

    stop = stop_on_signals()  # before the slow imports: a stop during the start is a clean one too
    from edge_agent import logs
    from edge_agent.central.config import load
    from edge_agent.central.service import Central

    masker = logs.setup_logging(args.log_format, args.log_level)
    settings = load(args.config)
    if settings.database.password is not None:
        masker.register(settings.database.password)
    if settings.mqtt.credentials is not None:
        masker.register(settings.mqtt.credentials.password)
    return Central(settings, stop).run()
