"""The journal: the exact bytes of all events of the last weeks, to prove an event later.

``<state_dir>/evidence/journal/<YYYY-MM-DD>-<epoch>.jsonl`` has one event per line, as it was published. It is
written once a minute and with each alarm. The day is the gateway's UTC day at the time of writing. A power
cut loses the events since the last write; these are still in the outbox or at the centre.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import StoredEvent
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import sync_folder
from edge_agent.evidence.chain.keys import JOURNAL
from edge_agent.evidence.media_index import EARLIEST, undated

log = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
MAX_WAITING_BYTES = 2_000_000  # in memory while the disk fails; beyond it the oldest events are dropped


class EventJournal:
    """Writes the journal files. ``add`` may be called from any thread, the other methods from one."""

    def __init__(
        self,
        state_dir: Path,
        *,
        max_bytes: int,
        max_age_days: float,
        keep_free: int,
        clock: Clock,
        clock_steady: Callable[[], bool],
        hold_ids: Callable[[], frozenset[str]],
    ) -> None:
        """``keep_free``: bytes of the disk that stay free; ``clock_steady`` is ``ClockSync.steady``;
        ``hold_ids`` returns the events on hold."""
        self._folder = state_dir / JOURNAL
        self._max_bytes = max_bytes
        self._max_age = timedelta(days=max_age_days)
        self._keep_free = keep_free
        self._clock = clock
        self._clock_steady = clock_steady
        self._hold_ids = hold_ids
        self._lock = threading.Lock()  # protects the next four attributes
        self._waiting: deque[StoredEvent] = deque()
        self._waiting_bytes = 0
        self._missed = 0  # events dropped since the agent started
        self._writing = 0  # number of events at the left of _waiting that are being written
        self._failure: str | None = None
        self._complete: Path | None = None  # a file that is known to end with a complete line
        self._untidy: str | None = None  # the last failure to date or remove old files
        self._mentions: dict[str, tuple[object, bool]] = {}  # file name -> (holds and size, is any in it)

    @property
    def degraded(self) -> str | None:
        if not self._failure and not self._missed:
            return None
        why = self._failure or problem_text("journal-disk-silent")
        if self._missed:
            return problem_text("journal-missed", why=why, events=self._missed)
        return problem_text("journal-failed", why=why)

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    def add(self, event: StoredEvent) -> None:
        """Add an event to the next write. Does not wait for the disk."""
        with self._lock:
            self._waiting.append(event)
            self._waiting_bytes += len(event.payload)
            while self._waiting_bytes > MAX_WAITING_BYTES and len(self._waiting) > self._writing:
                # Events that are being written stay at the left until the write is done.
                dropped = self._waiting[self._writing]
                del self._waiting[self._writing]
                self._waiting_bytes -= len(dropped.payload)
                self._missed += 1

    def write(self) -> None:
        """Write all waiting events, with one sync per epoch, and remove old files. Raises nothing."""
        with self._lock:
            batch = list(self._waiting)
            self._writing = len(batch)
        try:
            done = self._write(batch)
        finally:
            with self._lock:
                self._writing = 0
        with self._lock:
            for _ in range(done):
                self._waiting_bytes -= len(self._waiting.popleft().payload)
        if done:
            self._tidy(self._rotate)

    def _write(self, batch: list[StoredEvent]) -> int:
        """Write the events; return how many of them are on the disk."""
        done = 0
        try:
            if batch and self._clock_steady():
                self._tidy(self._date_files)
            for events in _by_epoch(batch):
                self._append(events)
                done += len(events)
            failure: str | None = None
        except OSError as error:
            failure = problem_text("journal-unwritable", error=error.strerror or str(error))
        if batch and failure != self._failure:
            self._failure = failure
            level = logging.ERROR if failure else logging.INFO
            log.log(level, "evidence: journal %s", failure or "is written again")
        return done

    def _append(self, events: list[StoredEvent]) -> None:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        content = b"".join(event.payload + b"\n" for event in events)
        if shutil.disk_usage(self._folder).free < self._keep_free + len(content):
            megabytes = self._keep_free // 10**6
            raise OSError(errno.ENOSPC, problem_text("journal-disk-short", megabytes=megabytes))
        path = self._path_of(events[0].epoch)
        with open(path, "ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if path != self._complete and size and not _ends_with_line(path):
                content = b"\n" + content  # the last line is incomplete, because of a power cut
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(file.fileno(), rest) :]
                if not self._clock_steady():
                    written = undated(os.fstat(file.fileno()).st_mtime)
                    os.utime(file.fileno(), (written, written))
                os.fsync(file.fileno())
            except OSError:
                self._complete = None  # truncating may fail too
                file.truncate(size)
                self._complete = path
                raise
        if not size:
            sync_folder(self._folder)
        self._complete = path

    def _rotate(self) -> None:
        """Remove the oldest files; by age only while the clock is steady: a wrong date would remove all."""
        oldest = self._clock.now().date() - self._max_age if self._clock_steady() else date.min
        found = {path: path.stat() for path in sorted(self._folder.glob("*.jsonl"))}
        total, aged = sum(each.st_size for each in found.values()), 0
        kept = list(found)
        for path, status in found.items():
            day = _day_of(path)
            is_aged = day is not None and day < oldest and status.st_mtime >= EARLIEST
            is_old = is_aged or total > self._max_bytes
            if is_old and path != self._complete and not self._is_needed(path, kept):
                path.unlink()
                kept.remove(path)
                total -= status.st_size
                aged += is_aged
        if aged:
            days = self._max_age / ONE_DAY
            log.info("evidence: journal: files older than %g days deleted: %d", days, aged)

    def _tidy(self, work: Callable[[], None]) -> None:
        """Date or remove old files. A failure is logged once, and keeps no new events from the disk."""
        try:
            work()
        except OSError as error:
            if self._untidy != str(error):
                log.warning("evidence: journal: old files cannot be dated or deleted: %s", error)
            self._untidy = str(error)

    def _date_files(self) -> None:
        """Give files that were written while the clock was not steady the present day, also files of a day to
        come: their age counts from now on. The next events of the same epoch are appended to them."""
        now = self._clock.now()
        for path in sorted(self._folder.glob("*.jsonl")):
            day = _day_of(path)
            is_ahead = day is not None and day > now.date() + ONE_DAY
            if path.stat().st_mtime >= EARLIEST and not is_ahead:
                continue
            if day is None or abs(day - now.date()) > ONE_DAY:
                dated = self._path_of(_epoch_of(path))
                if dated.exists():
                    continue  # renamed on the next day, before that day's first event
                path.rename(dated)
                sync_folder(self._folder)
                path = dated
            os.utime(path, (now.timestamp(), now.timestamp()))

    def _path_of(self, epoch: str) -> Path:
        return self._folder / f"{self._clock.now():%Y-%m-%d}-{epoch}.jsonl"

    def _is_needed(self, path: Path, files: Sequence[Path]) -> bool:
        """Return whether this file names an event on hold, or may have the head that proves such an event.

        The head that signs the last events of a day may be in the next file of their epoch. If no head of
        their epoch signs them, it is in the next epoch, which begins on the same day or the next one.
        """
        epoch_files = [file for file in files if file < path and _epoch_of(file) == _epoch_of(path)]
        days = sorted({_date_of(file) for file in files if _date_of(file) <= _date_of(path)})[-2:]
        near = [file for file in files if _date_of(file) in days]
        return any(self._has_hold(file) for file in (path, *epoch_files[-1:], *near))

    def _has_hold(self, path: Path) -> bool:
        """Return whether the file names an event on hold. Read it again only if one of them has changed."""
        hold_ids = self._hold_ids()
        present = hold_ids, path.stat().st_size
        known, found = self._mentions.get(path.name, (None, False))
        if known != present:
            content = path.read_bytes() if hold_ids else b""
            found = any(event_id.encode() in content for event_id in hold_ids)
            self._mentions[path.name] = present, found
        return found


def journal_files(state_dir: Path) -> list[Path]:
    """Return the journal files, oldest first."""
    # glob() is not used: it treats a folder without read permission as an empty one.
    try:
        return sorted(path for path in (state_dir / JOURNAL).iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []


def _by_epoch(events: list[StoredEvent]) -> Iterator[list[StoredEvent]]:
    """Yield the events in runs: consecutive events of the same epoch."""
    run: list[StoredEvent] = []
    for event in events:
        if run and run[0].epoch != event.epoch:
            yield run
            run = []
        run.append(event)
    if run:
        yield run


def _date_of(path: Path) -> str:
    return path.stem[: len("YYYY-MM-DD")]


def _epoch_of(path: Path) -> str:
    return path.stem[len("YYYY-MM-DD-") :]


def _day_of(path: Path) -> date | None:
    """Return the day of a file; None if written without a clock. Only the size limit removes such files."""
    try:
        day = date.fromisoformat(path.name[:10])
    except ValueError:
        return None
    return day if day.year >= 2020 else None


def _ends_with_line(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
