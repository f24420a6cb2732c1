"""The outbox: an event is on disk when ``append`` returns, and stays there until it is delivered.

Threads: ``append`` and ``stats`` from any thread; what has to do with sending from the one publisher.
Group commit: whoever comes first commits at once, and what arrives during a commit shares the next.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from edge_agent.clock import Clock
from edge_agent.errors import OutboxError
from edge_agent.model import Draft, Media, OpenEvent, OutboxStats, Stamp, StoredEvent
from edge_agent.outbox.database import StoreDamaged, StoreUnusable, translated
from edge_agent.outbox.disk import FILE_NAME, DiskStore, EncodeLoss
from edge_agent.outbox.epochs import new_epoch
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.send_queue import Key, SendQueue
from edge_agent.outbox.set_aside import set_aside
from edge_agent.outbox.ticket import Ticket

log = logging.getLogger(__name__)

MAX_BATCH = 256  # appends of one transaction
FLUSH_AFTER_S = 5.0
FLUSH_AT = 200
"""Deletions ride on the next append's transaction; without one they get their own after this time or
number. Losing them in a crash only means a resend."""
RETRY_DISK_S = 30.0
MIN_FREE_BYTES = 1_000_000  # of a disk that was full, before it is trusted again

T = TypeVar("T")


class Outbox:
    """Bounded store of events and their pictures. Opens nothing before ``open()`` or ``with``.

    ``encode_loss`` makes the payload of a ``loss`` event; it runs on any appending thread.
    """

    def __init__(
        self, state_dir: Path, *, max_bytes: int, clock: Clock, boot_id: str, encode_loss: EncodeLoss
    ) -> None:
        self._state_dir = state_dir
        self._path = state_dir / FILE_NAME
        self._max_bytes = max_bytes
        self._clock = clock
        self._boot_id = boot_id
        self._encode_loss = encode_loss
        self._files = MediaFiles(state_dir / "media")
        self._appended: deque[Ticket] = deque()
        self._news = threading.Event()
        # Held for one transaction: what is written, and the change between disk and memory.
        self._commit_lock = threading.Lock()
        # Protects everything below; taken inside the commit lock, never the other way round.
        self._lock = threading.RLock()
        self._queue = SendQueue()
        self._flushed_mono = 0.0
        self._retry_mono = 0.0
        self._failing: str | None = None  # why the disk is not used
        self._notice: str | None = None  # why an epoch was begun, until the agent restarts
        self._left_open: list[OpenEvent] = []
        self._lock_file: int | None = None

    # --- life ---

    def open(self) -> None:
        """Open or make the file. A disk that fails is no error: events then wait in memory.

        Raises OutboxError when another process uses this state directory.
        """
        self._lock_state_dir()
        with self._commit_lock, self._lock:
            try:
                self._queue.disk = self._open_store()
                self._left_open = self._queue.disk.open_events()
            except StoreUnusable as error:
                self._use_memory(error)

    def close(self) -> None:
        """Delete what is owed and close. Nothing may be appended any more."""
        with self._commit_lock:
            self._retry_mono = 0.0  # the last chance to save what only memory holds
            self._store([])
            with self._lock:
                memory = self._queue.memory
                if memory is not None and memory.depth:
                    log.error("outbox: %d events that only memory held are lost", memory.depth)
                self._queue.close_disk()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def __enter__(self) -> Outbox:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def left_open(self) -> list[OpenEvent]:
        """Events that were open when the agent last died; append their ends with ``closes``."""
        return list(self._left_open)

    def forget_open(self, event_id: str) -> None:
        """Never report this event as left open again, although no end of it was appended."""
        with self._commit_lock:
            disk = self._queue.disk
            if disk is not None:
                with contextlib.suppress(OutboxError):  # the next append finds the disk out
                    disk.forget_open(event_id)

    # --- appending: any thread ---

    def append(self, draft: Draft) -> Stamp:
        """Store the event and its picture; durable when this returns, unless health says degraded.

        Blocks for one or two commits. Raises only what ``draft.encode`` raises.
        """
        ticket = Ticket(draft, self._clock.monotonic())
        ticket.media_saved = draft.media is not None and self._save(draft.media)
        self._appended.append(ticket)
        with self._commit_lock:
            # Another thread may have committed it while this one waited for the lock.
            while not ticket.done:
                self._store_next()
        self.wake()
        if ticket.error is not None:
            if draft.media is not None:
                self._files.remove([draft.media.media_id])
            raise ticket.error
        assert ticket.stamp is not None
        return ticket.stamp

    # --- sending: the publisher's thread ---

    def pending(self, limit: int, exclude: Collection[Key] = frozenset()) -> list[StoredEvent]:
        """Up to ``limit`` events to send now: by priority, then oldest first.

        An event is given by every call until ``delivered`` or ``deferred`` says otherwise; ``exclude``
        leaves out those in flight. Also does the work that waits for a quiet moment.
        """
        self.maintain()
        now = self._clock.monotonic()
        return self._ask(lambda queue: queue.pending(limit, exclude, now), [])

    def delivered(self, sequence: int, epoch: str) -> None:
        """The event needs not be sent again. Unknown events are ignored."""
        self._ask(lambda queue: queue.delivered((sequence, epoch)), None)

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Keep the event back until ``not_before_mono``; counts one attempt."""
        now = self._clock.monotonic()
        self._ask(lambda queue: queue.defer((sequence, epoch), not_before_mono, now), None)

    def pending_media(self) -> Media | None:
        """The next picture that is not deferred and whose event is delivered."""
        now = self._clock.monotonic()
        return self._ask(lambda queue: queue.pending_media(now), None)

    def media_delivered(self, media_id: str) -> None:
        """The picture needs not be sent again."""
        self._ask(lambda queue: queue.media_delivered(media_id), None)

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        """Keep the picture back until ``not_before_mono``."""
        with self._lock:
            self._queue.defer_media(media_id, not_before_mono)

    def wait_for_news(self, timeout_s: float) -> bool:
        """Block until something was appended or ``wake`` was called, at most so long; False: nothing came.

        News that came since the last call count.
        """
        came = self._news.wait(timeout_s)
        self._news.clear()
        return came

    # --- any thread ---

    def wake(self) -> None:
        """Let ``wait_for_news`` return, now or when it is next called."""
        self._news.set()

    def maintain(self) -> None:
        """Commit deletions that have waited long enough, and try the way back to a failed disk."""
        now = self._clock.monotonic()
        with self._lock:
            owed = self._queue.owed_count
            due = owed >= FLUSH_AT or (owed > 0 and now - self._flushed_mono >= FLUSH_AFTER_S)
            if self._queue.memory is not None:
                due = now >= self._retry_mono
        if due:
            with self._commit_lock:
                self._store([])

    def stats(self) -> OutboxStats:
        """For health."""
        self.maintain()
        now = self._clock.monotonic()
        figures = self._ask(lambda queue: queue.stats(self._degraded, now), None)
        if figures is None:  # the disk could not be read and was given up: what is left
            with self._lock:
                figures = self._queue.stats(self._degraded, now)
        return figures

    @property
    def _degraded(self) -> str | None:
        return self._failing or self._notice

    # --- inside: the commit lock is held ---

    def _store_next(self) -> None:
        batch = [self._appended.popleft() for _ in range(min(len(self._appended), MAX_BATCH))]
        try:
            self._store(batch)
        except Exception as error:  # noqa: BLE001 - each appender raises it; none may wait for ever
            for ticket in batch:
                ticket.error, ticket.done = error, True

    def _store(self, batch: list[Ticket]) -> None:
        for _ in range(2):  # a damaged file is replaced, and the second try goes to the new one
            if not self._disk_ready() or self._write(batch):
                break
        with self._lock:
            memory = self._queue.memory
            for ticket in batch:
                if memory is not None:
                    memory.write(ticket)
                media = ticket.draft.media
                if self._queue.keep_media(ticket) and media is not None:
                    self._files.remove([media.media_id])  # a file without a row is an orphan
                ticket.done = True
            if memory is not None:
                memory.announce(self._clock.monotonic())

    def _write(self, batch: list[Ticket]) -> bool:
        """One transaction; False when the disk did not take it."""
        with self._lock:
            disk, owed = self._queue.disk, self._queue.owed
        assert disk is not None
        try:
            disk.write(batch, owed, self._clock.monotonic())
        except StoreDamaged as error:
            self._start_over(error)
            return False
        except StoreUnusable as error:
            self._use_memory(error)
            return False
        with self._lock:
            self._queue.settle(owed)
            self._flushed_mono = self._clock.monotonic()
        return True

    def _disk_ready(self) -> bool:
        """Whether events go to the disk now; tries the way back when it is time."""
        if self._queue.memory is None:
            return True
        now = self._clock.monotonic()
        if now < self._retry_mono:
            return False
        self._retry_mono = now + RETRY_DISK_S
        try:
            if shutil.disk_usage(self._state_dir).free < MIN_FREE_BYTES:
                return False
            with self._lock:
                self._return_to_disk(self._queue.memory)
        except (OutboxError, OSError) as error:
            log.debug("outbox: disk still not usable: %s", error)
            return False
        return True

    def _return_to_disk(self, memory: MemoryStore) -> None:
        self._queue.close_disk()
        disk = self._queue.disk = self._open_store()
        owed = self._queue.owed
        kept = disk.adopt(memory, owed)
        self._queue.settle(owed)
        self._queue.leave_memory()
        self._failing = None
        log.warning("outbox: on disk again, epoch %s, %d events saved", disk.epochs.current.name, kept)

    def _use_memory(self, error: OutboxError) -> None:
        with self._lock:
            self._retry_mono = self._clock.monotonic() + RETRY_DISK_S
            if self._queue.memory is None:
                self._queue.memory = MemoryStore(new_epoch(), self._encode_loss)
                self._failing = (
                    f"{error}; events wait in memory, the disk is tried every {RETRY_DISK_S:.0f} s"
                )
                log.error("outbox: %s; epoch %s", self._failing, self._queue.memory.epoch)

    def _start_over(self, error: StoreDamaged) -> None:
        with self._lock:
            self._queue.close_disk()
            try:
                self._replace(error)
                self._queue.disk = self._new_store()
            except OutboxError as second:
                self._use_memory(second)

    def _open_store(self) -> DiskStore:
        try:
            return self._new_store()
        except StoreDamaged as error:
            self._replace(error)
        except StoreUnusable as error:
            # A file that nobody may write can be replaced where its folder can be written.
            if not _is_read_only(error):
                raise
            self._replace(error)
        try:
            return self._new_store()
        except StoreDamaged as error:
            raise StoreUnusable(f"{error}, although it is new") from error

    def _new_store(self) -> DiskStore:
        return DiskStore(self._state_dir, self._max_bytes, self._boot_id, self._encode_loss)

    def _replace(self, error: OutboxError) -> None:
        """Set the file aside. What it held is lost to the centre, and the new epoch says so."""
        try:
            target = set_aside(self._path, self._clock.now())
        except OSError as second:
            raise StoreUnusable(f"{error}; it cannot be set aside: {second.strerror}") from second
        self._notice = f"{error}; set aside as {target.name}, a new epoch has begun"
        log.error("outbox: %s", self._notice)
        self._queue.disk_was_replaced()

    # --- inside: takes the locks itself ---

    def _ask(self, question: Callable[[SendQueue], T], otherwise: T) -> T:
        """Ask the queue, locked. A disk that cannot be read is given up, and the answer is ``otherwise``."""
        try:
            with translated(self._path), self._lock:
                return question(self._queue)
        except StoreDamaged as error:
            with self._commit_lock:
                self._start_over(error)
        except OutboxError as error:
            with self._commit_lock, self._lock:
                self._queue.close_disk()
                self._use_memory(error)
        return otherwise

    def _save(self, media: Media) -> bool:
        try:
            self._files.save(media.media_id, media.payload)
        except OSError as error:
            log.warning("media %s: cannot be stored (%s), waits in memory", media.media_id, error.strerror)
            return False
        return True

    def _lock_state_dir(self) -> None:
        path = self._state_dir / "outbox.lock"
        try:
            self._state_dir.mkdir(parents=True, exist_ok=True)
            self._lock_file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None
            raise OutboxError(f"{self._state_dir}: another agent uses it; nothing was started") from error
        except OSError as error:
            # A full or read-only disk is not a second agent: open() deals with it.
            log.warning("outbox: no lock on %s: %s", self._state_dir, error.strerror)


def _is_read_only(error: OutboxError) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY
    return isinstance(cause, OSError) and cause.errno == errno.EROFS
