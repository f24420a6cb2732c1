"""The text that a head signs: what one event's bytes are, and through the hashes all before it.

Plain lines, so that ``openssl pkeyutl -verify -rawin`` checks a head without any program of ours.
"""

from __future__ import annotations

import base64
import binascii

from edge_agent.wire import ChainHeadData


def head_text(gateway: str, epoch: str, sequence: str, sha256: str, signed_at: str) -> bytes:
    """Six lines; ``sequence`` as on the wire, 16 digits."""
    lines = ("edge-agent chain head 1", gateway, epoch, sequence, sha256, signed_at)
    return "".join(f"{line}\n" for line in lines).encode()


def text_of(gateway: str, head: ChainHeadData) -> bytes:
    return head_text(gateway, head.epoch, head.sequence, head.sha256, head.signed_at)


def signature_of(head: ChainHeadData) -> bytes:
    """The 64 bytes; empty when they are no base64, which no key has signed."""
    try:
        return base64.b64decode(head.signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
