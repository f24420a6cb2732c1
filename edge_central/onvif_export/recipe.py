"""An ONVIF Export File as it is stored: its first bytes, and the parts of the clip that follow.

So the disk holds no second copy of the clip, and the file is the same each time that it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from msgspec import Struct

CHUNK_BYTES = 1 << 20


class OnvifRecipe(Struct, frozen=True, kw_only=True):
    head: bytes
    clip: str  # SHA-256 of the clip's file, which has the pictures
    ranges: list[tuple[int, int]]  # begin and size of the ranges to copy from it, in order

    @property
    def size(self) -> int:
        return len(self.head) + sum(size for _, size in self.ranges)


def pieces(recipe: OnvifRecipe, clip: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of the file: first the head, then pieces of at most CHUNK_BYTES. ``clip`` must be
    seekable. Raises OSError, also if the clip has become shorter."""
    yield recipe.head
    for begin, size in recipe.ranges:
        clip.seek(begin)
        while size:
            piece = clip.read(min(size, CHUNK_BYTES))
            if not piece:
                raise OSError("a clip of the case is shorter than it was")
            size -= len(piece)
            yield piece
