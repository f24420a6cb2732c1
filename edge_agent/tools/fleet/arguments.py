"""Of the command line; importing it costs nothing."""

from __future__ import annotations

import argparse

from edge_agent.tools.broker_arguments import (
    BROKER_HELP,
    add_root_argument,
    add_tls_arguments,
    broker_url,
    seconds,
    topic_id,
)

STANDINGS = ("offline", "silent", "trouble", "unknown", "stopped", "fine")
"""Of a gateway, as the table has them: the worst first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--broker", type=broker_url, metavar="URL", required=True, help=BROKER_HELP)
    add_root_argument(parser)
    parser.add_argument(
        "--ward",
        type=topic_id,
        action="append",
        default=[],
        help="only this ward, may be repeated; only its topics are asked for, as a ward's user has to",
    )
    parser.add_argument(
        "--state", action="append", default=[], choices=STANDINGS, help="only these, may be repeated"
    )
    parser.add_argument("--once", action="store_true", help="print the table once and end")
    parser.add_argument("--json", action="store_true", help="once, as JSON")
    parser.add_argument(
        "--listen-s", type=seconds, default=40.0, help="once: longest wait for everybody's heartbeat"
    )
    add_tls_arguments(parser)
