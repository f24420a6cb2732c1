"""The outbox: an event is on disk when ``append`` returns, and stays there until it is delivered.

Threads: ``append`` and ``stats`` may be called from any thread, the sending verbs only from the publisher's.
``writer.py`` writes to the disk; ``send_queue.py`` decides which event is sent next.
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
from edge_agent.outbox.failover import Failover
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.memory import OpenEvents
from edge_agent.outbox.send_queue import Key, SendQueue
from edge_agent.outbox.sqlite.database import translated
from edge_agent.outbox.sqlite.disk import FILE_NAME, DiskStore
from edge_agent.outbox.sqlite.transaction import EncodeLoss
from edge_agent.outbox.state_lock import StateLock
from edge_agent.outbox.writer import OutboxWriter

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 0.5
RENUMBER_EVERY_S = 3600.0
"""Minimum time between two new epochs: wrong confirmations of a centre must not keep the disk busy."""
CHAIN_HEAD = "chain-head"
Restamp = Callable[[bytes, Stamp], bytes]

T = TypeVar("T")


class EventOutbox:
    """Bounded store of events and their pictures. Opens no file before ``open()`` or ``with``.

    ``encode_loss`` makes the payload of a ``loss`` event; it runs on any appending thread. ``follower``
    receives every event that is stored. ``restamp`` encodes a payload again under another stamp; it is needed
    when the database was replaced by an older copy while the agent runs.
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
        self._wakeup = threading.Event()
        self._lock = threading.RLock()  # protects the queue, the open events and the failover
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

    # --- opening and closing ---

    def open(self) -> None:
        """Open the database, or create it. If the disk fails, events are kept in memory; this is no error.

        Raises OutboxError when another process uses this state directory.
        """
        self._writer.open()

    def shorten_timeouts(self) -> None:
        """Use the short disk timeout from now on, because the agent stops."""
        self._writer.shorten_timeouts()

    def close(self, timeout_s: float | None = CLOSE_TIMEOUT_S) -> None:
        """Store all appended events, delete the delivered ones, and close. Raises nothing.

        After ``timeout_s`` (None: no limit) it returns although the disk has not finished, and logs an error.
        The writer thread still closes the database when the disk answers before the process ends.
        """
        if not self._writer.close(timeout_s):
            # Without the lock: the writer may hold it. These numbers are only for the log.
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
        """Return the events that were still open when an earlier run of the agent died.

        Append the end of each with ``closes``; until then every call returns it. If the disk fails at the
        start, they are returned once it works again.
        """
        with self._lock:
            return self._open_events.left_open()

    def has_open(self) -> bool:
        """Return whether an event has started and not ended."""
        with self._lock:
            return bool(self._open_events.all())

    def forget_open(self, event_id: str) -> None:
        """Stop reporting this event in ``left_open``, although its end was not appended."""
        self._writer.forget_open(event_id)

    # --- appending: any thread ---

    def append(self, draft: Draft) -> Stamp:
        """Store the event and its picture; both are durable when this returns, unless health says degraded.

        Blocks for one or two commits. If the disk does not answer for 5 s, the event is kept in memory.
        Raises what ``draft.encode`` raises, and OutboxError when the outbox is not open.
        """
        request = AppendRequest(draft, self._clock.monotonic())
        self._writer.append(request)
        self.wake()
        if request.error is not None:
            raise request.error
        assert request.stamp is not None
        return request.stamp

    # --- sending: the publisher's thread ---

    def pending(
        self, limit: int, exclude: Collection[Key] = frozenset(), max_resends: int = sys.maxsize
    ) -> list[StoredEvent]:
        """Return up to ``limit`` events to send now: by priority, then oldest first.

        Every call returns an event again until ``delivered`` or ``deferred`` is called for it; ``exclude``
        leaves out those in flight. At most ``max_resends`` of them are resends: stored by an earlier run or
        deferred before. Also runs ``maintain``.
        """
        self.maintain()
        now = self._clock.monotonic()
        return self._ask(lambda queue: queue.pending(limit, exclude, now, max_resends), [])

    def delivered(self, sequence: int, epoch: str) -> None:
        """Delete the event: it does not have to be sent again. Unknown events are ignored."""
        self._ask(lambda queue: queue.delivered((sequence, epoch)), None)

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Do not return the event from ``pending`` before ``not_before_mono``; counts one attempt."""
        now = self._clock.monotonic()
        self._ask(lambda queue: queue.defer((sequence, epoch), not_before_mono, now), None)

    def sent(self, event: StoredEvent) -> None:
        """Record that the event was sent: from now on ``confirmed`` can delete it."""
        self._ask(lambda queue: queue.sent(event), None)

    def unconfirmed(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Keep an event that the broker acknowledged until the centre confirms it.

        ``pending`` returns it again from ``not_before_mono`` on; counts one attempt.
        """
        now = self._clock.monotonic()
        self._ask(lambda queue: queue.unconfirmed((sequence, epoch), not_before_mono, now), None)

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        """Delete the events of the epoch up to ``upto`` and those in ``also``, as far as they were sent.

        A confirmation of numbers that this outbox never assigned deletes nothing. It can be true if the
        database was replaced by an older copy: then a new epoch begins and events get new numbers. The next
        transaction deletes one range of rows for each priority.
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
        """Return the next picture that is not deferred and whose event is delivered."""
        now = self._clock.monotonic()
        return self._ask(lambda queue: queue.pending_media(now), None)

    def media_delivered(self, media_id: str) -> None:
        """Delete the picture: it does not have to be sent again."""
        self._ask(lambda queue: queue.media_delivered(media_id), None)

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        """Do not return the picture from ``pending_media`` before ``not_before_mono``."""
        self._ask(lambda queue: queue.defer_media(media_id, not_before_mono), None)

    def wait_for_work(self, timeout_s: float) -> bool:
        """Block until an event is appended or ``wake`` is called, at most ``timeout_s``.

        Returns False on a timeout. Returns at once if either happened since the last call.
        """
        woken = self._wakeup.wait(timeout_s)
        self._wakeup.clear()
        return woken

    # --- any thread ---

    def wake(self) -> None:
        """Let ``wait_for_work`` return, now or when it is next called."""
        self._wakeup.set()

    def maintain(self) -> None:
        """Commit deletions that are due, retry a failed disk, and check that the files still exist."""
        self._writer.maintain()

    def stats(self) -> OutboxStats:
        """Return the numbers that health reports."""
        self.maintain()
        now = self._clock.monotonic()
        figures = self._ask(lambda queue: queue.stats(self._failover.degraded, now), None)
        if figures is None:  # the disk could not be read and was closed: report the memory alone
            with self._lock:
                figures = self._queue.stats(self._failover.degraded, now)
        return figures

    # --- inside ---

    def _renumber(self, epoch: str) -> None:
        """Begin an epoch, and store in it again what this run has stored in ``epoch``.

        The centre has other events under these numbers; an older centre would discard ours as duplicates.
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
            if event.kind != CHAIN_HEAD:  # it signs an old number; the events are signed again
                severity = next(each for each in Severity if each.number == event.priority)
                encode = partial(self._restamp, event.payload)
                self.append(Draft(event.camera, event.kind, severity, encode))
            self.delivered(*event.key)

    def _ask(self, question: Callable[[SendQueue], T], otherwise: T) -> T:
        """Call ``question`` under the lock. If the disk cannot be read, close it and return ``otherwise``."""
        disk: DiskStore | None = None
        try:
            with translated(self._path), self._lock:
                disk = self._queue.disk
                return question(self._queue)
        except OutboxError as error:
            self._writer.read_failed(disk, error)
        return otherwise
