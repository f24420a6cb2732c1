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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--broker", type=broker_url, metavar="URL", required=True, help=BROKER_HELP)
    parser.add_argument("--gateway", type=topic_id, metavar="ID", required=True)
    parser.add_argument("--ward", type=topic_id, metavar="ID", required=True)
    add_root_argument(parser)
    parser.add_argument("--listen-s", type=seconds, default=75.0, help="so long it is listened to what comes")
    parser.add_argument("--no-commands", action="store_true", help="only listen")
    parser.add_argument("--json", action="store_true")
    add_tls_arguments(parser)
