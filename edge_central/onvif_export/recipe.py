"""An ONVIF Export File as it is stored: its first bytes, and which parts of the clip follow.

So the file takes no second copy of the clip on the disk, and is the same whenever it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from msgspec import Struct

CHUNK_BYTES = 1 << 20


class OnvifRecipe(Struct, frozen=True, kw_only=True):
    head: bytes
    clip: str  # SHA-256 of the file that has the pictures
    ranges: list[tuple[int, int]]  # begin and size of what is copied from it, in this order

    @property
    def size(self) -> int:
        return len(self.head) + sum(size for _, size in self.ranges)


def pieces(recipe: OnvifRecipe, clip: IO[bytes]) -> Iterator[bytes]:
    """The bytes of the file, in pieces of at most CHUNK_BYTES after the first. ``clip`` can be sought in.
    Raises OSError, also if the clip is shorter than it was."""
    yield recipe.head
    for begin, size in recipe.ranges:
        clip.seek(begin)
        while size:
            piece = clip.read(min(size, CHUNK_BYTES))
            if not piece:
                raise OSError("a clip of the case is shorter than it was")
            size -= len(piece)
            yield piece
