"""Arguments of ``edge-agent conformance``; importing this module is cheap."""

from __future__ import annotations

from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.tools.broker_arguments import (
    add_broker_argument,
    add_gateway_arguments,
    add_root_argument,
    add_tls_arguments,
    seconds,
)


def add_command_to(commands: Commands) -> None:
    conformance = add_command(
        commands,
        "conformance",
        "check that a live gateway follows the contract",
        "edge-agent conformance --broker mqtts://broker.example:8883 --ca-file ca.crt --gateway dt-001 "
        "--ward de-tham",
        exit_codes={1: "failed, or a check found a breach of the contract"},
    )
    add_broker_argument(conformance)
    add_gateway_arguments(conformance, required=True)
    add_root_argument(conformance)
    conformance.add_argument(
        "--listen-s", type=seconds, default=75.0, metavar="SECONDS", help="seconds to listen"
    )
    conformance.add_argument("--no-commands", action="store_true", help="listen only, send no command")
    conformance.add_json()
    add_tls_arguments(conformance)
