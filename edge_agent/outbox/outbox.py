"""The outbox: an event is on disk when ``append`` returns, and stays there until it is delivered.

Threads: ``append`` from any thread; ``pending`` to ``wait_for_news`` from the one publisher.
Group commit: whoever comes first commits at once, and what arrives during a commit shares the next.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType

from edge_agent.clock import Clock
from edge_agent.errors import OutboxError
from edge_agent.model import Draft, Media, OpenEvent, OutboxStats, Stamp, StoredEvent
from edge_agent.outbox.backlog import Backlog
from edge_agent.outbox.database import StoreDamaged, StoreUnusable, translated
from edge_agent.outbox.disk import FILE_NAME, DiskStore, EncodeLoss, Owed
from edge_agent.outbox.epochs import new_epoch
from edge_agent.outbox.media import MediaFiles
from edge_agent.outbox.memory import MemoryMedia, MemoryStore
from edge_agent.outbox.order import Rank
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
MAX_OWED_IN_MEMORY = 10_000
"""Delivered events that could not be deleted: beyond this the backlog of a full disk waits."""

Key = tuple[int, str]
"""(sequence, epoch) of an event."""


class Outbox:
    """Bounded store of events and their pictures. Opens nothing before ``open()`` or ``with``."""

    def __init__(
        self, state_dir: Path, *, max_bytes: int, clock: Clock, boot_id: str, encode_loss: EncodeLoss
    ) -> None:
        self._state_dir = state_dir
        self._max_bytes = max_bytes
        self._clock = clock
        self._boot_id = boot_id
        self._encode_loss = encode_loss
        self._files = MediaFiles(state_dir / "media")
        self._queue: deque[Ticket] = deque()
        # Held for one transaction: what is written, and the change between disk and memory.
        self._commit_lock = threading.Lock()
        # Everything below it; taken inside the commit lock, never the other way round.
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._something_new = False
        self._disk: DiskStore | None = None
        self._backlog = Backlog()
        self._memory: MemoryStore | None = None
        self._memory_backlog = Backlog()
        self._memory_media = MemoryMedia()
        self._owed_media: set[int] = set()
        self._media_not_before: dict[str, float] = {}
        self._owed_since: float | None = None
        self._retry_mono = 0.0
        self._failing: str | None = None  # why the disk is not used
        self._notice: str | None = None  # why an epoch was begun, until the agent restarts
        self._shed_before = 0  # by stores that are closed
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
                self._disk = self._open_store()
                self._left_open = self._disk.open_events()
            except StoreUnusable as error:
                self._use_memory(error)

    def close(self) -> None:
        """Delete what is owed and close. Nothing may be appended any more."""
        with self._commit_lock:
            if self._memory is None or self._disk_ready():
                self._store([])
            with self._lock:
                if self._memory is not None and self._memory.depth:
                    log.error("outbox: %d events that only memory held are lost", self._memory.depth)
                if self._disk is not None:
                    self._disk.close()
                    self._disk = None
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

    # --- appending: any thread ---

    def append(self, draft: Draft) -> Stamp:
        """Store the event and its picture; durable when this returns, unless health says degraded.

        Blocks for one or two commits. Raises only what ``draft.encode`` raises.
        """
        ticket = Ticket(draft, self._clock.monotonic())
        ticket.media_saved = draft.media is not None and self._save(draft.media)
        self._queue.append(ticket)
        with self._commit_lock:
            # Another thread may have committed it while this one waited for the lock.
            while not ticket.done:
                self._store([self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))])
        if ticket.error is not None:
            if draft.media is not None:
                self._files.remove([draft.media.media_id])
            raise ticket.error
        assert ticket.stamp is not None
        return ticket.stamp

    # --- sending: the publisher's thread ---

    def pending(self, limit: int, exclude: Collection[Key] = frozenset()) -> list[StoredEvent]:
        """Up to ``limit`` events to send now: by priority, then oldest first.

        ``exclude`` names those already in flight. An event is given again by every call until
        ``delivered`` or ``deferred`` says otherwise.
        """
        try:
            with translated(self._state_dir / FILE_NAME), self._lock:
                return self._pending(limit, exclude)
        except OutboxError as error:
            self._reading_failed(error)
            return []

    def delivered(self, sequence: int, epoch: str) -> None:
        """The event needs not be sent again. Unknown events are ignored."""
        try:
            with translated(self._state_dir / FILE_NAME), self._lock:
                self._delivered(sequence, epoch)
        except OutboxError as error:
            self._reading_failed(error)

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Keep the event back until ``not_before_mono``; counts one attempt."""
        now = self._clock.monotonic()
        with self._news:
            if self._memory is not None and epoch == self._memory.epoch:
                row = self._memory.find(sequence)
                backlog = self._memory_backlog
            else:
                row = self._find_on_disk(sequence, epoch)
                backlog = self._backlog
            if row is not None:
                backlog.defer(row, not_before_mono, now)

    def pending_media(self, limit: int = 1, exclude: Collection[str] = frozenset()) -> list[Media]:
        """Up to ``limit`` pictures whose event is delivered; ``exclude`` holds media ids."""
        try:
            with translated(self._state_dir / FILE_NAME), self._lock:
                return self._pending_media(limit, exclude)
        except OutboxError as error:
            self._reading_failed(error)
            return []

    def media_delivered(self, media_id: str) -> None:
        """The picture needs not be sent again."""
        try:
            with translated(self._state_dir / FILE_NAME), self._lock:
                self._media_not_before.pop(media_id, None)
                if self._memory_media.remove(media_id) or self._disk is None:
                    return
                row = self._disk.find_media(media_id)
                if row is not None:
                    self._owed_media.add(row)
                    self._note_owed()
        except OutboxError as error:
            self._reading_failed(error)

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        """Keep the picture back until ``not_before_mono``."""
        with self._lock:
            self._media_not_before[media_id] = not_before_mono

    def wait_for_news(self, timeout_s: float) -> bool:
        """Block until there may be something new to send, or ``wake()``; False after ``timeout_s``.

        Also does the work that waits for a quiet moment: deletions, and the way back to the disk.
        """
        deadline = self._clock.monotonic() + timeout_s
        while True:
            self._maintain()
            with self._news:
                now = self._clock.monotonic()
                if self._something_new or self._came_due(now):
                    self._something_new = False
                    return True
                if now >= deadline:
                    return False
                self._news.wait(max(0.0, min(deadline, self._next_work_mono()) - now))

    def wake(self) -> None:
        """Let ``wait_for_news`` return True at once, now or when it is next called."""
        with self._news:
            self._something_new = True
            self._news.notify_all()

    def stats(self) -> OutboxStats:
        """For health; any thread."""
        try:
            with translated(self._state_dir / FILE_NAME), self._lock:
                return self._stats()
        except OutboxError as error:
            self._reading_failed(error)
            with self._lock:
                return self._stats()

    # --- inside: the commit lock is held ---

    def _store(self, batch: list[Ticket]) -> None:
        for _ in range(2):  # a damaged file is replaced, and the second try goes to the new one
            if not self._disk_ready() or self._write(batch):
                break
        with self._news:
            if self._memory is not None:
                for ticket in batch:
                    self._memory.write(ticket)
                self._memory.announce(self._clock.monotonic())
            for ticket in batch:
                self._keep_loose_media(ticket)
                ticket.done = True
            if batch:
                self._something_new = True
                self._news.notify_all()

    def _write(self, batch: list[Ticket]) -> bool:
        """One transaction; False when the disk did not take it."""
        assert self._disk is not None
        owed = self._owed()
        try:
            self._disk.write(batch, owed, self._clock.monotonic())
        except StoreDamaged as error:
            self._start_over(error)
            return False
        except StoreUnusable as error:
            with self._lock:
                self._use_memory(error)
            return False
        self._settle(owed)
        return True

    def _disk_ready(self) -> bool:
        """Whether events go to the disk now; tries the way back when it is time."""
        if self._memory is None:
            return True
        now = self._clock.monotonic()
        if now < self._retry_mono:
            return False
        self._retry_mono = now + RETRY_DISK_S
        try:
            if shutil.disk_usage(self._state_dir).free < MIN_FREE_BYTES:
                return False
            self._return_to_disk(self._memory)
        except (OutboxError, OSError) as error:
            log.debug("outbox: disk still not usable: %s", error)
            return False
        return True

    def _return_to_disk(self, memory: MemoryStore) -> None:
        with self._lock:
            self._close_disk()
            self._disk = self._open_store()
            owed = self._owed()
            rows = self._disk.adopt(memory, owed)
            self._settle(owed)
            self._memory, self._memory_backlog = None, Backlog()
            self._shed_before += memory.shed
            log.warning(
                "outbox: on disk again, epoch %s, %d events kept", self._disk.epochs.current.name, len(rows)
            )
            self._failing = None

    def _use_memory(self, error: OutboxError) -> None:
        self._retry_mono = self._clock.monotonic() + RETRY_DISK_S
        if self._memory is None:
            self._memory = MemoryStore(new_epoch(), self._encode_loss)
            self._failing = (
                f"{error}; events wait in memory only, the disk is tried every {RETRY_DISK_S:.0f} s"
            )
            log.error("outbox: %s; epoch %s", self._failing, self._memory.epoch)

    def _start_over(self, error: StoreDamaged) -> None:
        with self._lock:
            self._close_disk()
            try:
                self._replace(error)
                self._disk = self._open_store()
            except (OutboxError, OSError) as second:
                self._use_memory(StoreUnusable(f"{error}; {second}"))

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
        return self._new_store()

    def _new_store(self) -> DiskStore:
        return DiskStore(self._state_dir, self._max_bytes, self._boot_id, self._encode_loss)

    def _replace(self, error: OutboxError) -> None:
        """Set the file aside. What it held is lost to the centre, and the new epoch says so."""
        path = self._state_dir / FILE_NAME
        try:
            target = set_aside(path, self._clock.now())
        except OSError as second:
            raise StoreUnusable(f"{error}; it cannot be set aside: {second.strerror}") from second
        self._notice = f"{error}; set aside as {target.name}, a new epoch has begun"
        log.error("outbox: %s", self._notice)
        self._backlog = Backlog()
        self._owed_media.clear()

    def _close_disk(self) -> None:
        if self._disk is not None:
            self._shed_before += self._disk.tally.shed
            self._disk.close()
            self._disk = None

    def _maintain(self) -> None:
        with self._lock:
            due = self._next_flush_mono() <= self._clock.monotonic() or self._owed_count() >= FLUSH_AT
        if due:
            with self._commit_lock:
                self._store([])

    # --- inside: takes the lock itself ---

    def _owed(self) -> Owed:
        with self._lock:
            return Owed(frozenset(self._backlog.owed), frozenset(self._owed_media))

    def _settle(self, owed: Owed) -> None:
        with self._lock:
            self._backlog.owed -= owed.events
            self._owed_media -= owed.media
            self._owed_since = self._clock.monotonic() if self._owed_count() else None

    def _save(self, media: Media) -> bool:
        try:
            self._files.save(media.media_id, media.payload)
        except OSError as error:
            log.warning("media %s: cannot be stored (%s), waits in memory", media.media_id, error.strerror)
            return False
        return True

    def _reading_failed(self, error: OutboxError) -> None:
        log.error("outbox: reading failed: %s", error)
        with self._commit_lock:
            if isinstance(error, StoreDamaged):
                self._start_over(error)
                return
            with self._lock:
                self._close_disk()
                self._use_memory(error)

    # --- inside: the lock is held ---

    def _pending(self, limit: int, exclude: Collection[Key]) -> list[StoredEvent]:
        now = self._clock.monotonic()
        self._backlog.advance(now)
        self._memory_backlog.advance(now)
        found: list[StoredEvent] = []
        for rank in Rank:
            events = chain(self._disk_events(rank), self._memory_events(rank))
            for event in events:
                if len(found) == limit:
                    return found
                if event.key not in exclude:
                    found.append(event)
        return found

    def _disk_events(self, rank: Rank) -> Iterator[StoredEvent]:
        disk, backlog = self._disk, self._backlog
        if disk is None or (self._memory is not None and len(backlog.owed) > MAX_OWED_IN_MEMORY):
            return
        rows = disk.rows(rank, backlog.passed(rank))
        for row in _merged(backlog.due(rank), backlog.fresh(rank, rows)):
            event = disk.load(row, backlog.attempts(row))
            if event is None:
                backlog.forget(row)
            else:
                yield event

    def _memory_events(self, rank: Rank) -> Iterator[StoredEvent]:
        memory, backlog = self._memory, self._memory_backlog
        if memory is None:
            return
        for row in _merged(backlog.due(rank), backlog.fresh(rank, iter(memory.rows(rank)))):
            event = memory.load(row, backlog.attempts(row))
            if event is None:
                backlog.forget(row)
            else:
                yield event

    def _delivered(self, sequence: int, epoch: str) -> None:
        if self._memory is not None and epoch == self._memory.epoch:
            row = self._memory.find(sequence)
            if row is not None:
                self._memory.remove(row)
                self._memory_backlog.forget(row)
            return
        row = self._find_on_disk(sequence, epoch)
        if row is not None:
            self._backlog.forget(row)
            self._backlog.owed.add(row)
            self._note_owed()

    def _find_on_disk(self, sequence: int, epoch: str) -> int | None:
        return self._disk.find(sequence, epoch) if self._disk is not None else None

    def _waits(self, key: Key) -> bool:
        """Whether that event still has to be delivered."""
        if self._memory is not None and key[1] == self._memory.epoch:
            return self._memory.find(key[0]) is not None
        row = self._find_on_disk(*key)
        return row is not None and row not in self._backlog.owed

    def _pending_media(self, limit: int, exclude: Collection[str]) -> list[Media]:
        now = self._clock.monotonic()
        found: list[Media] = []
        for media in chain(self._loose_media(), self._disk_media()):
            if len(found) == limit:
                break
            if media.media_id not in exclude and self._media_not_before.get(media.media_id, now) <= now:
                found.append(media)
        return found

    def _loose_media(self) -> Iterator[Media]:
        for key, media in self._memory_media.items():
            if not self._waits(key):
                yield media

    def _disk_media(self) -> Iterator[Media]:
        if self._disk is None:
            return
        for row, event_stored in list(self._disk.media_rows()):
            if row in self._owed_media or (event_stored and row not in self._backlog.owed):
                continue
            media = self._disk.load_media(row)
            if media is not None:
                yield media
            else:
                self._owed_media.add(row)
                self._note_owed()

    def _keep_loose_media(self, ticket: Ticket) -> None:
        media = ticket.draft.media
        if media is None or ticket.stamp is None:
            return
        if not ticket.media_saved or self._memory is not None:
            self._memory_media.add((ticket.stamp.sequence, ticket.stamp.epoch), media)
            self._files.remove([media.media_id])  # a file without a row would be an orphan

    def _stats(self) -> OutboxStats:
        disk, memory = self._disk, self._memory
        depth = disk.tally.depth - len(self._backlog.owed) if disk else 0
        size = disk.bytes_used() if disk else 0
        media_depth = len(self._memory_media) + (disk.tally.media - len(self._owed_media) if disk else 0)
        shed = self._shed_before + (disk.tally.shed if disk else 0) + (memory.shed if memory else 0)
        if memory is not None:
            sequence, epoch = memory.sequence, memory.epoch
            depth, size = depth + memory.depth, size + memory.bytes + self._memory_media.bytes
        else:
            sequence, epoch = (disk.sequence, disk.epochs.current.name) if disk else (0, "")
        degraded = self._failing or self._notice
        return OutboxStats(depth, size, self._oldest_s(), sequence, epoch, media_depth, degraded, shed)

    def _oldest_s(self) -> float:
        now = self._clock.monotonic()
        ages = [0.0]
        if self._memory is not None and (mono := self._memory.oldest_mono()) is not None:
            ages.append(now - mono)
        if self._disk is not None:
            skip = frozenset(self._backlog.owed)
            for this_boot, mono in filter(None, (self._disk.oldest(rank, skip) for rank in Rank)):
                # Another boot's clock says nothing now, except that it is older than this boot.
                ages.append(now - mono if this_boot else now)
        return max(ages)

    def _came_due(self, now: float) -> bool:
        media_due = [media_id for media_id, t in self._media_not_before.items() if t <= now]
        for media_id in media_due:
            del self._media_not_before[media_id]
        # Both must advance: no short circuit.
        return any([self._backlog.advance(now), self._memory_backlog.advance(now), bool(media_due)])

    def _next_work_mono(self) -> float:
        """When there is a flush or a retry to do, or something deferred comes back."""
        times = [self._backlog.next_due_mono(), self._memory_backlog.next_due_mono()]
        times += [self._next_flush_mono(), *self._media_not_before.values()]
        return min(t for t in times if t is not None)

    def _next_flush_mono(self) -> float:
        if self._memory is not None:
            return self._retry_mono
        return self._owed_since + FLUSH_AFTER_S if self._owed_since is not None else float("inf")

    def _owed_count(self) -> int:
        return len(self._backlog.owed) + len(self._owed_media)

    def _note_owed(self) -> None:
        if self._owed_since is None:
            self._owed_since = self._clock.monotonic()

    def _lock_state_dir(self) -> None:
        try:
            self._state_dir.mkdir(parents=True, exist_ok=True)
            self._lock_file = os.open(
                self._state_dir / "outbox.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock_file) if self._lock_file is not None else None
            self._lock_file = None
            raise OutboxError(f"{self._state_dir}: another agent uses it; nothing was started") from error
        except OSError as error:
            # A full or read-only disk is not a second agent: go on, open() deals with it.
            log.warning("outbox: no lock on %s: %s", self._state_dir, error.strerror)


def _merged(due: list[int], fresh: Iterator[int]) -> Iterator[int]:
    """Both ascending, ascending. What came due and is new are never the same row."""
    waiting = iter(due)
    following = next(waiting, None)
    for row in fresh:
        while following is not None and following < row:
            yield following
            following = next(waiting, None)
        yield row
    while following is not None:
        yield following
        following = next(waiting, None)


def _is_read_only(error: OutboxError) -> bool:
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    return (code is not None and code & 0xFF == 8) or getattr(cause, "errno", None) == errno.EROFS
