"""Decides which store takes events: the disk, a new database in place of a damaged one, or memory.

A database that cannot be used is renamed, so that an engineer can examine it later.
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
from edge_agent.core.problems import error_text, problem_of, problem_text
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.numbering import new_epoch
from edge_agent.outbox.sqlite.database import FILE_NAME, PAGE_BYTES, OutboxDamaged, OutboxUnusable, translated
from edge_agent.outbox.sqlite.disk import DiskStore
from edge_agent.outbox.sqlite.salvage import (
    Salvage,
    Salvaged,
    UnreadableFile,
    make_durable,
    put_in_place,
    saved_text,
)
from edge_agent.outbox.sqlite.store_identity import LastStored, StateLock
from edge_agent.outbox.sqlite.transaction import EncodeLoss
from edge_agent.outbox.stores import Stores

log = logging.getLogger(__name__)

MAX_QUARANTINED = 2  # renamed databases that are kept; max_bytes does not count them


def quarantine(path: Path, now: datetime) -> Path:
    """Rename the database and its log to ``<name>.corrupt-<time>``; raises ``OSError``.

    The oldest renamed files are removed, so that a disk that damages every file does not become full.
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
    for old in kept[:-MAX_QUARANTINED]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)


RETRY_DISK_S = 30.0
SALVAGE_TIMEOUT_S = 20.0
"""Time limit for reading a damaged database and writing the new one. Alarms are copied first."""
MIN_FREE_BYTES = 1_000_000  # a disk that was full is used again from this free space on


class Failover:
    """Opens and replaces the stores. The caller locks.

    A caller that reports a failure names the store that failed: another thread may have replaced it already,
    and then the new store must not be closed.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        state_dir: Path,
        max_bytes: int,
        clock: Clock,
        boot_id: str,
        encode_loss: EncodeLoss,
    ) -> None:
        self.path = state_dir / FILE_NAME
        self.state_lock = StateLock(state_dir)
        self._stores = stores
        self._state_dir = state_dir
        self._salvaged = state_dir / f"{FILE_NAME}.salvaged"
        self._max_bytes = max_bytes
        self._clock = clock
        self._boot_id = boot_id
        self._encode_loss = encode_loss
        self._failing: str | None = None  # why the disk is not used
        self._notice: str | None = None  # why an epoch was begun; reported until the agent restarts
        self.retry_mono = 0.0  # when the disk is tried next

    @property
    def degraded(self) -> str | None:
        disk = self._stores.disk
        return self._failing or (disk.log.size_warning if disk is not None else None) or self._notice

    def open(self) -> None:
        """Open the disk store; use memory if that fails."""
        try:
            disk = self._stores.disk = self._open_store()
            self._stores.open_events.restore(disk.left_open)
        except OutboxUnusable as error:
            self.use_memory(error)

    def probe(self) -> None:
        """Write and sync one page as a test of the disk. Raises OutboxUnusable.

        Call it without the lock: the disk may hang.
        """
        path = self._state_dir / "outbox.probe"
        with translated(path):
            self._state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(bytes(PAGE_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()

    def is_retry_due(self) -> bool:
        """Return whether the failed disk is to be tried now, and schedule the next attempt."""
        now = self._clock.monotonic()
        if now < self.retry_mono:
            return False
        self.retry_mono = now + RETRY_DISK_S
        return True

    def return_to_disk(self) -> bool:
        """Move the events in memory to the disk; False when the disk still fails."""
        memory = self._stores.memory
        if memory is None:
            return True
        try:
            if shutil.disk_usage(self._state_dir).free < MIN_FREE_BYTES:
                return False
            self._return_to_disk(memory)
        except OutboxDamaged as error:
            self.replace_damaged(self._stores.disk, error)
            return False
        except (OutboxError, OSError) as error:
            log.debug("outbox: disk still not usable: %s", error)
            return False
        return True

    def use_memory(self, error: OutboxError, in_doubt: Sequence[AppendRequest] = ()) -> None:
        """Store new events in memory; those on the disk can still be read. ``in_doubt``: see MemoryStore."""
        self.retry_mono = self._clock.monotonic() + RETRY_DISK_S
        if self._stores.memory is None:
            # If the agent is killed now, the disk may later hold fewer or more events than were committed.
            LastStored(self._state_dir, self._boot_id).forget()
            self._stores.memory = MemoryStore(new_epoch(), self._encode_loss, in_doubt=in_doubt)
            why = error_text(error)
            code = "outbox-disk-failed" if problem_of(why) is None else "outbox-in-memory"
            self._failing = problem_text(code, why=why, seconds=round(RETRY_DISK_S))
            log.error("outbox: %s; epoch %s", self._failing, self._stores.memory.epoch)

    def give_up(self, disk: DiskStore | None, error: OutboxError) -> None:
        """Close ``disk``, because it cannot even be read, and use memory."""
        if self._stores.disk is disk:
            self._stores.close_disk()
            self.use_memory(error)

    def replace_damaged(self, disk: DiskStore | None, error: OutboxDamaged) -> None:
        """Rename the damaged database of ``disk`` and begin a new one."""
        if self._stores.disk is not disk:
            return
        last_n = disk.counters.n if disk is not None else 0
        self._stores.close_disk()
        try:
            self._replace(error, last_n)
            new = self._stores.disk = self._new_store()
            new.remember_open(self._stores.open_events.all())
        except OutboxError as second:
            self.use_memory(second)

    def restore(self) -> None:
        """If files of the database were removed or replaced, write them again and begin an epoch.

        While events are stored in memory, ``return_to_disk`` does this.
        """
        disk = self._stores.disk
        if disk is None or self._stores.memory is not None or disk.open_files.missing() is None:
            return
        try:
            self._rewrite_files(disk)
            self._stores.close_disk()
            new = self._stores.disk = self._new_store()
            new.begin_epoch()
        except OutboxError as error:
            if isinstance(error, OutboxDamaged):
                self._stores.close_disk()
            self.use_memory(error)

    def _rewrite_files(self, disk: DiskStore) -> None:
        """Write the files of ``disk`` again if they were removed or replaced."""
        missing = disk.open_files.missing()
        self.state_lock.acquire()  # its file may be removed too, and another agent may have started
        if missing is None:
            return
        error = OutboxUnusable(f"{self._state_dir / missing} was removed while the agent ran")
        if disk.open_files.replaced():
            self._quarantine(error)
        disk.rewrite_file()
        self._notice = problem_text("outbox-rewritten", why=error_text(error))
        log.error("outbox: %s", self._notice)

    def _return_to_disk(self, memory: MemoryStore) -> None:
        if self._stores.disk is not None:
            self._rewrite_files(self._stores.disk)
        disk = self._open_store()
        # Close the old store only now: if no new one could be opened, the old one is still read.
        if (old := self._stores.disk) is not None:
            disk.damaged |= old.damaged  # so that their loss is reported when they are deleted
        self._stores.close_disk()
        self._stores.disk = disk
        deletes = self._stores.pending_deletes()
        self._stores.open_events.restore(disk.left_open)
        adopted = disk.adopt(memory, deletes, self._stores.open_events)
        self._stores.deletes_committed(deletes)
        self._stores.leave_memory()
        self._failing = None
        log.warning("outbox: on disk again, epoch %s, %d events saved", disk.epochs.current.name, adopted)

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

    def _replace(self, error: OutboxError, last_n: int = 0) -> None:
        """Rename the file, and replace it by a new one with all its readable events, in a new epoch."""
        saved = self._salvage(error, last_n)
        target = self._quarantine(error)
        self._finish_replacement()
        # SQLite notices that the file was renamed, and does not touch the log beside the new one.
        self._stores.close_disk()
        self._notice = problem_text(
            "outbox-new-epoch", why=error_text(error), file=target.name, saved=saved_text(saved)
        )
        log.error("outbox: %s", self._notice)
        self._stores.disk_was_replaced()

    def _salvage(self, error: OutboxError, last_n: int) -> Salvaged | None:
        """Build the file that replaces the damaged one; None when nothing of it can be read."""
        until_mono = self._clock.monotonic() + SALVAGE_TIMEOUT_S
        partial = self.path.with_name(f"{FILE_NAME}.new")
        try:
            room_bytes = min(self._max_bytes, shutil.disk_usage(self._state_dir).free - MIN_FREE_BYTES)
            salvage = Salvage(
                self.path,
                room_bytes=room_bytes,
                delivered=self._stores.is_delivered,
                last_n=last_n,
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
        except Exception:  # damaged bytes can cause any error; the agent must start, with an empty file
            log.exception("outbox: %s: what it holds cannot be saved, it is only set aside", self.path)
            return None
        return saved

    def _finish_replacement(self) -> None:
        """Put the file in place that ``_salvage`` has built, also one that an earlier run has built."""
        try:
            if not self._salvaged.exists():
                return
            if self.path.exists():
                quarantine(self.path, self._clock.now())
            put_in_place(self._salvaged, self.path)
        except OSError as error:
            raise OutboxUnusable(f"{self._salvaged}: cannot be put in place: {error.strerror}") from error

    def _quarantine(self, error: OutboxError) -> Path:
        try:
            return quarantine(self.path, self._clock.now())
        except OSError as second:
            raise OutboxUnusable(f"{error}; it cannot be set aside: {second.strerror}") from second


def _is_read_only(error: OutboxError) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY
    return isinstance(cause, OSError) and cause.errno == errno.EROFS
