"""Boxes of ISO base media files (ISO/IEC 14496-12), read within bounds and written.

The files may come from anybody. Everything here is Python: a size or a number that is wrong raises
BoxDamaged, and nothing is read that the caller has not bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MAX_BOXES = 10_000
"""In one box, or in the file itself."""
_HEADER_BYTES, _LARGE_HEADER_BYTES = 8, 16


class BoxDamaged(ValueError):
    """A box does not fit into what has it, lacks a part, or contradicts another one."""


@dataclass(frozen=True, slots=True)
class BoxPlace:
    """Where a box is in a file."""

    kind: bytes  # four bytes
    begin: int  # of its content
    end: int


def boxes_in(file: IO[bytes], begin: int, end: int) -> Iterator[BoxPlace]:
    """The boxes between two places of ``file``, one after the other; fewer than eight bytes at the end are
    no box. Raises BoxDamaged."""
    for _ in range(MAX_BOXES):
        if end - begin < _HEADER_BYTES:
            return
        size, kind = struct.unpack(">I4s", read_at(file, begin, _HEADER_BYTES, end))
        content = begin + _HEADER_BYTES
        if size == 1:
            content = begin + _LARGE_HEADER_BYTES
            size = int.from_bytes(read_at(file, begin + _HEADER_BYTES, 8, end))
        elif size == 0:  # up to the end
            size = end - begin
        if not content <= begin + size <= end:
            raise BoxDamaged("a box ends before its own header, or after what has it")
        yield BoxPlace(kind, content, begin + size)
        begin += size
    raise BoxDamaged("too many boxes")


def find_box(file: IO[bytes], parent: BoxPlace, kind: bytes) -> BoxPlace | None:
    """The first box of this kind in ``parent``. Raises BoxDamaged."""
    return next((each for each in boxes_in(file, parent.begin, parent.end) if each.kind == kind), None)


def child_box(file: IO[bytes], parent: BoxPlace, *path: bytes) -> BoxPlace:
    """The box at ``path``, which names a kind for each level below ``parent``; of several boxes of a kind the
    first. Raises BoxDamaged if there is none."""
    for kind in path:
        found = find_box(file, parent, kind)
        if found is None:
            raise BoxDamaged(f"there is no {kind!r}")
        parent = found
    return parent


def read_at(file: IO[bytes], begin: int, size: int, end: int) -> bytes:
    """``size`` bytes of ``file``, which has to have them before ``end``. Raises BoxDamaged."""
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
    """A box that begins with its version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)
