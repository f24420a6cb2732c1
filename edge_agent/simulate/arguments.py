"""Of the command line; importing it costs nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.broker_arguments import BROKER_HELP, add_root_argument, add_tls_arguments, broker_url

CHANGES = (
    ("sites", int, "gateways"),
    ("cameras", int, "of all of them"),
    ("seed", int, "the same one gives the same dice"),
    ("duration-s", float, "so long something happens"),
    ("drain-s", float, "then so long what is left is waited for"),
    ("time-factor", float, "so many times as fast the day goes by"),
    ("events-per-camera-day", float, "of a day that goes by"),
    ("heartbeat-s", float, "of the clock, whatever the factor"),
    ("picture-share", float, "0 to 1 of what begins has a picture"),
    ("spread-s", float, "mqtt.spread_s of the gateways"),
)
"""What is most often another one than in the scenario."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", type=Path, nargs="?", help="YAML; default: the city on a day as usual")
    parser.add_argument(
        "--broker",
        type=broker_url,
        metavar="URL",
        required=True,
        action="append",
        help=f"{BROKER_HELP}; may be repeated, as mqtt.brokers of a gateway",
    )
    add_root_argument(parser)
    for name, kind, doc in CHANGES:
        parser.add_argument(f"--{name}", type=kind, help=doc)
    parser.add_argument("--wards", help="ids, with commas between")
    parser.add_argument("--prefix", help="of the gateways' ids")
    parser.add_argument("--delivery", choices=["confirmed", "broker"])
    parser.add_argument(
        "--certificates", type=Path, metavar="FOLDER", help="of each gateway ID.crt and ID.key, and ca.crt"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        help="where the outboxes are, kept for the next run; default: a temporary one",
    )
    parser.add_argument("--per-process", type=int, default=100, help="gateways; 1 to 120")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="error")
    parser.add_argument("--json", action="store_true", help="the totals as JSON instead of the table")
    add_tls_arguments(parser)


def changes_of(args: argparse.Namespace) -> dict[str, object]:
    """Keys of the scenario that the command line says."""
    names = [name.replace("-", "_") for name, _, _ in CHANGES]
    found: dict[str, object] = {
        name: getattr(args, name)
        for name in (*names, "prefix", "delivery")
        if getattr(args, name) is not None
    }
    if args.wards is not None:
        found["wards"] = args.wards.split(",")
    return found
