"""Which store takes events: the disk, a new database in place of a damaged one, or memory.

Putting a file that cannot be used out of the way, for somebody to look at later.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_agent.core.errors import OutboxError
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.bookkeeping.numbering import new_epoch
from edge_agent.outbox.bookkeeping.open_events import OpenEvents
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.send_queue import SendQueue
from edge_agent.outbox.sqlite.database import PAGE_BYTES, OutboxDamaged, OutboxUnusable, translated
from edge_agent.outbox.sqlite.disk import FILE_NAME, DiskStore
from edge_agent.outbox.sqlite.salvage import (
    Salvage,
    Salvaged,
    UnreadableFile,
    make_durable,
    put_in_place,
    saved_text,
)
from edge_agent.outbox.sqlite.store_identity import LastStored
from edge_agent.outbox.sqlite.transaction import EncodeLoss
from edge_agent.outbox.state_lock import StateLock

KEEP = 2  # files set aside; they are not counted in max_bytes


def quarantine(path: Path, now: datetime) -> Path:
    """Rename the database and its log to ``<name>.corrupt-<time>``; raises ``OSError``.

    The oldest are removed, so that a disk that breaks every file does not fill itself.
    """
    stem = f"{path.name}.corrupt-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    target, number = path.with_name(stem), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{stem}-{number}")
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    _remove_oldest(path)
    return target


def _remove_oldest(path: Path) -> None:
    kept = [p for p in path.parent.glob(f"{path.name}.corrupt-*") if not p.name.endswith(("-wal", "-shm"))]
    # Inode change time, not the name: the clock may have been wrong when the name was made.
    kept.sort(key=lambda p: p.stat().st_ctime_ns)
    for old in kept[:-KEEP]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)


log = logging.getLogger(__name__)

RETRY_DISK_S = 30.0
SALVAGE_WITHIN_S = 20.0
"""For reading a damaged database and writing the next one: alarms first, so the least is left then."""
MIN_FREE_BYTES = 1_000_000  # of a disk that was full, before it is trusted again


class Failover:
    """The changes of a queue's stores. The caller holds the commit lock and the lock of the queue.

    Whoever reports a failure names the store that failed: by then another thread may have replaced it,
    and what was committed to the new one must not be put aside for the old one's sake.
    """

    def __init__(
        self,
        queue: SendQueue,
        open_events: OpenEvents,
        *,
        state_dir: Path,
        state_lock: StateLock,
        max_bytes: int,
        clock: Clock,
        boot_id: str,
        encode_loss: EncodeLoss,
    ) -> None:
        self._queue = queue
        self._open_events = open_events
        self._state_dir = state_dir
        self._state_lock = state_lock
        self._path = state_dir / FILE_NAME
        self._salvaged = state_dir / f"{FILE_NAME}.salvaged"
        self._max_bytes = max_bytes
        self._clock = clock
        self._boot_id = boot_id
        self._encode_loss = encode_loss
        self._failing: str | None = None  # why the disk is not used
        self._notice: str | None = None  # why an epoch was begun, until the agent restarts
        self.retry_mono = 0.0  # when the way back to the disk is tried

    @property
    def degraded(self) -> str | None:
        disk = self._queue.disk
        return self._failing or (disk.log.size_warning if disk is not None else None) or self._notice

    def open(self) -> None:
        """The first store."""
        try:
            disk = self._queue.disk = self._open_store()
            self._open_events.restore(disk.left_open)
        except OutboxUnusable as error:
            self.use_memory(error)

    def probe(self) -> None:
        """Check that the disk takes and keeps a page. Raises StoreUnusable. Call it without the lock: the
        disk may hang."""
        path = self._state_dir / "outbox.probe"
        with translated(path):
            self._state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(bytes(PAGE_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()

    def is_retry_due(self) -> bool:
        """Whether the way back to the disk is to be tried now."""
        now = self._clock.monotonic()
        if now < self.retry_mono:
            return False
        self.retry_mono = now + RETRY_DISK_S
        return True

    def return_to_disk(self) -> bool:
        """Whether what memory held is on disk, and events go there again."""
        memory = self._queue.memory
        if memory is None:
            return True
        try:
            if shutil.disk_usage(self._state_dir).free < MIN_FREE_BYTES:
                return False
            self._return_to_disk(memory)
        except OutboxDamaged as error:
            self.replace_damaged(self._queue.disk, error)
            return False
        except (OutboxError, OSError) as error:
            log.debug("outbox: disk still not usable: %s", error)
            return False
        return True

    def use_memory(self, error: OutboxError, unsure: Sequence[AppendRequest] = ()) -> None:
        """The disk takes no events; what is on it can still be read and sent. ``unsure``: see MemoryStore."""
        self.retry_mono = self._clock.monotonic() + RETRY_DISK_S
        if self._queue.memory is None:
            # Should the agent be killed now, its disk may come back with less than it took, or with more.
            LastStored(self._state_dir, self._boot_id).forget()
            self._queue.memory = MemoryStore(new_epoch(), self._encode_loss, unsure=unsure)
            self._failing = f"{error}; events wait in memory, the disk is tried every {RETRY_DISK_S:.0f} s"
            log.error("outbox: %s; epoch %s", self._failing, self._queue.memory.epoch)

    def give_up(self, disk: DiskStore | None, error: OutboxError) -> None:
        """``disk`` cannot even be read."""
        if self._queue.disk is disk:
            self._queue.close_disk()
            self.use_memory(error)

    def replace_damaged(self, disk: DiskStore | None, error: OutboxDamaged) -> None:
        """The content of ``disk`` is damaged: set it aside and begin a new database."""
        if self._queue.disk is not disk:
            return
        known_n = disk.counters.n if disk is not None else 0
        self._queue.close_disk()
        try:
            self._replace(error, known_n)
            new = self._queue.disk = self._new_store()
            new.remember_open(self._open_events.all())
        except OutboxError as second:
            self.use_memory(second)

    def restore(self) -> None:
        """Write a database whose files were removed again, and begin an epoch in it.

        With events in memory, the way back to the disk does it.
        """
        disk = self._queue.disk
        if disk is None or self._queue.memory is not None or disk.missing_file() is None:
            return
        try:
            self._put_back(disk)
            self._queue.close_disk()
            new = self._queue.disk = self._new_store()
            new.begin_epoch()
        except OutboxError as error:
            if isinstance(error, OutboxDamaged):
                self._queue.close_disk()
            self.use_memory(error)

    def _put_back(self, disk: DiskStore) -> None:
        """Make the files at the path those of ``disk`` again, if they are not."""
        missing = disk.missing_file()
        self._state_lock.acquire()  # may be gone with its folder, and another agent may have come
        if missing is None:
            return
        error = OutboxUnusable(f"{self._state_dir / missing} was removed while the agent ran")
        if disk.was_replaced():
            self._quarantine(error)
        disk.put_back()
        self._notice = f"{error}; what it held is written again, a new epoch has begun"
        log.error("outbox: %s", self._notice)

    def _return_to_disk(self, memory: MemoryStore) -> None:
        if self._queue.disk is not None:
            self._put_back(self._queue.disk)
        disk = self._open_store()
        # Only now: while none can be opened, the old one goes on being read.
        self._queue.close_disk()
        self._queue.disk = disk
        owed = self._queue.pending_deletes()
        self._open_events.restore(disk.left_open)
        kept = disk.adopt(memory, owed, self._open_events)
        self._queue.settle(owed)
        self._queue.leave_memory()
        self._failing = None
        log.warning("outbox: on disk again, epoch %s, %d events saved", disk.epochs.current.name, kept)

    def _open_store(self) -> DiskStore:
        try:
            self._finish_replacement()
            return self._new_store()
        except OutboxDamaged as error:
            self._replace(error)
        except OutboxUnusable as error:
            # A read-only file can be replaced if its folder is writable.
            if not _is_read_only(error):
                raise
            self._replace(error)
        try:
            return self._new_store()
        except OutboxDamaged as error:
            raise OutboxUnusable(f"{error}, although it is new") from error

    def _new_store(self) -> DiskStore:
        return DiskStore(self._state_dir, self._max_bytes, self._boot_id, self._encode_loss)

    def _replace(self, error: OutboxError, known_n: int = 0) -> None:
        """Set the file aside and put one in its place that holds what can be read of it, in a new epoch."""
        saved = self._salvage(error, known_n)
        target = self._quarantine(error)
        self._finish_replacement()
        # SQLite sees that the file was moved, and leaves the log beside the next one alone.
        self._queue.close_disk()
        self._notice = f"{error}; set aside as {target.name}, a new epoch has begun; {saved_text(saved)}"
        log.error("outbox: %s", self._notice)
        self._queue.disk_was_replaced()

    def _salvage(self, error: OutboxError, known_n: int) -> Salvaged | None:
        """Build the file that takes the place of the damaged one; None: nothing of it can be read."""
        until_mono = self._clock.monotonic() + SALVAGE_WITHIN_S
        partial = self._path.with_name(f"{FILE_NAME}.new")
        try:
            room_bytes = min(self._max_bytes, shutil.disk_usage(self._state_dir).free - MIN_FREE_BYTES)
            salvage = Salvage(
                self._path,
                room_bytes=room_bytes,
                delivered=self._queue.is_delivered,
                known_n=known_n,
                give_up=lambda: self._clock.monotonic() > until_mono,
            )
            saved = salvage.run(partial)
            make_durable(partial, self._salvaged)
        except UnreadableFile as second:
            log.error("outbox: %s", second)
            return None
        except OSError as second:
            raise OutboxUnusable(f"{error}; what it holds cannot be saved: {second.strerror}") from second
        except sqlite3.Error as second:
            if second.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise OutboxUnusable(f"{error}; what it holds cannot be saved: {second}") from second
            log.exception("outbox: what it holds cannot be saved")
            return None
        except Exception:  # damaged bytes may mean anything: the agent must start with an empty file then
            log.exception("outbox: %s: what it holds cannot be saved, it is only set aside", self._path)
            return None
        return saved

    def _finish_replacement(self) -> None:
        """Put the file in place that ``_salvage`` has built, also after a kill in between."""
        try:
            if not self._salvaged.exists():
                return
            if self._path.exists():
                quarantine(self._path, self._clock.now())
            put_in_place(self._salvaged, self._path)
        except OSError as error:
            raise OutboxUnusable(f"{self._salvaged}: cannot be put in place: {error.strerror}") from error

    def _quarantine(self, error: OutboxError) -> Path:
        try:
            return quarantine(self._path, self._clock.now())
        except OSError as second:
            raise OutboxUnusable(f"{error}; it cannot be set aside: {second.strerror}") from second


def _is_read_only(error: OutboxError) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY
    return isinstance(cause, OSError) and cause.errno == errno.EROFS
