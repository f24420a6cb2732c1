"""Whether a stored event is still what was written: SQLite does not notice a bit that a card has flipped."""

from __future__ import annotations

import zlib

import msgspec


def checksum(row: int, camera: str, kind: str, payload: bytes) -> int:
    """What is stored beside the event. CRC-32: it guards against a card, not against people."""
    return zlib.crc32(payload, zlib.crc32(f"{row} {camera} {kind}".encode()))


def is_intact(row: int, camera: str, kind: str, payload: bytes, check: int | None) -> bool:
    """``check`` is None in a row that an older agent wrote: then at least it has to be JSON."""
    if check is not None:
        return check == checksum(row, camera, kind, payload)
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
