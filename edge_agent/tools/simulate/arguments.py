"""Arguments of ``edge-agent simulate``; importing this module is cheap."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.tools.broker_arguments import BROKER_HELP, add_root_argument, add_tls_arguments, broker_url

CHANGES = (
    ("sites", int, "number of gateways", "465"),
    ("cameras", int, "number of cameras", "as many as the city has on as many sites"),
    ("seed", int, "seed of the random numbers; the same seed gives the same fleet and events", "1"),
    ("duration-s", float, "seconds for which events are made", "300"),
    ("drain-s", float, "then wait at most so many seconds until all events are sent", "120"),
    ("time-factor", float, "speed of the simulated day; 2 makes it pass twice as fast", "1"),
    ("events-per-camera-day", float, "events of a camera in a simulated day", "8500"),
    ("heartbeat-s", float, "seconds between heartbeats, whatever the time factor", "30"),
    ("picture-share", float, "share of beginning events that have a picture, 0 to 1", "0"),
    ("spread-s", float, "longest random wait of a gateway before it connects, in seconds", "30"),
)
"""Keys of the scenario that the command line can change: name, type, help, default."""


def add_command_to(commands: Commands) -> None:
    simulate = add_command(
        commands,
        "simulate",
        "play a whole fleet against a broker, from one machine",
        "edge-agent simulate --broker mqtt://127.0.0.1 --sites 20 --duration-s 3600",
        exit_codes={
            1: "failed, or events are left unsent or lost",
            78: "the scenario must be corrected",
        },
    )
    simulate.add_argument(
        "scenario",
        type=Path,
        nargs="?",
        metavar="SCENARIO",
        help="YAML file of the scenario; default: the whole city on an ordinary day",
    )
    simulate.add_argument(
        "--broker",
        type=broker_url,
        metavar="URL",
        required=True,
        action="append",
        help=f"{BROKER_HELP}; may be repeated, as in mqtt.brokers of a gateway",
    )
    add_root_argument(simulate)
    _add_changes(simulate)
    _add_processes(simulate)
    add_tls_arguments(simulate)


def _add_changes(simulate: CommandParser) -> None:
    for name, kind, doc, default in CHANGES:
        simulate.add_argument(
            f"--{name}", type=kind, metavar="N", help=f"{doc}; default: the scenario's, else {default}"
        )
    simulate.add_argument(
        "--wards", metavar="IDS", help="ids of the wards, separated by commas; default: the scenario's"
    )
    simulate.add_argument(
        "--prefix", help="gateways are called PREFIX-001 and so on; default: the scenario's, else sim"
    )
    simulate.add_argument(
        "--delivery",
        choices=["confirmed", "broker"],
        help="mqtt.delivery of the gateways; default: the scenario's, else confirmed",
    )


def _add_processes(simulate: CommandParser) -> None:
    simulate.add_argument(
        "--certificates",
        type=Path,
        metavar="DIR",
        help="folder with ID.crt and ID.key of each gateway, and ca.crt; default: no certificates",
    )
    outboxes = simulate.add_argument(
        "--outbox-dir",
        type=Path,
        metavar="DIR",
        help="folder of the outboxes, which stay for the next run; default: a temporary folder",
    )
    simulate.rename("--state-dir", outboxes)
    simulate.add_argument(
        "--per-process", type=int, default=100, metavar="N", help="gateways of one process, 1 to 120"
    )
    simulate.add_logging("error")
    simulate.add_json("the totals instead of the table")


def changes_of(args: argparse.Namespace) -> dict[str, object]:
    """The keys of the scenario that the command line changes."""
    names = [name.replace("-", "_") for name, *_ in CHANGES]
    found: dict[str, object] = {
        name: getattr(args, name)
        for name in (*names, "prefix", "delivery")
        if getattr(args, name) is not None
    }
    if args.wards is not None:
        found["wards"] = args.wards.split(",")
    return found
