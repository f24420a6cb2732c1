"""What a head signs: the bytes of one event, and through the hashes all before it.

The signed text is plain lines, so that ``openssl pkeyutl -verify -rawin`` checks a head without any program
of ours:

    edge-agent chain head 1
    <gateway>
    <epoch>
    <sequence, 16 digits>
    <SHA-256 of the event's bytes>
    <when it was signed>
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import ClassVar

from edge_agent.wire import ChainHeadData

_TEXT = re.compile(
    r"edge-agent chain head 1\n(?P<gateway>[a-z0-9-]+)\n(?P<epoch>[^\n]+)\n(?P<sequence>\d{16})\n"
    r"(?P<sha256>[0-9a-f]{64})\n(?P<signed_at>[^\n]+)\n"
)


def head_text(gateway: str, epoch: str, sequence: str, sha256: str, signed_at: str) -> bytes:
    """``sequence`` as on the wire."""
    lines = ("edge-agent chain head 1", gateway, epoch, sequence, sha256, signed_at)
    return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head as it is checked. ``key_id`` may be its first part only."""

    gateway: str
    epoch: str
    sequence: int
    sha256: str
    text: bytes
    signature: bytes
    key_id: str
    broken: ClassVar[str] = "its signature does not hold: something in this head was changed"


def published_head(gateway: str, head: ChainHeadData) -> SignedHead:
    """The head that a ``chain-head`` event of the gateway carries."""
    text = head_text(gateway, head.epoch, head.sequence, head.sha256, head.signed_at)
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except (binascii.Error, ValueError):
        signature = b""  # which no key has signed
    return SignedHead(gateway, head.epoch, int(head.sequence), head.sha256, text, signature, head.key_id)


def read_head(text: bytes, signature: bytes, key_id: str) -> SignedHead | None:
    """The head of a text and a signature in files; None when the text is no such text."""
    match = _TEXT.fullmatch(text.decode("utf-8", errors="replace"))
    if match is None:
        return None
    found = match.groupdict()
    sequence = int(found["sequence"])
    return SignedHead(found["gateway"], found["epoch"], sequence, found["sha256"], text, signature, key_id)
