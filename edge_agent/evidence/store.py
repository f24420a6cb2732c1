"""The media files on the gateway, bounded in bytes and age.

A file is written under another name, synced and renamed: a file with its final name is complete, also after a
power cut. Rotation removes the lowest severity first, within a severity the oldest file first, and nothing on
hold. A new file never displaces files of a higher severity; it is refused when only such files are left.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.config.model.settings import Storage
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import StorageError
from edge_agent.core.model import Severity
from edge_agent.core.problems import error_text, problem_text
from edge_agent.core.state_file import sync_folder
from edge_agent.evidence.holds import HoldStore
from edge_agent.evidence.media_index import (
    EARLIEST,
    PART,
    MediaEntry,
    MediaName,
    check_id,
    media_entry,
    on_disk,
    read_media_index,
    undated,
)
from edge_agent.wire import EvidenceHealth

log = logging.getLogger(__name__)

PROBE_S = 60.0  # seconds between two attempts to write to a failed disk
RESCAN_S = 3600.0  # seconds between two searches for files that are too old or were removed
DAY_S = 86_400.0
_WHY = {
    errno.ENOSPC: problem_text("evidence-disk-full"),
    errno.EDQUOT: problem_text("evidence-disk-full"),
    errno.EROFS: problem_text("evidence-disk-read-only"),
}


class MediaStore:
    """The store of media files below ``folder``, which is ``<state_dir>/evidence``.

    The constructor does not access the disk; the agent calls ``open``, the command line does not.
    ``clock_steady`` returns whether files may be deleted by age now (``ClockSync.steady``).
    """

    def __init__(
        self,
        folder: Path,
        storage: Storage,
        clock: Clock,
        clock_steady: Callable[[], bool] = lambda: True,
        log_name: str = "evidence",
    ) -> None:
        self._log_name = log_name
        self._media = folder / "media"
        self.holds = HoldStore(folder / "holds", clock)  # events whose media rotation does not remove
        self._storage = storage
        self._clock = clock
        self._clock_steady = clock_steady
        self._lock = threading.Lock()  # protects everything below
        self._index = read_media_index(Path(os.devnull))
        self._degraded: str | None = None
        self._refused: tuple[int, int] | None = None  # bytes and severity of the last file that was refused
        self._next_mono = self._rescan_mono = 0.0

    # --- for the agent ---

    def open(self) -> None:
        """Remove incomplete files and read the index. Never raises."""
        with self._lock:
            try:
                for path in self._media.glob(f"*/*{PART}"):
                    path.unlink(missing_ok=True)
                    log.info("%s: %s was not finished, removed", self._log_name, path.name)
                self._index = read_media_index(self._media)
            except OSError as error:
                self._fail(error)

    def save(
        self,
        parts: Sequence[bytes],
        suffix: str,
        *,
        event_id: str,
        camera: str,
        severity: Severity,
        media_id: str,
        at: datetime,
        sealed: bool = False,
    ) -> Path:
        """Write one file from ``parts``. Durable when it returns; raises ``StorageError``. One thread."""
        size_bytes = sum(map(len, parts))
        name = MediaName.at(
            at,
            severity=severity.number,
            camera=camera,
            event_id=event_id,
            media_id=media_id,
            suffix=suffix,
            sealed=sealed,
        )
        path = self._media / name.path
        with self._lock:
            try:
                self._make_folder(path.parent)
                self._free_space(size_bytes, severity.number)
            except OSError as error:
                raise self._fail(error) from error
        try:
            written = _write(path, parts, dated=self._clock_steady())
        except OSError as error:
            with self._lock:
                raise self._fail(error) from error
        with self._lock:
            self._index.add(media_entry(name, size_bytes, written))
            self._recovered()
        return path

    def discard(self, path: Path) -> None:
        """Remove one of ``files``; no error if it does not exist any more. Raises ``StorageError``."""
        with self._lock:
            found = next((each for each in self._index if self._media / each.name.path == path), None)
            try:
                if found is None:
                    path.unlink(missing_ok=True)
                else:
                    self._remove(found)
            except OSError as error:
                raise self._fail(error) from error

    def maintain(self) -> None:
        """Remove files that are too old and retry a failed disk, whichever is due. Never raises."""
        now_mono = self._clock.monotonic()
        if now_mono < self._next_mono:
            return
        with self._lock:
            try:
                if now_mono >= self._rescan_mono:
                    self._rescan()
                    self._rescan_mono = now_mono + RESCAN_S
                if self._degraded is not None:
                    self._probe()
            except OSError as error:
                self._fail(error)
            self._next_mono = now_mono + (RESCAN_S if self._degraded is None else PROBE_S)

    def health(self, clips: int = 0, missed: int = 0) -> EvidenceHealth:
        """Return the store's state. ``clips``, ``missed``: counts of the recorder. Thread-safe and cheap."""
        held: frozenset[str] = frozenset()
        with contextlib.suppress(OSError):  # a folder that cannot be read is in ``degraded``
            held = self.holds.ids()
        with self._lock:
            oldest = self._index.oldest()
            return EvidenceHealth(
                bytes=self._index.bytes,
                clips=clips,
                missed=missed,
                oldest=None if oldest is None else rfc3339(datetime.fromtimestamp(oldest, UTC)),
                held=len(held),
                degraded=self._degraded,
            )

    # --- any process ---

    def files(self) -> tuple[Path, ...]:
        """Return all media files, oldest first. Raises ``StorageError`` if the folder cannot be read."""
        return tuple(path for path in self._found("*/*") if MediaName.parsed(path) is not None)

    def files_of(self, event_id: str) -> tuple[Path, ...]:
        """Return the media files of an event, oldest first. Raises ``StorageError`` for an invalid id, and if
        the folder cannot be read."""
        check_id(event_id)
        named = ((path, MediaName.parsed(path)) for path in self._found(f"*/*_{event_id}_*"))
        return tuple(path for path, name in named if name is not None and name.event_id == event_id)

    def _found(self, pattern: str) -> list[Path]:
        try:
            return sorted(self._media.glob(pattern))
        except OSError as error:
            text = problem_text("evidence-disk-failed", error=str(error.strerror))
            raise StorageError(text) from error

    # --- under the lock ---

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if not self._media.is_dir():  # the folder was removed while the agent ran
            self._index = read_media_index(self._media)
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        sync_folder(folder.parent)

    def _free_space(self, size_bytes: int, severity: int) -> None:
        """Remove files to free ``size_bytes``; remove none if that is not enough. Raises ``StorageError``."""
        try:
            removable = self._to_remove(size_bytes, severity)
        except StorageError as error:
            self._refused = size_bytes, severity
            self._set_degraded(error_text(error))
            raise
        for item in removable:
            self._remove(item)

    def _to_remove(self, size_bytes: int, severity: int) -> list[MediaEntry]:
        """Return the files to remove for a new file. Raises ``StorageError`` if they are not enough."""
        size = on_disk(size_bytes)
        over = self._index.bytes + size - self._storage.max_bytes
        removable = self._index.to_free(over, severity, self._has_hold)
        if removable is None:
            raise StorageError(problem_text("evidence-used-up", bytes=self._storage.max_bytes))
        short = self._storage.keep_free + size - _free(self._media) - sum(item.size for item in removable)
        if short > 0:
            removable = self._index.to_free(max(over, 0) + short, severity, self._has_hold)
        if removable is None:
            raise StorageError(self._short_text(severity))
        return removable

    def _short_text(self, severity: int) -> str:
        spared = any(each.name.severity > severity or self._has_hold(each) for each in self._index)
        return problem_text(
            "evidence-disk-short-held" if spared else "evidence-disk-short",
            free_mb=_free(self._media) // 1_000_000,
            keep_free_mb=self._storage.keep_free // 1_000_000,
        )

    def _rescan(self) -> None:
        """Read the index. If the clock is steady, remove old files, and give the current time to files that
        were written while it was not."""
        self._index = read_media_index(self._media)
        if not self._clock_steady():
            return
        now, max_days, removed = self._clock.now().timestamp(), self._storage.max_age_days, 0
        for number, item in enumerate(list(self._index)):
            try:
                if item.written < EARLIEST or item.written > now + DAY_S:
                    self._date(item, now + number / 1000)  # so that they keep their order
                elif now - item.written > max_days * DAY_S and not self._has_hold(item):
                    self._remove(item)
                    removed += 1
            except PermissionError as error:  # another user's file, as after a restore by root
                log.warning("%s: old files cannot be dated or deleted: %s", self._log_name, error)
        if removed:
            log.info("%s: files older than %g days deleted: %d", self._log_name, max_days, removed)

    def _date(self, item: MediaEntry, written: float) -> None:
        os.utime(self._media / item.name.path, (written, written))
        self._index.remove(item)
        self._index.add(media_entry(item.name, item.size, written))

    def _has_hold(self, item: MediaEntry) -> bool:
        return self.holds.has(item.name.event_id)

    def _remove(self, item: MediaEntry) -> None:
        path = self._media / item.name.path
        path.unlink(missing_ok=True)
        self._index.remove(item)
        with contextlib.suppress(OSError):  # the folder of the day is not empty
            path.parent.rmdir()

    def _probe(self) -> None:
        self._make_folder(self._media)
        if _free(self._media) < self._storage.keep_free:
            return
        probe = self._media / f"probe{PART}"
        try:
            _write(probe, (), dated=True)
        finally:
            probe.unlink(missing_ok=True)
        self._recovered()

    def _fail(self, error: OSError) -> StorageError:
        failed = problem_text("evidence-disk-failed", error=str(error.strerror))
        why = _WHY.get(error.errno or 0, failed)
        self._set_degraded(why)
        return StorageError(why)

    def _set_degraded(self, why: str) -> None:
        if self._degraded is None:
            log.error("%s: %s; nothing is stored there meanwhile, events go on", self._log_name, why)
            self._next_mono = self._clock.monotonic() + PROBE_S
        self._degraded = why

    def _recovered(self) -> None:
        """Note that the disk works. The store stays degraded while the last refused file has no space."""
        if self._refused is not None:
            try:
                self._to_remove(*self._refused)
            except StorageError as error:
                self._set_degraded(error_text(error))
                return
            self._refused = None
        if self._degraded is not None:
            log.warning("%s: files are stored again", self._log_name)
        self._degraded = None


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _write(path: Path, parts: Sequence[bytes], *, dated: bool) -> float:
    """Write a new file durably; return its modification time. ``dated``: whether the clock is steady. Raises
    ``OSError`` and then leaves no file."""
    part = path.with_name(path.name + PART)
    try:
        with open(part, "wb", buffering=0) as file:
            for piece in parts:
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) or 0 :]
            written = os.fstat(file.fileno()).st_mtime
            if not dated:
                written = undated(written)
                os.utime(file.fileno(), (written, written))
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return written
