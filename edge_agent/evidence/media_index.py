"""The index of media files in memory, in the order in which rotation removes them.

It is made from the names of the files: a name contains all that rotation and the command line need.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edge_agent.core.errors import StorageError

PART = ".part"  # suffix of a file that is being written
_ID = re.compile(r"[a-z0-9-]{1,120}")
_NAME = re.compile(
    r"(?P<time>\d{6})_(?P<severity>\d+)_(?P<camera>[a-z0-9-]+)_(?P<event_id>[a-z0-9-]+)_(?P<media_id>[a-z0-9-]+)"
    r"\.(?P<suffix>mp4|jpg)(?P<sealed>\.sealed)?"
)


@dataclass(frozen=True, slots=True)
class MediaName:
    """``<YYYY-MM-DD>/<HHMMSS>_<severity number>_<camera>_<event_id>_<media_id>.<mp4|jpg>[.sealed]``.

    The gateway's time in UTC is only a label: after a boot without a clock it can be wrong by years.
    """

    day: str
    time: str
    severity: int
    camera: str
    event_id: str
    media_id: str
    suffix: str
    sealed: bool

    @classmethod
    def at(
        cls,
        moment: datetime,
        *,
        severity: int,
        camera: str,
        event_id: str,
        media_id: str,
        suffix: str,
        sealed: bool,
    ) -> Self:
        """Return the name of a file. Raises ``StorageError`` for an id that cannot be part of a file name."""
        for word in (camera, event_id, media_id):
            check_id(word)
        moment = moment.astimezone(UTC)
        day, time = moment.strftime("%Y-%m-%d"), moment.strftime("%H%M%S")
        return cls(day, time, severity, camera, event_id, media_id, suffix, sealed)

    @classmethod
    def parsed(cls, path: Path) -> Self | None:
        """Return the parts of an existing file's name; None if the agent does not write such names."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            return None
        found = match.groupdict()
        sealed, severity = found.pop("sealed") is not None, int(found.pop("severity"))
        return cls(day=path.parent.name, severity=severity, sealed=sealed, **found)

    @property
    def path(self) -> Path:
        words = (self.time, str(self.severity), self.camera, self.event_id, self.media_id)
        return Path(self.day, f"{'_'.join(words)}.{self.suffix}{'.sealed' if self.sealed else ''}")


def is_id(word: str) -> bool:
    return _ID.fullmatch(word) is not None


def check_id(word: str) -> None:
    """Raise ``StorageError`` for an invalid id. Ids become file names; some come from the command line."""
    if not is_id(word):
        raise StorageError(f"{word!r} is not an id, which has lower-case letters, digits and hyphens only")


BLOCK_BYTES = 4096  # disk space is allocated in such blocks
EARLIEST = 1_704_067_200.0
"""1 January 2024. A file with an earlier time was written while the clock was not steady."""
UNDATED = 1e12
"""Added to the order of such files: they count as newer than all files with a date."""


def on_disk(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


@dataclass(frozen=True, slots=True, order=True)
class MediaEntry:
    """One media file. Entries sort by age; those that were written without a steady clock are the newest."""

    order: float
    name: MediaName = field(compare=False)
    size: int = field(compare=False)  # bytes on disk
    written: float = field(compare=False)  # modification time, in seconds since 1970


def media_entry(name: MediaName, size_bytes: int, written: float) -> MediaEntry:
    order = written if written >= EARLIEST else UNDATED + written
    return MediaEntry(order, name, on_disk(size_bytes), written)


def undated(written: float) -> float:
    """Return the modification time to give to a file that was written while the clock was not steady.

    The clock of a gateway that was stored for months is wrong by these months, and a time server may be wrong
    by years. The times of such files keep their order, and are before ``EARLIEST``, by which the store finds
    the files once the clock is steady.
    """
    return written % EARLIEST


class MediaIndex:
    """All media files, by severity and age. Not thread-safe."""

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
        """Iterate in the order of removal: by severity from the lowest, then by age from the oldest."""
        for severity in sorted(self._by_severity):
            yield from self._by_severity[severity]

    def oldest(self) -> float | None:
        """Return when the oldest file was written, in seconds since 1970; None if no time is known."""
        first = [same[0].order for same in self._by_severity.values() if same]
        known = [order for order in first if order < UNDATED]
        return min(known, default=None)

    def to_free(
        self, size: int, severity: int, on_hold: Callable[[MediaEntry], bool]
    ) -> list[MediaEntry] | None:
        """Return files whose removal frees ``size`` bytes, none with a higher severity than ``severity``.

        Returns None if these files are not enough. ``on_hold`` returns whether a file must not be removed.
        """
        removable: list[MediaEntry] = []
        for item in self:
            if size <= 0 or item.name.severity > severity:
                break
            if not on_hold(item):
                removable.append(item)
                size -= item.size
        return removable if size <= 0 else None


def read_media_index(folder: Path) -> MediaIndex:
    """Return the index of the files below ``folder``."""
    index = MediaIndex()
    for path in folder.glob("*/*"):
        name = MediaName.parsed(path)
        if name is None:
            continue
        try:
            stat = path.stat()
        except OSError:  # another process has just removed the file
            continue
        index.add(media_entry(name, stat.st_size, stat.st_mtime))
    return index
