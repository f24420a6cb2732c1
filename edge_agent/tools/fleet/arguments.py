"""Arguments of ``edge-agent fleet``; importing this module is cheap."""

from __future__ import annotations

from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.tools.broker_arguments import (
    add_broker_argument,
    add_root_argument,
    add_tls_arguments,
    seconds,
    topic_id,
)

STANDINGS = ("offline", "silent", "trouble", "unknown", "stopped", "fine")
"""States of a gateway in the table, worst first."""


def add_command_to(commands: Commands) -> None:
    fleet = add_command(
        commands,
        "fleet",
        "show all gateways of a broker in a live table, worst first",
        "edge-agent fleet --broker mqtts://broker.example:8883 --ca-file ca.crt --cert-file me.crt "
        "--key-file me.key",
        "edge-agent fleet --broker mqtt://127.0.0.1 --ward de-tham --state offline --json",
        exit_codes={1: "failed, or no gateway was heard"},
    )
    add_broker_argument(fleet)
    add_root_argument(fleet)
    fleet.add_argument(
        "--ward",
        type=topic_id,
        action="append",
        default=[],
        metavar="ID",
        help="id of the ward; may be repeated; subscribes to its topics only, which is all that a user of a "
        "ward may read; default: all wards",
    )
    fleet.add_argument(
        "--state",
        action="append",
        default=[],
        choices=STANDINGS,
        help="show gateways in this state only; may be repeated; default: all states",
    )
    fleet.add_argument("--once", action="store_true", help="print the table once and exit")
    fleet.add_json("once")
    fleet.add_argument(
        "--listen-s",
        type=seconds,
        default=40.0,
        metavar="SECONDS",
        help="seconds to listen; with --once and --json at most so long for the heartbeats of all gateways",
    )
    add_tls_arguments(fleet)
