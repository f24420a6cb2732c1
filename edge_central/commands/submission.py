"""Reads a command that a browser has signed. Pure.

The centre has no operator's public key. So it checks only the content; the gateway verifies the signature.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from edge_agent.commands.signature import read_unverified
from edge_agent.core.errors import EdgeAgentError
from edge_agent.wire import Command
from edge_central.commands.draft import ID_BYTES, check_arguments
from edge_central.commands.model import MAX_LIFE_MS, SIGNED_TYPES, GatewayCommand, InvalidCommand


@dataclass(frozen=True, slots=True)
class SubmittedCommand:
    """A signed command as the ingest publishes it, with what its document says."""

    command: GatewayCommand
    id: str
    jws: bytes
    key: str  # id of the key that the JWS names
    expires_ms: int


def read_signed(jws: bytes, gateway: str, cameras: Collection[str], now_ms: int) -> SubmittedCommand:
    """Read a signed command. Raises InvalidCommand for another gateway or camera, a type that the console
    does not send, wrong arguments, and a document that has expired or is valid for too long."""
    document, key = _document(jws)
    command = GatewayCommand(document.type, document.args)
    if document.type not in SIGNED_TYPES:
        raise InvalidCommand("command-error-type")
    is_ours = re.fullmatch(rf"{document.type}-[0-9a-f]{{{2 * ID_BYTES}}}", document.id)
    if is_ours is None or document.gateway != gateway:
        raise InvalidCommand("command-error-other")
    check_arguments(command)
    if len(command.cameras) > 1:  # the console never names several cameras; its sentences name one or all
        raise InvalidCommand("command-error-other")
    if not set(command.cameras) <= set(cameras):
        raise InvalidCommand("command-error-camera")
    expires_ms = _expiry_ms(document, now_ms)
    return SubmittedCommand(command, document.id, jws, key, expires_ms)


def _document(jws: bytes) -> tuple[Command[dict[str, Any]], str]:
    """Return the document and the id of the key, unverified. Raises InvalidCommand."""
    try:
        text, key = read_unverified(jws)
        return msgspec.json.decode(text, type=Command[dict[str, Any]]), key
    except (EdgeAgentError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidCommand("command-error-unreadable") from None


def _expiry_ms(document: Command[dict[str, Any]], now_ms: int) -> int:
    """Return when the document expires, milliseconds since 1970. Raises InvalidCommand."""
    try:
        expires_ms = round(datetime.fromisoformat(document.expires).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidCommand("command-error-unreadable") from None
    if expires_ms <= now_ms:
        raise InvalidCommand("command-error-expired")
    if expires_ms > now_ms + MAX_LIFE_MS:
        raise InvalidCommand("command-error-lifetime")
    return expires_ms
