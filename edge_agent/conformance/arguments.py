"""Of the command line; importing it costs nothing."""

from __future__ import annotations

import argparse

from edge_agent.command_cli import add_root_argument, add_tls_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--broker", metavar="URL", required=True, help="mqtts://host:8883, or mqtt://host in a lab"
    )
    parser.add_argument("--gateway", metavar="ID", required=True)
    parser.add_argument("--ward", metavar="ID", required=True)
    add_root_argument(parser)
    parser.add_argument("--listen-s", type=float, default=75.0, help="so long it is listened to what comes")
    parser.add_argument("--no-commands", action="store_true", help="only listen")
    parser.add_argument("--json", action="store_true")
    add_tls_arguments(parser)
