"""Media on the box: one file each, written in one go, bounded in bytes and age.

A file is written under another name, synced and renamed: what has its name is whole, also after a power cut.
Rotation: the lowest severity goes first, of one severity the oldest; what is held stays. A new file takes
part in that order: it displaces nothing graver than itself, and is refused when only that is left.
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
from edge_agent.core.state_file import sync_folder
from edge_agent.evidence.holds import HoldRecord, HoldStore
from edge_agent.evidence.media_index import (
    EARLIEST,
    PART,
    MediaEntry,
    MediaName,
    check_id,
    media_entry,
    on_disk,
    read_media_index,
)
from edge_agent.wire import EvidenceHealth

log = logging.getLogger(__name__)

PROBE_S = 60.0  # while the disk takes nothing: how often it is tried
RESCAN_S = 3600.0  # how often files are looked for that are too old, or not there any more
DAY_S = 86_400.0
_WHY = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EROFS: "the disk is read-only",
}


class MediaStore:
    """``folder`` is ``<state_dir>/evidence``. The constructor touches no disk; the agent calls ``open``, the
    command line does not. ``clock_synced``: whether wall time can be trusted now (``ClockSync.synced``)."""

    def __init__(
        self,
        folder: Path,
        storage: Storage,
        clock: Clock,
        clock_synced: Callable[[], bool] = lambda: True,
        log_name: str = "evidence",
    ) -> None:
        self._log_name = log_name
        self._media = folder / "media"
        self._holds = HoldStore(folder / "holds", clock)
        self._storage = storage
        self._clock = clock
        self._clock_synced = clock_synced
        self._lock = threading.Lock()  # protects the shelf and what health says
        self._index = read_media_index(Path(os.devnull))
        self._degraded: str | None = None
        self._refused: tuple[int, int] | None = None  # bytes and severity: no room was made for it
        self._next_mono = self._rescan_mono = 0.0

    # --- for the agent ---

    def open(self) -> None:
        """Remove what was half written, and count what is there. Never raises."""
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
        """One file of these parts. Durable when it returns; raises ``StorageError`` when it cannot be kept.
        One thread."""
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
            written = _write(path, parts)
        except OSError as error:
            with self._lock:
                raise self._fail(error) from error
        with self._lock:
            self._index.add(media_entry(name, size_bytes, written))
            self._recovered()
        return path

    def discard(self, path: Path) -> None:
        """Remove one of ``files`` before its time; it may be gone already. Raises ``StorageError``."""
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
        """Once in a while: remove what is too old, and try again a disk that failed. Never raises."""
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
        """Thread-safe, cheap."""
        with self._lock:
            oldest = self._index.oldest()
            return EvidenceHealth(
                bytes=self._index.bytes,
                clips=clips,
                missed=missed,
                oldest=None if oldest is None else rfc3339(datetime.fromtimestamp(oldest, UTC)),
                held=len(self._holds.ids()),
                degraded=self._degraded,
            )

    # --- any process ---

    def files(self) -> tuple[Path, ...]:
        """All media, oldest first."""
        return tuple(sorted(path for path in self._media.glob("*/*") if MediaName.parsed(path) is not None))

    def files_of(self, event_id: str) -> tuple[Path, ...]:
        """All media of an event, oldest first. Raises ``StorageError`` for what is no id."""
        check_id(event_id)
        named = ((path, MediaName.parsed(path)) for path in self._media.glob(f"*/*_{event_id}_*"))
        return tuple(sorted(path for path, name in named if name is not None and name.event_id == event_id))

    def hold(self, event_id: str, who: str, why: str) -> None:
        """Rotation leaves its media alone from now on. Raises ``StorageError``."""
        self._holds.add(event_id, who, why)

    def release(self, event_id: str) -> bool:
        """False when it was not held. Raises ``StorageError``."""
        return self._holds.remove(event_id)

    def hold_ids(self) -> frozenset[str]:
        """Ids of the events that are held."""
        return self._holds.ids()

    def holds(self) -> dict[str, HoldRecord | None]:
        """Who holds what, by id of the event; see ``Holds.all``."""
        return self._holds.all()

    # --- under the lock ---

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if not self._media.is_dir():  # removed while we ran, and all that was counted with it
            self._index = read_media_index(self._media)
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        sync_folder(folder.parent)

    def _free_space(self, size_bytes: int, severity: int) -> None:
        """Removes nothing when that would not be enough. Raises ``StorageError``."""
        try:
            going = self._to_remove(size_bytes, severity)
        except StorageError as error:
            self._refused = size_bytes, severity
            self._set_degraded(str(error))
            raise
        for item in going:
            self._remove(item)

    def _to_remove(self, size_bytes: int, severity: int) -> list[MediaEntry]:
        """What has to go. Raises ``StorageError`` when that is not enough."""
        size = on_disk(size_bytes)
        over = self._index.bytes + size - self._storage.max_bytes
        going = self._index.to_free(over, severity, self._has_hold)
        if going is None:
            raise _refusal(f"storage.max_bytes ({self._storage.max_bytes}) is used up")
        short = self._storage.keep_free + size - _free(self._media) - sum(item.size for item in going)
        if short > 0:
            going = self._index.to_free(max(over, 0) + short, severity, self._has_hold)
        if going is None:
            free_mb = _free(self._media) // 1_000_000
            raise _refusal(f"the disk is full: {free_mb} MB free, storage.keep_free is kept for others")
        return going

    def _rescan(self) -> None:
        """Age is told by the time a file was written, and judged only while the clock is right."""
        self._index = read_media_index(self._media)
        if not self._clock_synced():
            return
        now = self._clock.now().timestamp()
        for item in list(self._index):
            if item.written < EARLIEST or item.written > now + DAY_S:
                self._redate(item, now)
            elif now - item.written > self._storage.max_age_days * DAY_S and not self._has_hold(item):
                self._remove(item)

    def _redate(self, item: MediaEntry, now: float) -> None:
        """Written while the box had no clock: it grows old from now on."""
        os.utime(self._media / item.name.path, (now, now))
        self._index.remove(item)
        self._index.add(media_entry(item.name, item.size, now))

    def _has_hold(self, item: MediaEntry) -> bool:
        return self._holds.has(item.name.event_id)

    def _remove(self, item: MediaEntry) -> None:
        path = self._media / item.name.path
        path.unlink(missing_ok=True)
        self._index.remove(item)
        with contextlib.suppress(OSError):  # not the last one of its day
            path.parent.rmdir()

    def _probe(self) -> None:
        self._make_folder(self._media)
        if _free(self._media) < self._storage.keep_free:
            return
        probe = self._media / f"probe{PART}"
        try:
            _write(probe, ())
        finally:
            probe.unlink(missing_ok=True)
        self._recovered()

    def _fail(self, error: OSError) -> StorageError:
        why = _WHY.get(error.errno or 0, f"the disk failed ({error.strerror})")
        self._set_degraded(why)
        return StorageError(why)

    def _set_degraded(self, why: str) -> None:
        if self._degraded is None:
            log.error("%s: %s; nothing is stored there meanwhile, events go on", self._log_name, why)
            self._next_mono = self._clock.monotonic() + PROBE_S
        self._degraded = why

    def _recovered(self) -> None:
        """The disk takes files. That does not help what was refused: it waits until there is room."""
        if self._refused is not None:
            try:
                self._to_remove(*self._refused)
            except StorageError as error:
                self._set_degraded(str(error))
                return
            self._refused = None
        if self._degraded is not None:
            log.warning("%s: files are stored again", self._log_name)
        self._degraded = None


def _refusal(why: str) -> StorageError:
    return StorageError(f"{why}, and what is kept is graver or held")


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _write(path: Path, parts: Sequence[bytes]) -> float:
    """A new file, durable; returns its modification time. Raises ``OSError`` and leaves nothing behind."""
    part = path.with_name(path.name + PART)
    try:
        with open(part, "wb", buffering=0) as file:
            for piece in parts:
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) or 0 :]
            os.fsync(file.fileno())
            written = os.fstat(file.fileno()).st_mtime
        os.replace(part, path)
        sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return written
