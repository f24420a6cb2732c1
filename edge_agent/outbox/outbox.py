"""The outbox: an event is on disk when ``append`` returns, and stays there until it is delivered.

Threads: ``append`` and ``stats`` from any thread; what has to do with sending from the one publisher.
Group commit: whoever comes first commits at once, and what arrives during a commit shares the next.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from edge_agent.clock import Clock
from edge_agent.errors import OutboxError
from edge_agent.outbox.database import StoreDamaged, translated
from edge_agent.outbox.disk import FILE_NAME, DiskStore
from edge_agent.outbox.failover import Failover
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.open_events import OpenEvents
from edge_agent.outbox.send_queue import Key, SendQueue
from edge_agent.outbox.state_lock import StateLock
from edge_agent.outbox.ticket import Ticket
from edge_agent.outbox.transaction import EncodeLoss
from edge_agent.outbox_model import (
    Confirmation,
    Draft,
    EventFollower,
    Media,
    OpenEvent,
    OutboxStats,
    Stamp,
    StoredEvent,
)

log = logging.getLogger(__name__)

MAX_BATCH = 256  # appends of one transaction
FLUSH_AFTER_S = 5.0
FLUSH_AT = 200
"""Deletions ride on the next append's transaction; without one they get their own after this time or
number. Losing them in a crash only means a resend."""
MAX_DELETED = 1000
"""Of what one message of the centre confirms, so many events at most go with one transaction: whoever appends
waits for it, and 10,000 are 14 MB to write."""
CLOSE_WITHIN_S = 0.5
CHECK_FILES_S = 5.0  # three calls of stat(); what was appended since the removal is kept as well

T = TypeVar("T")


class Outbox:
    """Bounded store of events and their pictures. Opens nothing before ``open()`` or ``with``.

    ``encode_loss`` makes the payload of a ``loss`` event; it runs on any appending thread. ``follower`` is
    told of every event that is stored.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        max_bytes: int,
        clock: Clock,
        boot_id: str,
        encode_loss: EncodeLoss,
        follower: EventFollower | None = None,
    ) -> None:
        self._path = state_dir / FILE_NAME
        self._clock = clock
        self._follower = follower
        self._files = MediaFiles(state_dir / "media")
        self._appended: deque[Ticket] = deque()
        self._news = threading.Event()
        # Held for one transaction: what is written, and the change between disk and memory.
        self._commit_lock = threading.Lock()
        self._is_open = False  # changes under the commit lock only
        self._committing = 0  # tickets of the transaction that runs
        self._max_deleted = MAX_DELETED
        # Protects everything below; taken inside the commit lock, never the other way round.
        self._lock = threading.RLock()
        self._queue = SendQueue()
        self._state_lock = StateLock(state_dir)
        self._open_events = OpenEvents()
        self._failover = Failover(
            self._queue,
            self._open_events,
            state_dir=state_dir,
            state_lock=self._state_lock,
            max_bytes=max_bytes,
            clock=clock,
            boot_id=boot_id,
            encode_loss=encode_loss,
        )
        self._flushed_mono = 0.0
        self._files_checked_mono = 0.0

    # --- life ---

    def open(self) -> None:
        """Open or make the file. A disk that fails is no error: events then wait in memory.

        Raises OutboxError when another process uses this state directory.
        """
        self._state_lock.take()
        with self._commit_lock, self._lock:
            self._failover.open()
            self._is_open = True
            self._max_deleted = MAX_DELETED

    def close(self, timeout_s: float | None = CLOSE_WITHIN_S) -> None:
        """Store what was appended, delete what is owed, and close; raises nothing.

        A disk that takes longer than ``timeout_s`` (None: as long as it takes) is left behind with a
        line in the log. It is closed all the same when it is done, should the process still live then.
        """
        # A commit cannot be interrupted, and neither can the one that closing itself makes.
        closing = threading.Thread(target=self._finish, name="outbox-close", daemon=True)
        closing.start()
        closing.join(timeout_s)
        if closing.is_alive():
            # Not locked: the locks are what does not come free. Figures for a line in the log.
            memory = self._queue.memory
            log.error(
                "outbox: the disk is not done after %s s, stopping without it: %d events not stored yet, "
                "%d only in memory, %d delivered ones not deleted, which are sent again",
                timeout_s,
                len(self._appended) + self._committing,
                memory.depth if memory is not None else 0,
                self._queue.owed_count,
            )

    def _finish(self) -> None:
        with self._commit_lock:
            if not self._is_open:
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
            self._is_open = False
            self._state_lock.release()  # inside: whoever finds it closed may open it again

    def __enter__(self) -> Outbox:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(timeout_s=None)

    def left_open(self) -> list[OpenEvent]:
        """Events that were open when an earlier agent died; append their ends with ``closes``.

        Each is named until then. A disk that fails at the start names them when it is back.
        """
        with self._lock:
            return self._open_events.left()

    def has_open(self) -> bool:
        """Whether something has begun that has not ended."""
        with self._lock:
            return bool(self._open_events.all())

    def forget_open(self, event_id: str) -> None:
        """Never report this event as left open again, although no end of it was appended."""
        with self._commit_lock, self._lock:
            disk, forgotten = self._queue.disk, False
            if disk is not None:
                with contextlib.suppress(OutboxError):  # the next append finds the disk out
                    disk.forget_open(event_id)
                    forgotten = True
            self._open_events.close(event_id, on_disk=forgotten)

    # --- appending: any thread ---

    def append(self, draft: Draft) -> Stamp:
        """Store the event and its picture; durable when this returns, unless health says degraded.

        Blocks for one or two commits. Raises what ``draft.encode`` raises, and OutboxError when the
        outbox is not open.
        """
        ticket = Ticket(draft, self._clock.monotonic())
        ticket.media_saved = draft.media is not None and self._is_open and self._save(draft.media)
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

    def pending(
        self, limit: int, exclude: Collection[Key] = frozenset(), again: int = sys.maxsize
    ) -> list[StoredEvent]:
        """Up to ``limit`` events to send now: by priority, then oldest first.

        An event is given by every call until ``delivered`` or ``deferred`` says otherwise; ``exclude``
        leaves out those in flight. At most ``again`` of them are left over from an earlier run or were
        deferred before. Also does the work that waits for a quiet moment.
        """
        self.maintain()
        now = self._clock.monotonic()
        return self._ask(lambda queue: queue.pending(limit, exclude, now, again), [])

    def delivered(self, sequence: int, epoch: str) -> None:
        """The event needs not be sent again. Unknown events are ignored."""
        self._ask(lambda queue: queue.delivered((sequence, epoch)), None)

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Keep the event back until ``not_before_mono``; counts one attempt."""
        now = self._clock.monotonic()
        self._ask(lambda queue: queue.defer((sequence, epoch), not_before_mono, now), None)

    def sent(self, event: StoredEvent) -> None:
        """It is on its way: from now on ``confirmed`` can mean it."""
        self._ask(lambda queue: queue.sent(event), None)

    def unconfirmed(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """The broker has it, which is no promise: keep it, and give it again from ``not_before_mono`` on,
        unless ``confirmed`` comes first; counts one attempt."""
        now = self._clock.monotonic()
        self._ask(lambda queue: queue.unconfirmed((sequence, epoch), not_before_mono, now), None)

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        """All events of the epoch up to ``upto``, and those in ``also``, need not be sent again.

        Only those are meant that were sent. A confirmation that names what was never allotted is not
        believed at all. Deletes one range a priority, with the next transaction.
        """
        ask = self._ask
        return ask(lambda queue: queue.confirmed(epoch, upto, also), Confirmation.UNKNOWN_EPOCH)

    def come_again(self, mono: float) -> None:
        """From then on give everything again that was deferred, without waiting for its own time."""
        self._ask(lambda queue: queue.come_again(mono), None)

    def pending_media(self) -> Media | None:
        """The next picture that is not deferred and whose event is delivered."""
        now = self._clock.monotonic()
        return self._ask(lambda queue: queue.pending_media(now), None)

    def media_delivered(self, media_id: str) -> None:
        """The picture needs not be sent again."""
        self._ask(lambda queue: queue.media_delivered(media_id), None)

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        """Keep the picture back until ``not_before_mono``."""
        self._ask(lambda queue: queue.defer_media(media_id, not_before_mono), None)

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
                if self._is_open:
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
            if self._is_open:
                self._failover.restore()

    def stats(self) -> OutboxStats:
        """For health."""
        self.maintain()
        now = self._clock.monotonic()
        figures = self._ask(lambda queue: queue.stats(self._failover.degraded, now), None)
        if figures is None:  # the disk could not be read and was given up: what is left
            with self._lock:
                figures = self._queue.stats(self._failover.degraded, now)
        return figures

    # --- inside: the commit lock is held ---

    def _store_next(self) -> None:
        batch = [self._appended.popleft() for _ in range(min(len(self._appended), MAX_BATCH))]
        self._committing = len(batch)
        try:
            if not self._is_open:
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

    def _tell(self, stored: list[StoredEvent]) -> None:
        if self._follower is not None:
            for event in stored:
                self._follower.stored(event)

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

    # --- inside: takes the locks itself ---

    def _ask(self, question: Callable[[SendQueue], T], otherwise: T) -> T:
        """Ask the queue, locked. A disk that cannot be read is given up, and the answer is ``otherwise``."""
        disk: DiskStore | None = None
        try:
            with translated(self._path), self._lock:
                disk = self._queue.disk
                return question(self._queue)
        except StoreDamaged as error:
            with self._commit_lock, self._lock:
                self._failover.start_over(disk, error)
        except OutboxError as error:
            with self._commit_lock, self._lock:
                self._failover.give_up(disk, error)
        return otherwise

    def _save(self, media: Media) -> bool:
        try:
            self._files.save(media.media_id, media.payload)
        except OSError as error:
            log.warning("media %s: cannot be stored (%s), waits in memory", media.media_id, error.strerror)
            return False
        return True
