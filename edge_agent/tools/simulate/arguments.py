"""Of the command line; importing it costs nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.tools.broker_arguments import BROKER_HELP, add_root_argument, add_tls_arguments, broker_url

CHANGES = (
    ("sites", int, "number of gateways (465)"),
    ("cameras", int, "number of cameras; default: as many as the city has on as many sites"),
    ("seed", int, "the same seed gives the same fleet and events (1)"),
    ("duration-s", float, "seconds for which events are made (300)"),
    ("drain-s", float, "then wait at most so many seconds until all is sent (120)"),
    ("time-factor", float, "make a day pass this many times as fast (1)"),
    ("events-per-camera-day", float, "events of a camera in a simulated day (8500)"),
    ("heartbeat-s", float, "seconds between heartbeats, whatever the time factor (30)"),
    ("picture-share", float, "0 to 1: share of beginning events that have a picture (0)"),
    ("spread-s", float, "longest random wait of a gateway before it connects, seconds (30)"),
)
"""What is most often another one than in the scenario."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", type=Path, nargs="?", help="YAML file; default: the whole city on an ordinary day"
    )
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
    parser.add_argument("--wards", help="ids of wards, separated by commas")
    parser.add_argument("--prefix", help="gateways are called PREFIX-001 and so on (sim)")
    parser.add_argument("--delivery", choices=["confirmed", "broker"], help="mqtt.delivery (confirmed)")
    parser.add_argument(
        "--certificates", type=Path, metavar="FOLDER", help="of each gateway ID.crt and ID.key, and ca.crt"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        help="where the outboxes are, kept for the next run; default: a temporary one",
    )
    parser.add_argument(
        "--per-process", type=int, default=100, help="gateways that one process plays, 1 to 120 (100)"
    )
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
