"""The outbox: an event is on disk when ``append`` returns, and stays there until it is delivered.

Threads: ``append`` and ``stats`` from any thread; what has to do with sending from the one publisher.
How it is written: ``writer.py``; what is sent next: ``send_queue.py``.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import (
    Confirmation,
    Draft,
    EventFollower,
    Media,
    OpenEvent,
    OutboxStats,
    Stamp,
    StoredEvent,
)
from edge_agent.core.errors import OutboxError
from edge_agent.core.model import Severity
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.bookkeeping.open_events import OpenEvents
from edge_agent.outbox.failover import Failover
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.send_queue import Key, SendQueue
from edge_agent.outbox.sqlite.database import translated
from edge_agent.outbox.sqlite.disk import FILE_NAME, DiskStore
from edge_agent.outbox.sqlite.transaction import EncodeLoss
from edge_agent.outbox.state_lock import StateLock
from edge_agent.outbox.writer import OutboxWriter

log = logging.getLogger(__name__)

CLOSE_WITHIN_S = 0.5
RENUMBER_EVERY_S = 3600.0
"""A centre that lies must not keep the disk busy."""
CHAIN_HEAD = "chain-head"
Restamp = Callable[[bytes, Stamp], bytes]

T = TypeVar("T")


class EventOutbox:
    """Bounded store of events and their pictures. Opens nothing before ``open()`` or ``with``.

    ``encode_loss`` makes the payload of a ``loss`` event; it runs on any appending thread. ``follower`` is
    told of every event that is stored. ``restamp`` gives a payload another stamp; it is needed where the
    database goes back while the agent runs.
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
        restamp: Restamp | None = None,
    ) -> None:
        self._path = state_dir / FILE_NAME
        self._clock = clock
        self._restamp = restamp
        self._renumbered_mono: float | None = None
        self._news = threading.Event()
        self._lock = threading.RLock()  # protects the two below, and what of them is stored
        self._queue = SendQueue()
        self._open_events = OpenEvents()
        state_lock = StateLock(state_dir)
        self._failover = Failover(
            self._queue,
            self._open_events,
            state_dir=state_dir,
            state_lock=state_lock,
            max_bytes=max_bytes,
            clock=clock,
            boot_id=boot_id,
            encode_loss=encode_loss,
        )
        self._writer = OutboxWriter(
            self._lock,
            self._queue,
            self._open_events,
            self._failover,
            path=self._path,
            state_lock=state_lock,
            files=MediaFiles(state_dir / "media"),
            clock=clock,
            follower=follower,
        )

    # --- life ---

    def open(self) -> None:
        """Open or make the file. A disk that fails is no error: events then wait in memory.

        Raises OutboxError when another process uses this state directory.
        """
        self._writer.open()

    def hasten(self) -> None:
        """The agent is asked to stop: from now on a disk that does not answer is passed over at once."""
        self._writer.hasten()

    def close(self, timeout_s: float | None = CLOSE_WITHIN_S) -> None:
        """Store what was appended, delete what is owed, and close; raises nothing.

        A disk that takes longer than ``timeout_s`` (None: as long as it takes) is left behind with a
        line in the log. It is closed all the same when it is done, should the process still live then.
        """
        if not self._writer.close(timeout_s):
            # Not locked: the locks are what does not come free. Figures for a line in the log.
            memory = self._queue.memory
            log.error(
                "outbox: the disk is not done after %s s, stopping without it: %d events not stored yet, "
                "%d only in memory, %d delivered ones not deleted, which are sent again",
                timeout_s,
                self._writer.unstored,
                memory.depth if memory is not None else 0,
                self._queue.pending_delete_count,
            )

    def __enter__(self) -> EventOutbox:
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
            return self._open_events.left_open()

    def has_open(self) -> bool:
        """Whether something has begun that has not ended."""
        with self._lock:
            return bool(self._open_events.all())

    def forget_open(self, event_id: str) -> None:
        """Never report this event as left open again, although no end of it was appended."""
        self._writer.forget_open(event_id)

    # --- appending: any thread ---

    def append(self, draft: Draft) -> Stamp:
        """Store the event and its picture; durable when this returns, unless health says degraded.

        Blocks for one or two commits. A disk that does not answer for 5 s is passed over: then the event is
        in memory. Raises what ``draft.encode`` raises, and OutboxError when the outbox is not open.
        """
        ticket = AppendRequest(draft, self._clock.monotonic())
        self._writer.append(ticket)
        self.wake()
        if ticket.error is not None:
            raise ticket.error
        assert ticket.stamp is not None
        return ticket.stamp

    # --- sending: the publisher's thread ---

    def pending(
        self, limit: int, exclude: Collection[Key] = frozenset(), max_resends: int = sys.maxsize
    ) -> list[StoredEvent]:
        """Up to ``limit`` events to send now: by priority, then oldest first.

        An event is given by every call until ``delivered`` or ``deferred`` says otherwise; ``exclude``
        leaves out those in flight. At most ``max_resends`` of them are resends: stored by an earlier run or
        deferred before. Also runs ``maintain``.
        """
        self.maintain()
        now = self._clock.monotonic()
        return self._ask(lambda queue: queue.pending(limit, exclude, now, max_resends), [])

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
        believed at all; where it is true, the database went back, and events get other numbers. Deletes
        one range a priority, with the next transaction.
        """
        ask = self._ask
        found = ask(lambda queue: queue.confirmed(epoch, upto, also), Confirmation.UNKNOWN_EPOCH)
        now = self._clock.monotonic()
        if found is Confirmation.BEYOND and (
            self._renumbered_mono is None or now - self._renumbered_mono >= RENUMBER_EVERY_S
        ):
            self._renumbered_mono = now
            self._renumber(epoch)
        return found

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        """Make all deferred events due at ``not_before_mono`` unless they are due earlier; with ``hold_back``
        none of them earlier."""
        self._ask(lambda queue: queue.reschedule(not_before_mono, hold_back=hold_back), None)

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
        self._writer.maintain()

    def stats(self) -> OutboxStats:
        """For health."""
        self.maintain()
        now = self._clock.monotonic()
        figures = self._ask(lambda queue: queue.stats(self._failover.degraded, now), None)
        if figures is None:  # the disk could not be read and was given up: what is left
            with self._lock:
                figures = self._queue.stats(self._failover.degraded, now)
        return figures

    # --- inside ---

    def _renumber(self, epoch: str) -> None:
        """Begin an epoch, and store in it once more what this run has stored in ``epoch``.

        The centre has other events under these numbers, and one of an older version throws the second away.
        """
        if self._restamp is None or not self._writer.begin_epoch(epoch):
            return
        none: list[int] = []
        rows = self._ask(lambda queue: queue.of_this_run(epoch), none)
        log.error(
            "outbox: the centre has more of epoch %s than was ever stored here: the database went back; "
            "%d events get other numbers",
            epoch,
            len(rows),
        )
        for row in rows:
            event = self._ask(lambda queue, row=row: queue.load(row), None)  # type: ignore[misc]
            if event is None:
                continue
            if event.kind != CHAIN_HEAD:  # it signs a number that is gone; the events are signed again
                severity = next(each for each in Severity if each.number == event.priority)
                encode = partial(self._restamp, event.payload)
                self.append(Draft(event.camera, event.kind, severity, encode))
            self.delivered(*event.key)

    def _ask(self, question: Callable[[SendQueue], T], otherwise: T) -> T:
        """Ask the queue, locked. A disk that cannot be read is given up, and the answer is ``otherwise``."""
        disk: DiskStore | None = None
        try:
            with translated(self._path), self._lock:
                disk = self._queue.disk
                return question(self._queue)
        except OutboxError as error:
            self._writer.read_failed(disk, error)
        return otherwise
