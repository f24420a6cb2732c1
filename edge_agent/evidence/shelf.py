"""Which media there are, and in which order they have to go. In memory; made from the files' names."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.evidence.names import MediaName

BLOCK_BYTES = 4096  # what a file really takes
EARLIEST = 1_704_067_200.0
"""2024: before it no file of ours was written. One that says so was written while the box had no clock."""


def on_disk(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


@dataclass(frozen=True, slots=True, order=True)
class MediaEntry:
    """One file. Sorts by age: what was written without a clock counts as new, whatever it says."""

    order: float
    name: MediaName = field(compare=False)
    size: int = field(compare=False)  # on disk
    written: float = field(compare=False)  # its modification time


def media_entry(name: MediaName, size_bytes: int, written: float) -> MediaEntry:
    return MediaEntry(written if written >= EARLIEST else math.inf, name, on_disk(size_bytes), written)


class MediaIndex:
    """Not thread-safe."""

    def __init__(self) -> None:
        self._by_severity: dict[int, list[MediaEntry]] = {}
        self.bytes = 0

    def add(self, item: MediaEntry) -> None:
        bisect.insort(self._by_severity.setdefault(item.name.severity, []), item)
        self.bytes += item.size

    def remove(self, item: MediaEntry) -> None:
        same = self._by_severity[item.name.severity]
        at = bisect.bisect_left(same, item)
        while same[at] is not item:
            at += 1
        del same[at]
        self.bytes -= item.size

    def __iter__(self) -> Iterator[MediaEntry]:
        """In the order in which they go: the lowest severity first, of one severity the oldest."""
        for severity in sorted(self._by_severity):
            yield from self._by_severity[severity]

    def oldest(self) -> float | None:
        """When the oldest that says so was written."""
        first = [same[0].order for same in self._by_severity.values() if same]
        known = [order for order in first if order != math.inf]
        return min(known, default=None)

    def to_free(
        self, size: int, severity: int, stays: Callable[[MediaEntry], bool]
    ) -> list[MediaEntry] | None:
        """What has to go for so many bytes, none of it graver than ``severity``; None when that is not
        enough. ``stays``: it is held."""
        going: list[MediaEntry] = []
        for item in self:
            if size <= 0 or item.name.severity > severity:
                break
            if not stays(item):
                going.append(item)
                size -= item.size
        return going if size <= 0 else None


def read_media_index(folder: Path) -> MediaIndex:
    """What is below that folder."""
    shelf = MediaIndex()
    for path in folder.glob("*/*"):
        name = MediaName.parsed(path)
        if name is None:
            continue
        try:
            stat = path.stat()
        except OSError:  # it has just gone
            continue
        shelf.add(media_entry(name, stat.st_size, stat.st_mtime))
    return shelf
