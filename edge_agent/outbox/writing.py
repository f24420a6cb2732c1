"""All that changes what is stored: appends in groups, deletions that are owed, the change between disk and
memory.

Group commit: whoever comes first commits at once, and what arrives during a commit shares the next.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.errors import OutboxError
from edge_agent.outbox.database import StoreDamaged
from edge_agent.outbox.disk import DiskStore
from edge_agent.outbox.failover import Failover
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.open_events import OpenEvents
from edge_agent.outbox.send_queue import SendQueue
from edge_agent.outbox.state_lock import StateLock
from edge_agent.outbox.ticket import Ticket
from edge_agent.outbox_model import EventFollower, StoredEvent

log = logging.getLogger(__name__)

MAX_BATCH = 256  # appends of one transaction
FLUSH_AFTER_S = 5.0
FLUSH_AT = 200
"""Deletions ride on the next append's transaction; without one they get their own after this time or
number. Losing them in a crash only means a resend."""
MAX_DELETED = 1000
"""Of what one message of the centre confirms, so many events at most go with one transaction: whoever appends
waits for it, and 10,000 are 14 MB to write."""
CHECK_FILES_S = 5.0  # three calls of stat(); what was appended since the removal is kept as well


class Writing:
    """Any thread. ``lock`` protects the queue, the failover and the open events; it is taken inside the
    commit lock, never the other way round."""

    def __init__(
        self,
        lock: AbstractContextManager[object],
        queue: SendQueue,
        open_events: OpenEvents,
        failover: Failover,
        *,
        path: Path,
        state_lock: StateLock,
        files: MediaFiles,
        clock: Clock,
        follower: EventFollower | None,
    ) -> None:
        self.is_open = False  # changes under the commit lock only
        self._path = path
        self._queue = queue
        self._open_events = open_events
        self._failover = failover
        self._state_lock = state_lock
        self._files = files
        self._clock = clock
        self._follower = follower
        self._appended: deque[Ticket] = deque()
        # Held for one transaction: what is written, and the change between disk and memory.
        self._commit_lock = threading.Lock()
        self._committing = 0  # tickets of the transaction that runs
        self._max_deleted = MAX_DELETED
        self._lock = lock
        self._flushed_mono = 0.0
        self._files_checked_mono = 0.0

    # --- life ---

    def open(self) -> None:
        """A disk that fails is no error: events then wait in memory. Raises OutboxError when another process
        uses this state directory."""
        self._state_lock.take()
        with self._commit_lock, self._lock:
            self._failover.open()
            self.is_open = True
            self._max_deleted = MAX_DELETED

    @property
    def unstored(self) -> int:
        """How many appends wait for the disk; not locked: for a line in the log."""
        return len(self._appended) + self._committing

    def finish(self) -> None:
        """Store what was appended, delete what is owed, and close, however long the disk takes."""
        with self._commit_lock:
            if not self.is_open:
                return
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
            self.is_open = False
            self._state_lock.release()  # inside: whoever finds it closed may open it again

    # --- what changes ---

    def append(self, ticket: Ticket) -> None:
        """Returns when it is done, with a stamp or an error in it."""
        self._appended.append(ticket)
        with self._commit_lock:
            # Another thread may have committed it while this one waited for the lock.
            while not ticket.done:
                self._store_next()

    def forget_open(self, event_id: str) -> None:
        """Never report this event as left open again, although no end of it was appended."""
        with self._commit_lock, self._lock:
            disk, forgotten = self._queue.disk, False
            if disk is not None:
                with suppress(OutboxError):  # the next append finds the disk out
                    disk.forget_open(event_id)
                    forgotten = True
            self._open_events.close(event_id, on_disk=forgotten)

    def begin_epoch(self, after: str) -> bool:
        """Begin one on the disk if ``after`` is the present one. False: it is not, or the disk fails."""
        with self._commit_lock, self._lock:
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
        whether the files are still there."""
        now = self._clock.monotonic()
        self._check_files(now)
        with self._lock:
            owed = self._queue.owed_count
            due = owed >= FLUSH_AT or (owed > 0 and now - self._flushed_mono >= FLUSH_AFTER_S)
            if self._queue.memory is not None:
                due = now >= self._failover.retry_mono
        if due:
            with self._commit_lock:
                if self.is_open:
                    self._store([])

    def _check_files(self, now: float) -> None:
        with self._lock:
            disk = self._queue.disk
            if disk is None or now - self._files_checked_mono < CHECK_FILES_S:
                return
            self._files_checked_mono = now
        if disk.missing_file() is None:
            return
        with self._commit_lock, self._lock:
            if self.is_open:
                self._failover.restore()

    def read_failed(self, disk: DiskStore | None, error: OutboxError) -> None:
        """That store could not be read: a damaged one is replaced, another one given up."""
        with self._commit_lock, self._lock:
            if isinstance(error, StoreDamaged):
                self._failover.start_over(disk, error)
            else:
                self._failover.give_up(disk, error)

    # --- under the commit lock ---

    def _store_next(self) -> None:
        batch = [self._appended.popleft() for _ in range(min(len(self._appended), MAX_BATCH))]
        self._committing = len(batch)
        try:
            if not self.is_open:
                raise OutboxError(f"{self._path}: the outbox is not open; the event is not stored")
            self._store(batch)
        except Exception as error:  # noqa: BLE001 - each appender raises it; none may wait for ever
            for ticket in batch:
                ticket.error, ticket.done = error, True
        self._committing = 0

    def _store(self, batch: list[Ticket]) -> None:
        # A damaged file is replaced, and the second try goes to the new one; the third place is memory.
        for may_replace in (True, False):
            with self._lock:
                ready = self._failover.ready()
            if not ready or self._write(batch, may_replace=may_replace):
                break
        with self._lock:
            memory = self._queue.memory
            for ticket in batch:
                if memory is not None:
                    memory.write(ticket)
                if ticket.error is None:
                    self._open_events.note(ticket.draft, on_disk=memory is None)
                media = ticket.draft.media
                if self._queue.keep_media(ticket) and media is not None:
                    self._files.remove([media.media_id])  # a file without a row is an orphan
                ticket.done = True
            if memory is not None:
                memory.announce(self._clock.monotonic())
                self._tell(memory.take_stored())

    def _write(self, batch: list[Ticket], *, may_replace: bool) -> bool:
        """One transaction; False when the disk did not take it."""
        with self._lock:
            disk, owed = self._queue.disk, self._queue.owed(self._max_deleted)
        assert disk is not None
        try:
            stored = disk.write(batch, owed, self._clock.monotonic())
        except OutboxError as error:
            with self._lock:
                if isinstance(error, StoreDamaged) and may_replace:
                    self._failover.start_over(disk, error)
                else:
                    self._failover.use_memory(error)
            return False
        with self._lock:
            self._queue.settle(owed)
            self._flushed_mono = self._clock.monotonic()
        self._tell(stored)
        return True

    def _tell(self, stored: list[StoredEvent]) -> None:
        if self._follower is not None:
            for event in stored:
                self._follower.stored(event)
