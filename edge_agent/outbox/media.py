"""Pictures as files beside the database, ``<state_dir>/media/<media_id>.jpg``, and which is sent next.

The database row of a picture is committed after its file is on disk. So a file without a row is left over
from a crash and is removed. A name is never used twice. The sending order is kept in memory only; after a
restart it is made from the rows.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from edge_agent.core.errors import OutboxError
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import sync_folder

log = logging.getLogger(__name__)

BLOCK_BYTES = 4096  # disk space is allocated in such blocks
SYNC_BYTES = 1_000_000
"""A large file is synced in pieces of this size: the commit of an event that runs meanwhile waits for one of
them on the same disk, not for the whole file."""

LARGE_LEAVES_BYTES = 20_000_000
"""Bytes of the disk that a large file leaves free: events must not wait in memory because of it."""


def size_on_disk(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


def unwritten(payload: bytes) -> OutboxError:
    """Return the error for a large file that cannot be written to the disk."""
    return OutboxError(problem_text("outbox-file-unwritten", file_mb=_megabytes(payload)))


def _megabytes(payload: bytes) -> int:
    return -(-len(payload) // 10**6)


class MediaFiles:
    """The folder of picture files. Any thread may use it; a file is removed only after it was written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def try_to_save(self, media_id: str, payload: bytes) -> bool:
        """Write and sync a new file; False, and nothing is left behind, when the disk fails."""
        path = self._path(media_id)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for begin in range(0, len(payload), SYNC_BYTES):
                    file.write(payload[begin : begin + SYNC_BYTES])
                    file.flush()
                    os.fsync(file.fileno())
            sync_folder(self.folder)
        except OSError as error:
            self.remove([media_id])
            log.warning("media %s: cannot be stored (%s), waits in memory", media_id, error.strerror)
            return False
        return True

    def save_large(self, media_id: str, payload: bytes) -> None:
        """Write and sync a new file that memory cannot hold. Raises OutboxError, and nothing is left behind,
        when the disk has no room for it or fails."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise unwritten(payload) from error
        if free < size_on_disk(len(payload)) + LARGE_LEAVES_BYTES:
            numbers = {"file_mb": _megabytes(payload), "free_mb": free // 10**6}
            raise OutboxError(problem_text("outbox-no-room", **numbers))
        if not self.try_to_save(media_id, payload):
            raise unwritten(payload)

    def load(self, media_id: str, sha256: str) -> bytes | None:
        """Return the picture, or None when the file is missing or its hash is wrong."""
        try:
            payload = self._path(media_id).read_bytes()
        except OSError as error:
            log.warning("media %s: cannot be read (%s); it is not sent", media_id, error.strerror)
            return None
        if hashlib.sha256(payload).hexdigest() != sha256:
            log.warning("media %s: the file is damaged; it is not sent", media_id)
            return None
        return payload

    def size(self, media_id: str) -> int | None:
        try:
            return self._path(media_id).stat().st_size
        except OSError:
            return None

    def remove(self, media_ids: Iterable[str]) -> None:
        for media_id in media_ids:
            try:
                self._path(media_id).unlink(missing_ok=True)
            except OSError as error:  # the next start removes it as a leftover
                log.warning("media %s: cannot be removed (%s)", media_id, error.strerror)

    def remove_all_but(self, keep: set[str]) -> int:
        """Remove all files except these; return the number of removed ones."""
        if not self.folder.is_dir():
            return 0
        orphans = [p.stem for p in self.folder.iterdir() if p.stem not in keep]
        self.remove(orphans)
        return len(orphans)

    def _path(self, media_id: str) -> Path:
        return self.folder / f"{media_id}.jpg"


class MediaBacklog:
    """Row ids of pictures whose event is delivered, in sending order. The caller locks.

    The table is not scanned: a picture is added when its event is delivered, or when its deferral ends.
    """

    def __init__(self, ready: Iterable[int] = ()) -> None:
        self.last_loaded: tuple[str, int] | None = None  # media id and row of the last picture sent
        self.pending_deletes: set[int] = set()  # delivered or damaged, row not deleted yet
        self._ready = sorted(ready)  # heap; may hold rows that are delivered, deferred or deleted
        self._not_before: dict[int, float] = {}
        self._later: list[tuple[float, int]] = []  # heap over _not_before; may hold outdated pairs

    @property
    def deferred(self) -> int:
        """Number of deferred pictures. One that was shed is counted until its deferral ends."""
        return len(self._not_before)

    def release(self, row: int) -> None:
        """Add the picture, because its event is delivered."""
        heapq.heappush(self._ready, row)

    def first(self, now: float) -> int | None:
        """Return the row of the most important picture, of several the oldest; None if none is ready. The
        result is the same until something changes."""
        while self._later and self._later[0][0] <= now:
            not_before, row = heapq.heappop(self._later)
            if self._not_before.get(row) == not_before:
                del self._not_before[row]
                heapq.heappush(self._ready, row)
        while self._ready and (self._ready[0] in self.pending_deletes or self._ready[0] in self._not_before):
            heapq.heappop(self._ready)
        return self._ready[0] if self._ready else None

    def drop_first(self) -> None:
        """Drop the row that ``first`` returned: its picture was deleted."""
        heapq.heappop(self._ready)

    def defer(self, row: int, not_before_mono: float) -> None:
        self._not_before[row] = not_before_mono
        heapq.heappush(self._later, (not_before_mono, row))
