"""The outbox: an event is on disk when ``append`` returns, and stays there until it is delivered.

Threads: ``append`` and ``stats`` may be called from any thread, the methods for sending only from the
publisher's. ``writer.py`` writes to the disk; ``send_queue.py`` decides which event is sent next.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import (
    MAX_MESSAGE_BYTES,
    Confirmation,
    Draft,
    EventFollower,
    Media,
    OpenEvent,
    Stamp,
)
from edge_agent.core.errors import OutboxError
from edge_agent.core.model import Severity
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.failover import Failover
from edge_agent.outbox.media import MediaFiles, unwritten
from edge_agent.outbox.send_queue import SendQueue
from edge_agent.outbox.sqlite.transaction import EncodeLoss
from edge_agent.outbox.stores import Stores
from edge_agent.outbox.writer import OutboxWriter
from edge_agent.wire import OutboxHealth

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 0.5
RENUMBER_EVERY_S = 3600.0
"""Minimum time between two new epochs: wrong confirmations of a centre must not keep the disk busy."""
CHAIN_HEAD = "chain-head"
Restamp = Callable[[bytes, Stamp], bytes]


class EventOutbox(SendQueue):
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
        lock = threading.RLock()  # protects the stores and the failover
        stores = Stores()
        self._files = files = MediaFiles(state_dir / "media")
        self._failover = Failover(
            stores,
            state_dir=state_dir,
            max_bytes=max_bytes,
            clock=clock,
            boot_id=boot_id,
            encode_loss=encode_loss,
        )
        writer = OutboxWriter(lock, stores, self._failover, files, clock, follower)
        super().__init__(self._failover.path, stores, writer, lock, clock)
        self._restamp = restamp
        self._renumbered_mono: float | None = None

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
            memory = self._stores.memory
            log.error(
                "outbox: the disk has not finished after %s s, stopping without it: %d events not stored "
                "yet, %d only in memory, %d delivered ones not deleted, which are sent again",
                timeout_s,
                self._writer.unstored,
                memory.depth if memory is not None else 0,
                self._stores.pending_delete_count,
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
            return self._stores.open_events.left_open()

    def has_open(self) -> bool:
        """Return whether an event has started and not ended."""
        with self._lock:
            return bool(self._stores.open_events.all())

    def forget_open(self, event_id: str) -> None:
        """Stop reporting this event in ``left_open``, although its end was not appended."""
        self._writer.forget_open(event_id)

    # --- appending: any thread ---

    def append(self, draft: Draft) -> Stamp:
        """Store the event and its picture; both are durable when this returns, unless health says degraded.

        Blocks for one or two commits. If the disk does not answer for 5 s, the event is kept in memory.
        Raises what ``draft.encode`` raises, and OutboxError when the outbox is not open, or when the disk
        cannot take a picture that is too large for a message.
        """
        (request,) = self._append([draft])
        if request.error is not None:
            raise request.error
        assert request.stamp is not None
        return request.stamp

    def append_all(self, drafts: Sequence[Draft]) -> list[Stamp | None]:
        """Store the events in this order, mostly in one commit; the result has None for an event that the
        outbox could not store.

        Blocks like ``append``. Raises what a ``draft.encode`` raises, after the other events are stored.
        """
        requests = self._append(drafts)
        for request in requests:
            if request.error is not None and not isinstance(request.error, OutboxError):
                raise request.error
        return [None if request.error is not None else request.stamp for request in requests]

    def _append(self, drafts: Sequence[Draft]) -> list[AppendRequest]:
        """Store the events, and return their requests when all are done."""
        requests = [self._request(draft) for draft in drafts]
        self._writer.append(requests)
        self.wake()
        return requests

    def _request(self, draft: Draft) -> AppendRequest:
        request = AppendRequest(draft, self._clock.monotonic())
        media = draft.media
        if media is not None and len(media.payload) > MAX_MESSAGE_BYTES and self._writer.is_open:
            # Not on the writer's thread: events of other threads would wait for this write there.
            self._save_large(media)
            request.media_saved = True
        return request

    # --- confirmations of the centre: the publisher's thread ---

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        """Delete what the centre confirms; see ``SendQueue.confirmed``.

        If it confirms numbers that were never assigned, the database may have been replaced by an older copy:
        then a new epoch begins and the events of this run get new numbers.
        """
        result = super().confirmed(epoch, upto, also)
        now = self._clock.monotonic()
        if result is Confirmation.BEYOND and (
            self._renumbered_mono is None or now - self._renumbered_mono >= RENUMBER_EVERY_S
        ):
            self._renumbered_mono = now
            self._renumber(epoch)
        return result

    # --- any thread ---

    def maintain(self) -> None:
        """Commit deletions that are due, retry a failed disk, and check that the files still exist."""
        self._writer.maintain()

    def stats(self) -> OutboxHealth:
        """Return the numbers that health reports."""
        self.maintain()
        now = self._clock.monotonic()
        with self._reading():
            return self._stores.stats(self._failover.degraded, now)
        with self._lock:  # the disk could not be read and was closed: report the memory alone
            return self._stores.stats(self._failover.degraded, now)

    def _save_large(self, media: Media) -> None:
        """Store a file that memory cannot hold. Raises OutboxError, and leaves nothing behind."""
        self._files.save_large(media.media_id, media.payload)
        if self._stores.memory is not None:  # then the database would get no row for the file
            self._files.remove([media.media_id])
            raise unwritten(media.payload)

    def _renumber(self, epoch: str) -> None:
        """Begin an epoch, and store in it again what this run has stored in ``epoch``.

        The centre has other events under these numbers; an older centre discards new ones as duplicates.
        """
        if self._restamp is None or not self._writer.begin_epoch(epoch):
            return
        rows = self._rows_of_this_run(epoch)
        log.error(
            "outbox: the centre has events of epoch %s that were never stored here: the database is an "
            "older copy; %d events get new numbers",
            epoch,
            len(rows),
        )
        for row in rows:
            event = self._stored_event(row)
            if event is None:
                continue
            if event.kind != CHAIN_HEAD:  # it signs an old number; the events are signed again
                severity = next(each for each in Severity if each.number == event.priority)
                encode = partial(self._restamp, event.payload)
                self.append(Draft(event.camera, event.kind, severity, encode))
            self.delivered(*event.key)
