"""Commands as the console prepares them and a browser signs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from edge_agent.commands.signature import sign
from edge_central.commands.draft import prepare
from edge_central.commands.model import CommandAuthor, GatewayCommand
from edge_central.commands.records import store_signed
from edge_central.commands.submission import SubmittedCommand, read_signed

OPERATOR, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
CAMERAS = ("cam-1", "cam-2")
REASON = "lễ hội ở chợ"
MASK = GatewayCommand("mask", {"camera": "cam-1", "rule": "yard", "for_s": 3600})


def signed_as_browser(
    command: GatewayCommand, now_ms: int, key: Ed25519PrivateKey = OPERATOR, gateway: str = "dt-001"
) -> bytes:
    """The signed document that the page of the console shows."""
    return sign(prepare(command, gateway, now_ms).text.encode(), key)


def submitted(command: GatewayCommand, now_ms: int, key: Ed25519PrivateKey = OPERATOR) -> SubmittedCommand:
    jws = signed_as_browser(command, now_ms, key)
    return read_signed(jws, "dt-001", CAMERAS, now_ms)


def store(
    connection: Connection, command: GatewayCommand, now_ms: int, key: Ed25519PrivateKey = OPERATOR
) -> str:
    """Store a signed command for dt-001 as the console does; return its id."""
    author = CommandAuthor("lan", "192.0.2.7", now_ms)
    found = submitted(command, now_ms, key)
    assert store_signed(connection, author, "dt-001", "de-tham", found, REASON)
    return found.id


def command(type_: str, args: Mapping[str, Any] | None = None) -> GatewayCommand:
    return GatewayCommand(type_, dict(args or {}))
