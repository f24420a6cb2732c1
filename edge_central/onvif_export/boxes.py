"""Boxes of ISO base media files (ISO/IEC 14496-12): reads them within bounds, and writes them.

Any person may have made the files. All code here is Python: a wrong size or number raises BoxDamaged, and the
caller bounds everything that is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MAX_BOXES = 10_000
"""Limit for the boxes in one box, or in the file itself."""
_HEADER_BYTES, _LARGE_HEADER_BYTES = 8, 16


class BoxDamaged(ValueError):
    """A box is larger than the box around it, lacks a part, or contradicts another box."""


@dataclass(frozen=True, slots=True)
class BoxPlace:
    """Where a box is in a file."""

    kind: bytes  # four bytes
    begin: int  # begin of the content, after the header
    end: int


def boxes_in(file: IO[bytes], begin: int, end: int) -> Iterator[BoxPlace]:
    """Yield the boxes of ``file`` from ``begin`` to ``end``, one after the other. Fewer than eight bytes at
    the end are ignored. Raises BoxDamaged."""
    for _ in range(MAX_BOXES):
        if end - begin < _HEADER_BYTES:
            return
        size, kind = struct.unpack(">I4s", read_at(file, begin, _HEADER_BYTES, end))
        content = begin + _HEADER_BYTES
        if size == 1:
            content = begin + _LARGE_HEADER_BYTES
            size = int.from_bytes(read_at(file, begin + _HEADER_BYTES, 8, end))
        elif size == 0:  # the box reaches to ``end``
            size = end - begin
        if not content <= begin + size <= end:
            raise BoxDamaged("a box ends before its own header, or after what has it")
        yield BoxPlace(kind, content, begin + size)
        begin += size
    raise BoxDamaged("too many boxes")


def find_box(file: IO[bytes], parent: BoxPlace, kind: bytes) -> BoxPlace | None:
    """Return the first box of this kind in ``parent``; None: there is none. Raises BoxDamaged."""
    return next((each for each in boxes_in(file, parent.begin, parent.end) if each.kind == kind), None)


def child_box(file: IO[bytes], parent: BoxPlace, *path: bytes) -> BoxPlace:
    """Return the box at ``path``, which names a kind for each level below ``parent``; if there are several
    boxes of a kind, the first. Raises BoxDamaged if there is none."""
    for kind in path:
        found = find_box(file, parent, kind)
        if found is None:
            raise BoxDamaged(f"there is no {kind!r}")
        parent = found
    return parent


def read_at(file: IO[bytes], begin: int, size: int, end: int) -> bytes:
    """Return ``size`` bytes of ``file`` from ``begin``. Raises BoxDamaged if they reach beyond ``end``."""
    if begin + size > end:
        raise BoxDamaged("a field is beyond the end of its box")
    file.seek(begin)
    content = file.read(size)
    if len(content) != size:
        raise BoxDamaged("the file is shorter than its boxes say")
    return content


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", _HEADER_BYTES + len(content), kind) + content


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box that begins with its version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)
