"""The exact bytes of all events of the last weeks, for whoever has to prove one of them later.

``<state_dir>/evidence/journal/<YYYY-MM-DD>-<epoch>.jsonl``: one event a line, as it was published, appended
in one write a minute and with each alarm. The day is the box's own at the writing, UTC. A power cut loses
what came since the last write; that is in the outbox or at the centre.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import StoredEvent
from edge_agent.core.state_file import sync_folder
from edge_agent.evidence.chain.keys import JOURNAL

log = logging.getLogger(__name__)

MAX_WAITING_BYTES = 2_000_000  # while the disk takes nothing; then the oldest goes


class EventJournal:
    """``add`` from any thread, the rest from one."""

    def __init__(
        self,
        state_dir: Path,
        *,
        max_bytes: int,
        max_age_days: float,
        keep_free: int,
        clock: Clock,
        clock_synced: Callable[[], bool],
        held: Callable[[], frozenset[str]],
    ) -> None:
        """``keep_free``: bytes of the disk that it leaves alone; ``held``: ids of events to be kept."""
        self._folder = state_dir / JOURNAL
        self._max_bytes = max_bytes
        self._max_age = timedelta(days=max_age_days)
        self._keep_free = keep_free
        self._clock = clock
        self._clock_synced = clock_synced
        self._hold_ids = held
        self._lock = threading.Lock()  # protects the four below
        self._waiting: deque[StoredEvent] = deque()
        self._waiting_bytes = 0
        self._missed = 0  # events that went past it, since the agent started
        self._writing = 0  # events at the left of _waiting that a write has in hand
        self._failure: str | None = None
        self._whole: Path | None = None  # the file that is known to end with a whole line
        self._speaks: dict[str, tuple[frozenset[str], bool]] = {}  # of which held events, as read last

    @property
    def degraded(self) -> str | None:
        if not self._failure and not self._missed:
            return None
        missed = f"; {self._missed} events are not in it" if self._missed else ""
        return f"journal: {self._failure or 'the disk took nothing for a while'}{missed}"

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    def add(self, event: StoredEvent) -> None:
        """Keep it until the next write. Blocks for no disk."""
        with self._lock:
            self._waiting.append(event)
            self._waiting_bytes += len(event.payload)
            while self._waiting_bytes > MAX_WAITING_BYTES and len(self._waiting) > self._writing:
                # What a write has in hand stays at the left until it is done.
                gone = self._waiting[self._writing]
                del self._waiting[self._writing]
                self._waiting_bytes -= len(gone.payload)
                self._missed += 1

    def write(self) -> None:
        """All that waits, in one write and one sync for each epoch; then make room. Raises nothing."""
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
            self._rotate()

    def _write(self, batch: list[StoredEvent]) -> int:
        """How many of them are on the disk."""
        done = 0
        try:
            for events in _by_epoch(batch):
                self._append(events)
                done += len(events)
            failure = None
        except OSError as error:
            failure = f"cannot be written ({error.strerror or error}); events go on without it"
        if batch and failure != self._failure:
            self._failure = failure
            level = logging.ERROR if failure else logging.INFO
            log.log(level, "evidence: journal %s", failure or "is written again")
        return done

    def _append(self, events: list[StoredEvent]) -> None:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        content = b"".join(event.payload + b"\n" for event in events)
        if shutil.disk_usage(self._folder).free < self._keep_free + len(content):
            raise OSError(errno.ENOSPC, f"less than {self._keep_free // 10**6} MB of the disk are free")
        path = self._folder / f"{self._clock.now():%Y-%m-%d}-{events[0].epoch}.jsonl"
        with open(path, "ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if path != self._whole and size and not _ends_with_line(path):
                content = b"\n" + content  # a power cut tore the last line
            try:
                _write_all(file.fileno(), content)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
        if not size:
            sync_folder(self._folder)
        self._whole = path

    def _rotate(self) -> None:
        """Oldest files first. By age only while the clock is right: a box that boots in 2038 keeps all."""
        oldest = self._clock.now().date() - self._max_age if self._clock_synced() else date.min
        try:
            sizes = {path: path.stat().st_size for path in sorted(self._folder.glob("*.jsonl"))}
            total = sum(sizes.values())
            before: dict[str, Path] = {}  # of each epoch, the last one that stays
            for path, size in sizes.items():
                day, epoch = _day_of(path), path.stem[len("YYYY-MM-DD-") :]
                goes = total > self._max_bytes or (day is not None and day < oldest)
                if goes and path != self._whole and not self._is_needed(path, before.get(epoch)):
                    path.unlink()
                    total -= size
                else:
                    before[epoch] = path
        except OSError as error:
            log.warning("evidence: journal: no room can be made: %s", error)

    def _is_needed(self, path: Path, before: Path | None) -> bool:
        """The head that signs the last events of a day may stand in the file after it."""
        return self._has_hold(path) or (before is not None and self._has_hold(before))

    def _has_hold(self, path: Path) -> bool:
        """Whether it speaks of an event that is held. Read once for each change of what is held."""
        held = self._hold_ids()
        known, answer = self._speaks.get(path.name, (None, False))
        if known != held:
            content = path.read_bytes() if held else b""
            answer = any(event_id.encode() in content for event_id in held)
            self._speaks[path.name] = held, answer
        return answer


def journal_files(state_dir: Path) -> list[Path]:
    """Oldest first."""
    # Not glob(): it takes a folder that it may not read for an empty one.
    try:
        return sorted(path for path in (state_dir / JOURNAL).iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []


def _by_epoch(events: list[StoredEvent]) -> Iterator[list[StoredEvent]]:
    """Runs of the same epoch."""
    run: list[StoredEvent] = []
    for event in events:
        if run and run[0].epoch != event.epoch:
            yield run
            run = []
        run.append(event)
    if run:
        yield run


def _day_of(path: Path) -> date | None:
    """None for a box that did not know the day: only size makes such a file go."""
    try:
        day = date.fromisoformat(path.name[:10])
    except ValueError:
        return None
    return day if day.year >= 2020 else None


def _ends_with_line(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
