"""The outbox's writer thread: it commits appends in groups, deletes delivered events, and changes between
disk and memory.

Events that arrive during a commit share the next one. No append waits for a disk without a limit: an event
that the disk does not take within ``PATIENCE_S`` goes to memory.
"""

from __future__ import annotations

import logging
import math
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import EventFollower, StoredEvent
from edge_agent.core.errors import OutboxError
from edge_agent.outbox.append_request import AppendRequest, StoreTarget, WriterJob
from edge_agent.outbox.bookkeeping.open_events import OpenEvents
from edge_agent.outbox.failover import Failover
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.memory import MemoryStore
from edge_agent.outbox.send_queue import SendQueue
from edge_agent.outbox.sqlite.database import OutboxDamaged, OutboxUnusable
from edge_agent.outbox.sqlite.disk import DiskStore
from edge_agent.outbox.state_lock import StateLock

log = logging.getLogger(__name__)

MAX_BATCH = 256  # appends of one transaction
PATIENCE_S = 5.0
"""For the disk. A card that cleans up was seen to take a second or two; an alarm can wait no longer."""
HASTY_S = 0.5  # ... while the agent stops
OPEN_PATIENCE_S = 30.0  # what is damaged is salvaged then
MAINTENANCE_PATIENCE_S = 1.0  # the caller goes on after it, and the writer does the work later
FLUSH_AFTER_S = 5.0
FLUSH_AT = 200
"""Deletions ride on the next append's transaction; without one they get their own after this time or
number. Losing them in a crash only means a resend."""
MAX_DELETED = 1000
"""Events of one confirmed range that one transaction deletes at most. Appends wait for the transaction, and
to delete 10,000 events writes 14 MB."""
CHECK_FILES_S = 5.0  # three calls of stat(); what was appended since the removal is kept as well


class OutboxWriter:
    """``lock`` protects the queue, the failover and the open events. The writer's thread alone changes what
    is on the disk, and holds the lock while stores are changed, not while it commits."""

    def __init__(
        self,
        lock: AbstractContextManager[object],
        stores: SendQueue,
        open_events: OpenEvents,
        failover: Failover,
        *,
        path: Path,
        state_lock: StateLock,
        files: MediaFiles,
        clock: Clock,
        follower: EventFollower | None,
    ) -> None:
        self.is_open = False
        self.patience_s = PATIENCE_S
        self._path = path
        self._queue = stores
        self._open_events = open_events
        self._failover = failover
        self._state_lock = state_lock
        self._files = files
        self._clock = clock
        self._follower = follower
        self._appended: deque[AppendRequest] = deque()
        self._work: queue.SimpleQueue[WriterJob | None] = queue.SimpleQueue()  # None: something was appended
        self._in_hand: list[AppendRequest] = []  # of the transaction that runs
        self._maintenance: WriterJob | None = None  # the one that was asked for last
        self._closing: WriterJob | None = None
        self._ended = False
        self._max_deleted = MAX_DELETED
        self._lock = lock
        self._flushed_mono = 0.0
        self._files_checked_mono = 0.0

    # --- life ---

    def open(self) -> None:
        """A disk that fails is no error: events then wait in memory. Raises OutboxError when another process
        uses this state directory."""
        self._state_lock.acquire()
        self._work, self._ended, self._closing = queue.SimpleQueue(), False, None
        self._max_deleted = MAX_DELETED
        threading.Thread(target=self._run, name="outbox", daemon=True).start()
        if not (self._do(self._probe, PATIENCE_S) and self._do(self._failover.open, OPEN_PATIENCE_S)):
            self._disk_hangs()
        self.is_open = True

    def _probe(self) -> None:
        """Find out whether the disk answers at all. If it fails, the error of the opening says more."""
        with suppress(OutboxUnusable):
            self._failover.probe()

    @property
    def unstored(self) -> int:
        """How many appends wait for the disk; not locked: for a line in the log."""
        return len(self._appended) + len(self._in_hand)

    def close(self, timeout_s: float | None) -> bool:
        """Store what was appended, delete what is owed, and close; False: the disk takes longer than that."""
        if not self.is_open:
            return True
        if self._closing is None:
            self._closing = WriterJob(self._finish)
            self._work.put(self._closing)
        return self._closing.wait(timeout_s)

    def _finish(self) -> None:
        self._failover.retry_mono = 0.0  # the last chance to save what only memory holds
        self._max_deleted = sys.maxsize
        while self._appended:
            self._store_next()
        with self._lock:
            self._failover.restore()
        try:
            self._store([])
        except Exception:  # the end of this thread; the file is closed in any case
            log.exception("outbox: the last commit failed; delivered events are sent again")
        with self._lock:
            memory = self._queue.memory
            if memory is not None and memory.depth:
                log.error("outbox: %d events that only memory held are lost", memory.depth)
            self._queue.close_disk()
            self.is_open, self._ended = False, True
            self._state_lock.release()  # inside: whoever finds it closed may open it again

    # --- any thread ---

    def append(self, ticket: AppendRequest) -> None:
        """Returns when it is done, with a stamp or an error in it."""
        waited_s = math.inf
        if self.is_open and not self._queue.hangs:
            self._appended.append(ticket)
            self._work.put(None)
            waited_s = 0.0
        while self.is_open and not ticket.done:
            if waited_s >= self.patience_s:
                self._bypass_disk(ticket)
                waited_s = 0.0
            ticket.wait(HASTY_S)  # in parts: a stop wants it sooner
            waited_s += HASTY_S
        if not ticket.done and ticket.claim(StoreTarget.MEMORY):
            ticket.error = OutboxError(f"{self._path}: the outbox is not open; the event is not stored")

    def hasten(self) -> None:
        """The agent stops: from now on an append waits for the disk for ``HASTY_S`` only."""
        self.patience_s = HASTY_S

    def forget_open(self, event_id: str) -> None:
        """Never report this event as left open again, although no end of it was appended."""
        with self._lock:
            self._open_events.close(event_id, on_disk=False)
        if self.is_open:
            self._do(lambda: self._forget_open(event_id), MAINTENANCE_PATIENCE_S)

    def _forget_open(self, event_id: str) -> None:
        disk = self._queue.disk
        if disk is not None:
            with suppress(OutboxError):  # the next append finds the disk out
                disk.forget_open(event_id)
                with self._lock:
                    self._open_events.row_deleted(event_id)

    def begin_epoch(self, after: str) -> bool:
        """Begin one on the disk if ``after`` is the present one. False: it is not, or the disk fails."""
        begun: list[bool] = []
        done = self.is_open and self._do(lambda: begun.append(self._begin_epoch(after)), PATIENCE_S)
        return done and any(begun)

    def _begin_epoch(self, after: str) -> bool:
        with self._lock:
            disk = self._queue.disk
            if disk is None or self._queue.memory is not None or disk.epochs.current.name != after:
                return False
            try:
                disk.begin_epoch()
            except OutboxError as error:
                log.error("outbox: no epoch can be begun: %s", error)
                return False
            return True

    def maintain(self) -> None:
        """Commit deletions that have waited long enough, try the way back to a failed disk, and see
        whether the files are still there. Waits a second at most."""
        busy = self._maintenance is not None and not self._maintenance.wait(0.0)
        if self.is_open and not busy and self._is_due():
            self._maintenance = WriterJob(self._maintain)
            self._work.put(self._maintenance)
            self._maintenance.wait(MAINTENANCE_PATIENCE_S)

    def read_failed(self, disk: DiskStore | None, error: OutboxError) -> None:
        """That store could not be read: a damaged one is replaced, another one given up."""

        def change() -> None:
            with self._lock:
                if isinstance(error, OutboxDamaged):
                    self._failover.replace_damaged(disk, error)
                else:
                    self._failover.give_up(disk, error)

        if self.is_open:
            self._do(change, PATIENCE_S)

    def _do(self, work: Callable[[], None], timeout_s: float | None) -> bool:
        """Have the writer do it; False when it is not done within ``timeout_s``."""
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
            if self._queue.memory is not None:
                return now >= self._failover.retry_mono
            owed = self._queue.pending_delete_count
        files = now - self._files_checked_mono >= CHECK_FILES_S
        return files or owed >= FLUSH_AT or (owed > 0 and now - self._flushed_mono >= FLUSH_AFTER_S)

    # --- a disk that hangs: any thread ---

    def _bypass_disk(self, ticket: AppendRequest) -> None:
        """The disk has not answered for too long: store that event in memory."""
        self._disk_hangs()
        with self._lock:
            memory = self._queue.memory
            if memory is not None and not ticket.done and ticket.claim(StoreTarget.MEMORY):
                self._store_in_memory(memory, [ticket])

    def _disk_hangs(self) -> None:
        """From now on events go through memory, and those that the writer has in hand as well."""
        with self._lock:
            self._queue.hangs = True
            if self._queue.memory is None:
                in_hand = [ticket for ticket in self._in_hand if not ticket.done]
                # The writer may go on before the disk hangs again: it must not stamp any of these then.
                free = [ticket for ticket in in_hand if ticket.claim(StoreTarget.MEMORY)]
                unsure = [ticket for ticket in in_hand if ticket not in free and ticket.stamp is not None]
                self._use_memory(OutboxUnusable(f"{self._path}: the disk does not answer"), unsure, free)

    def _use_memory(
        self, error: OutboxError, unsure: list[AppendRequest], free: Iterable[AppendRequest] = ()
    ) -> None:
        """Begin to use memory: with ``unsure``, which the disk may have too, and with ``free``. Locked."""
        self._failover.use_memory(error, unsure)
        memory = self._queue.memory
        assert memory is not None
        self._release(unsure, on_disk=False)
        self._store_in_memory(memory, free)

    def _store_in_memory(self, memory: MemoryStore, tickets: Iterable[AppendRequest]) -> None:
        """Locked."""
        for ticket in tickets:
            memory.write(ticket)
            self._release([ticket], on_disk=False)
        memory.announce(self._clock.monotonic())
        self._notify_follower(memory.pop_stored())

    def _release(self, tickets: Iterable[AppendRequest], *, on_disk: bool) -> None:
        """Let the appenders of stored events go on. Locked."""
        for ticket in tickets:
            if ticket.error is None:
                self._open_events.note(ticket.draft, on_disk=on_disk)
                self._queue.keep_media(ticket)
            ticket.finish()

    # --- the writer's thread ---

    def _run(self) -> None:
        work = self._work
        while not self._ended:
            job = work.get()
            if job is not None:
                job.run()
            elif self._appended:
                self._store_next()
            self._queue.hangs = False

    def _maintain(self) -> None:
        now = self._clock.monotonic()
        self._check_files(now)
        if self._is_due():
            self._store([])

    def _check_files(self, now: float) -> None:
        disk = self._queue.disk
        if disk is None or now - self._files_checked_mono < CHECK_FILES_S:
            return
        self._files_checked_mono = now
        if disk.missing_file() is not None:
            with self._lock:
                self._failover.restore()

    def _store_next(self) -> None:
        time.sleep(0)  # threads that the last commit released may append now and share this one
        batch = [self._appended.popleft() for _ in range(min(len(self._appended), MAX_BATCH))]
        self._in_hand = batch
        try:
            self._store(batch)
        except Exception as error:  # noqa: BLE001 - each appender raises it; none may wait for ever
            for ticket in batch:
                if not ticket.done:
                    ticket.error = error
                    ticket.finish()
        self._in_hand = []

    def _store(self, batch: list[AppendRequest]) -> None:
        # A damaged file is replaced, and the second try goes to the new one; the third place is memory.
        on_disk = False
        for may_replace in (True, False):
            if not self._is_ready():
                break
            self._save_pictures(batch)
            if on_disk := self._write(batch, may_replace=may_replace):
                break
        with self._lock:
            memory = self._queue.memory
            waiting = [ticket for ticket in batch if not ticket.done and ticket.claim(StoreTarget.WRITER)]
            if not on_disk and memory is not None:
                self._store_in_memory(memory, waiting)
            else:
                self._release(waiting, on_disk=True)
        self._remove_pictures(batch)

    def _is_ready(self) -> bool:
        """Whether events go to the disk now; tries the way back when it is time."""
        with self._lock:
            if self._queue.memory is None:
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
        """One transaction; False when the disk did not take it."""
        with self._lock:
            disk, owed = self._queue.disk, self._queue.pending_deletes(self._max_deleted)
        assert disk is not None
        try:
            stored = disk.write(batch, owed, self._clock.monotonic())
        except OutboxError as error:
            with self._lock:
                if isinstance(error, OutboxDamaged) and may_replace:
                    self._failover.replace_damaged(disk, error)
                else:
                    self._fail(disk, batch, error)
            return False
        with self._lock:
            self._queue.settle(owed)
            memory = self._queue.memory
            self._flushed_mono = self._clock.monotonic()
        # The follower already knows the events that memory stored while the disk hung.
        self._notify_follower(event for event in stored if memory is None or not memory.knows(*event.key))
        return True

    def _fail(self, disk: DiskStore, batch: list[AppendRequest], error: OutboxError) -> None:
        """Go on in memory. Locked."""
        if self._queue.memory is None:
            unsure = [ticket for ticket in batch if ticket.stamp is not None] if disk.unsure else []
            self._use_memory(error, unsure)

    def _save_pictures(self, batch: list[AppendRequest]) -> None:
        for ticket in batch:
            media = ticket.draft.media
            if media is not None and not ticket.media_saved and not ticket.done:
                ticket.media_saved = self._files.try_to_save(media.media_id, media.payload)

    def _remove_pictures(self, batch: list[AppendRequest]) -> None:
        """Delete files that no row names: the event could not be encoded, or memory has it."""
        for ticket in batch:
            media, in_memory = ticket.draft.media, self._queue.memory is not None
            if media is not None and ticket.media_saved and (ticket.error is not None or in_memory):
                self._files.remove([media.media_id])

    def _notify_follower(self, stored: Iterable[StoredEvent]) -> None:
        if self._follower is not None:
            for event in stored:
                self._follower.stored(event)
