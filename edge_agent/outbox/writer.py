"""The outbox's writer thread: it commits appends in groups, deletes delivered events, and switches between
disk and memory.

Events that are appended during a commit share the next one. No append waits for the disk without a limit: an
event that is not on disk within ``DISK_TIMEOUT_S`` is stored in memory.
"""

from __future__ import annotations

import logging
import math
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import MAX_MESSAGE_BYTES, EventFollower, StoredEvent
from edge_agent.core.errors import OutboxError
from edge_agent.core.problems import problem_text
from edge_agent.outbox.append_request import AppendRequest, StoreTarget, WriterJob
from edge_agent.outbox.failover import Failover
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.sqlite.database import OutboxDamaged, OutboxUnusable
from edge_agent.outbox.sqlite.disk import DiskStore
from edge_agent.outbox.stores import Stores

log = logging.getLogger(__name__)

MAX_BATCH = 256  # appends of one transaction
DISK_TIMEOUT_S = 5.0
"""Limit for a commit. SD cards were seen to block for a second or two; an alarm must not wait longer."""
STOP_TIMEOUT_S = 0.5  # ... while the agent stops
OPEN_TIMEOUT_S = 30.0  # includes salvaging a damaged database
MAINTENANCE_TIMEOUT_S = 1.0  # the caller continues after it, and the writer does the work later
FLUSH_AFTER_S = 5.0
FLUSH_AT = 200
"""Deletions are part of the next append's transaction; without an append they get their own after this time
or number. Losing them in a crash only means that events are sent twice."""
MAX_DELETED = 1000
"""Maximum number of confirmed events that one transaction deletes. Appends wait for the transaction, and
deleting 10,000 events writes 14 MB."""
CHECK_FILES_S = 5.0  # a check costs three calls of stat(); no event is lost if the removal is found late


class OutboxWriter:
    """Runs the writer thread.

    ``lock`` protects the stores and the failover. Only the writer thread changes the disk. It
    holds the lock while it replaces a store, not while it commits.
    """

    def __init__(
        self,
        lock: AbstractContextManager[object],
        stores: Stores,
        failover: Failover,
        files: MediaFiles,
        clock: Clock,
        follower: EventFollower | None,
    ) -> None:
        self.is_open = False
        self.disk_timeout_s = DISK_TIMEOUT_S
        self._stores = stores
        self._failover = failover
        self._files = files
        self._clock = clock
        self._follower = follower
        self._appended: deque[AppendRequest] = deque()
        self._work: queue.SimpleQueue[WriterJob | None] = queue.SimpleQueue()  # None: something was appended
        self._committing: list[AppendRequest] = []  # of the running transaction
        self._maintenance: WriterJob | None = None  # the latest one
        self._closing: WriterJob | None = None
        self._ended = False
        self._max_deleted = MAX_DELETED
        self._lock = lock
        self._flushed_mono = 0.0
        self._files_checked_mono = 0.0

    def open(self) -> None:
        """Start the thread and open the store; see ``EventOutbox.open``."""
        self._failover.state_lock.acquire()
        self._work, self._ended, self._closing = queue.SimpleQueue(), False, None
        self._max_deleted = MAX_DELETED
        threading.Thread(target=self._run, name="outbox", daemon=True).start()
        if not (self._do(self._probe, DISK_TIMEOUT_S) and self._do(self._failover.open, OPEN_TIMEOUT_S)):
            self._disk_hangs()
        self.is_open = True

    def _probe(self) -> None:
        """Wait until the disk answers. An error is ignored here: opening the database reports it better."""
        with suppress(OutboxUnusable):
            self._failover.probe()

    @property
    def unstored(self) -> int:
        """Number of appends that wait for the disk; read without the lock, for the log only."""
        return len(self._appended) + len(self._committing)

    def close(self, timeout_s: float | None) -> bool:
        """Store all appended events, delete the delivered ones, and close; False on a timeout."""
        if not self.is_open:
            return True
        if self._closing is None:
            self._closing = WriterJob(self._finish)
            self._work.put(self._closing)
        return self._closing.wait(timeout_s)

    def _finish(self) -> None:
        self._failover.retry_mono = 0.0  # the last chance to save events that are only in memory
        self._max_deleted = sys.maxsize
        while self._appended:
            self._store_next()
        with self._lock:
            self._failover.restore()
        try:
            self._store([])
        except Exception:  # the thread ends here and must still close the file
            log.exception("outbox: the last commit failed; delivered events are sent again")
        with self._lock:
            memory = self._stores.memory
            if memory is not None and memory.depth:
                log.error("outbox: %d events that only memory held are lost", memory.depth)
            self._stores.close_disk()
            self.is_open, self._ended = False, True
            # Under the lock: another thread may open the outbox again at once.
            self._failover.state_lock.release()

    # --- any thread ---

    def append(self, requests: Sequence[AppendRequest]) -> None:
        """Store the events in this order; each request then holds a stamp or an error."""
        waited_s = math.inf
        if self.is_open and not self._stores.hangs:
            self._appended.extend(requests)
            self._work.put(None)
            waited_s = 0.0
        for request in requests:
            self._wait(request, math.inf if self._stores.hangs else waited_s)

    def _wait(self, request: AppendRequest, waited_s: float) -> None:
        """Wait until the event is stored; the disk has not answered for ``waited_s`` already."""
        while self.is_open and not request.done:
            if waited_s >= self.disk_timeout_s:
                self._bypass_disk(request)
                waited_s = 0.0
            request.wait(STOP_TIMEOUT_S)  # in short waits: ``shorten_timeouts`` may be called meanwhile
            waited_s += STOP_TIMEOUT_S
        if not request.done and request.claim(StoreTarget.MEMORY):
            request.error = OutboxError(
                f"{self._failover.path}: the outbox is not open; the event is not stored"
            )

    def shorten_timeouts(self) -> None:
        """Let an append wait for the disk for ``STOP_TIMEOUT_S`` only, because the agent stops."""
        self.disk_timeout_s = STOP_TIMEOUT_S

    def forget_open(self, event_id: str) -> None:
        """Remove the event from the open ones, in memory and on disk."""
        with self._lock:
            self._stores.open_events.close(event_id, on_disk=False)
        if self.is_open:
            self._do(lambda: self._forget_open(event_id), MAINTENANCE_TIMEOUT_S)

    def _forget_open(self, event_id: str) -> None:
        disk = self._stores.disk
        if disk is not None:
            with suppress(OutboxError):  # the next append meets the same error and handles it
                disk.forget_open(event_id)
                with self._lock:
                    self._stores.open_events.row_deleted(event_id)

    def begin_epoch(self, after: str) -> bool:
        """Begin an epoch on the disk if ``after`` is the current one. False if not, or if the disk fails."""
        begun: list[bool] = []
        done = self.is_open and self._do(lambda: begun.append(self._begin_epoch(after)), DISK_TIMEOUT_S)
        return done and any(begun)

    def _begin_epoch(self, after: str) -> bool:
        with self._lock:
            disk = self._stores.disk
            if disk is None or self._stores.memory is not None or disk.epochs.current.name != after:
                return False
            try:
                disk.begin_epoch()
            except OutboxError as error:
                log.error("outbox: cannot begin a new epoch: %s", error)
                return False
            return True

    def maintain(self) -> None:
        """Commit deletions that are due, retry a failed disk, and check that the files still exist.

        Waits for a second at most.
        """
        busy = self._maintenance is not None and not self._maintenance.wait(0.0)
        if self.is_open and not busy and self._is_due():
            self._maintenance = WriterJob(self._maintain)
            self._work.put(self._maintenance)
            self._maintenance.wait(MAINTENANCE_TIMEOUT_S)

    def read_failed(self, disk: DiskStore | None, error: OutboxError) -> None:
        """Replace ``disk`` if its database is damaged, else close it: it could not be read."""

        def change() -> None:
            with self._lock:
                if isinstance(error, OutboxDamaged):
                    self._failover.replace_damaged(disk, error)
                else:
                    self._failover.give_up(disk, error)

        if self.is_open:
            self._do(change, DISK_TIMEOUT_S)

    def _do(self, work: Callable[[], None], timeout_s: float | None) -> bool:
        """Run ``work`` on the writer thread; False when it is not done within ``timeout_s``."""
        job = WriterJob(work)
        self._work.put(job)
        if not job.wait(timeout_s):
            return False
        if job.error is not None:
            raise job.error
        return True

    def _is_due(self) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            if self._stores.memory is not None:
                return now >= self._failover.retry_mono
            deletes = self._stores.pending_delete_count
        files = now - self._files_checked_mono >= CHECK_FILES_S
        return files or deletes >= FLUSH_AT or (deletes > 0 and now - self._flushed_mono >= FLUSH_AFTER_S)

    # --- a disk that hangs: any thread ---

    def _bypass_disk(self, request: AppendRequest) -> None:
        """Store the event in memory, because the disk has not answered within the timeout."""
        self._disk_hangs()
        with self._lock:
            memory = self._stores.memory
            if memory is not None and not request.done and request.claim(StoreTarget.MEMORY):
                self._store_in_memory(memory, [request])

    def _disk_hangs(self) -> None:
        """Store events in memory from now on, including those of the running transaction."""
        with self._lock:
            self._stores.hangs = True
            if self._stores.memory is None:
                committing = [request for request in self._committing if not request.done]
                # The writer may continue before the disk hangs again: it must not stamp any of these then.
                free = [request for request in committing if request.claim(StoreTarget.MEMORY)]
                in_doubt = [
                    request for request in committing if request not in free and request.stamp is not None
                ]
                self._use_memory(
                    OutboxUnusable(problem_text("outbox-disk-silent", file=str(self._failover.path))),
                    in_doubt,
                    free,
                )

    def _use_memory(
        self, error: OutboxError, in_doubt: list[AppendRequest], free: Iterable[AppendRequest] = ()
    ) -> None:
        """Switch to memory. The disk may also hold ``in_doubt``, but not ``free``. The caller locks."""
        self._failover.use_memory(error, in_doubt)
        memory = self._stores.memory
        assert memory is not None
        self._release(in_doubt, on_disk=False)
        self._store_in_memory(memory, free)

    def _store_in_memory(self, memory: MemoryStore, requests: Iterable[AppendRequest]) -> None:
        """Store the events in memory. The caller locks."""
        for request in requests:
            memory.write(request)
            self._release([request], on_disk=False)
        memory.announce(self._clock.monotonic())
        self._notify_follower(memory.pop_stored())

    def _release(self, requests: Iterable[AppendRequest], *, on_disk: bool) -> None:
        """Note which events the stored ones open and close, and let their appending threads continue. The
        caller locks."""
        for request in requests:
            if request.error is None:
                self._stores.open_events.note(request.draft, on_disk=on_disk)
                self._stores.keep_media(request)
            request.finish()

    # --- the writer's thread ---

    def _run(self) -> None:
        work = self._work
        while not self._ended:
            job = work.get()
            if job is not None:
                job.run()
            elif self._appended:
                self._store_next()
            self._stores.hangs = False

    def _maintain(self) -> None:
        now = self._clock.monotonic()
        disk = self._stores.disk
        if disk is not None and now - self._files_checked_mono >= CHECK_FILES_S:
            self._files_checked_mono = now
            if disk.open_files.missing() is not None:
                with self._lock:
                    self._failover.restore()
        if self._is_due():
            self._store([])

    def _store_next(self) -> None:
        time.sleep(0)  # threads that the last commit released may append now and share the next one
        batch = [self._appended.popleft() for _ in range(min(len(self._appended), MAX_BATCH))]
        self._committing = batch
        try:
            self._store(batch)
        except Exception as error:  # noqa: BLE001 - each appender raises it, and none waits forever
            for request in batch:
                if not request.done:
                    request.error = error
                    request.finish()
        self._committing = []

    def _store(self, batch: list[AppendRequest]) -> None:
        # A damaged file is replaced after the first attempt. If the second one fails too, use memory.
        on_disk = False
        for may_replace in (True, False):
            if not self._is_ready():
                break
            self._save_pictures(batch)
            if on_disk := self._write(batch, may_replace=may_replace):
                break
        with self._lock:
            memory = self._stores.memory
            waiting = [request for request in batch if not request.done and request.claim(StoreTarget.WRITER)]
            if not on_disk and memory is not None:
                self._store_in_memory(memory, waiting)
            else:
                self._release(waiting, on_disk=True)
        self._remove_pictures(batch)

    def _is_ready(self) -> bool:
        """Return whether events are stored on disk now; retry a failed disk when it is due."""
        with self._lock:
            if self._stores.memory is None:
                return True
            if not self._failover.is_retry_due():
                return False
        try:
            self._failover.probe()  # without the lock: the disk may hang
        except OutboxError as error:
            log.debug("outbox: disk still not usable: %s", error)
            return False
        with self._lock:
            return self._failover.return_to_disk()

    def _write(self, batch: list[AppendRequest], *, may_replace: bool) -> bool:
        """Run one transaction; False when it failed."""
        with self._lock:
            disk, deletes = self._stores.disk, self._stores.pending_deletes(self._max_deleted)
        assert disk is not None
        try:
            stored = disk.write(batch, deletes, self._clock.monotonic())
        except OutboxError as error:
            with self._lock:
                if isinstance(error, OutboxDamaged) and may_replace:
                    self._failover.replace_damaged(disk, error)
                else:
                    self._fail(disk, batch, error)
            return False
        with self._lock:
            self._stores.deletes_committed(deletes)
            memory = self._stores.memory
            self._flushed_mono = self._clock.monotonic()
        # The follower has already received the events that were stored in memory while the disk hung.
        self._notify_follower(event for event in stored if memory is None or not memory.knows(*event.key))
        return True

    def _fail(self, disk: DiskStore, batch: list[AppendRequest], error: OutboxError) -> None:
        """Switch to memory after ``disk`` failed. The caller locks."""
        if self._stores.memory is None:
            in_doubt = [request for request in batch if request.stamp is not None] if disk.in_doubt else []
            self._use_memory(error, in_doubt)

    def _save_pictures(self, batch: list[AppendRequest]) -> None:
        for request in batch:
            media = request.draft.media
            if media is None or request.media_saved or request.done:
                continue
            if len(media.payload) <= MAX_MESSAGE_BYTES:  # ``append`` saves a larger one
                request.media_saved = self._files.try_to_save(media.media_id, media.payload)

    def _remove_pictures(self, batch: list[AppendRequest]) -> None:
        """Delete files without a row: their event could not be encoded, or it is in memory."""
        for request in batch:
            media, in_memory = request.draft.media, self._stores.memory is not None
            if media is not None and request.media_saved and (request.error is not None or in_memory):
                self._files.remove([media.media_id])

    def _notify_follower(self, stored: Iterable[StoredEvent]) -> None:
        if self._follower is not None:
            for event in stored:
                self._follower.stored(event)
