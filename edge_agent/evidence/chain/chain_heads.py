"""The text that a chain head signs: it names the hash of one event, and so of all events before it.

The text is plain lines, so that ``openssl pkeyutl -verify -rawin`` can check a head without edge-agent:

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
    """Return the text to sign. ``sequence`` has 16 digits, as on the wire."""
    lines = ("edge-agent chain head 1", gateway, epoch, sequence, sha256, signed_at)
    return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text of a gateway with its signature, to be checked: a head, or the manifest of a bundle."""

    gateway: str
    text: bytes
    signature: bytes
    key_id: str  # may be only the beginning of the id
    broken: ClassVar[str]  # the finding when the signature is invalid


@dataclass(frozen=True, slots=True)
class SignedHead(SignedText):
    epoch: str
    sequence: int
    sha256: str
    broken: ClassVar[str] = "its signature does not hold: something in this head was changed"


def published_head(gateway: str, head: ChainHeadData) -> SignedHead:
    """Return the head in a ``chain-head`` event of the gateway."""
    text = head_text(gateway, head.epoch, head.sequence, head.sha256, head.signed_at)
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except (binascii.Error, ValueError):
        signature = b""  # fails the check with every key
    return SignedHead(gateway, text, signature, head.key_id, head.epoch, int(head.sequence), head.sha256)


def read_head(text: bytes, signature: bytes, key_id: str) -> SignedHead | None:
    """Return the head in the two files of a bundle; None when ``text`` is not the text of a head."""
    match = _TEXT.fullmatch(text.decode("utf-8", errors="replace"))
    if match is None:
        return None
    found = match.groupdict()
    epoch, sequence = found["epoch"], int(found["sequence"])
    return SignedHead(found["gateway"], text, signature, key_id, epoch, sequence, found["sha256"])
