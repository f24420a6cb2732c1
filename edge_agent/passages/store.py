"""The passages of a gateway in two SQLite files: rows in one, their pictures in the other.

Both are an index that may be lost, not evidence: a damaged file is deleted and started again. The journal is
SQLite's rollback journal, because a reader of it needs no right to write; what is written to the card is the
same as in WAL mode (3.3 and 3.4 times the bytes of the pictures). A file does not shrink: deleted rows make
space for new ones. Whole pictures have a third file (``scenes/store.py``).
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.config.model.settings import Passages
from edge_agent.core.clock import Clock, wall_time_of
from edge_agent.core.errors import StorageError
from edge_agent.core.problems import problem_text
from edge_agent.passages.database_file import (
    delete_database,
    is_damage,
    open_to_write,
    transaction,
    used_bytes,
)
from edge_agent.passages.detail import colour_bits, encode_detail
from edge_agent.passages.passage import FOLDER, GROUPS, Passage, TimeQuality
from edge_agent.passages.row_ids import reserve_first_id
from edge_agent.passages.scenes.store import SceneStore

log = logging.getLogger(__name__)

ROWS_FILE, CROPS_FILE = "passages.db", "crops.db"
SHARE = 0.5  # of ``max_bytes``, for each of the two files
PRUNE_SHARE = 0.02  # of the rows or pictures, removed at once when there are too many bytes
AGE_CHECK_S = 3600.0  # between two searches for what is too old
STEP_ROWS = 2_000  # whose age is read together
MAX_UNDATED = 20_000  # rows without a valid time, at which the search for what is too old ends
DAY_MS = 86_400_000

LONG_MS = 3_600_000  # rows of objects that stay for longer are in a second index

ROWS_SCHEMA = f"""
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE passage (
    id INTEGER PRIMARY KEY,   -- in the order of the ends; never used twice (row_ids.py)
    camera INTEGER NOT NULL,  -- name.id
    track TEXT NOT NULL,      -- without the camera's id in front
    kind INTEGER,             -- index in GROUPS
    start INTEGER NOT NULL,   -- ms since 1970, UTC
    duration INTEGER NOT NULL,-- ms
    clock INTEGER NOT NULL,   -- TimeQuality
    colours INTEGER NOT NULL, -- a bit for each of COLOURS
    direction INTEGER,        -- degrees
    speed INTEGER NOT NULL,   -- hundredths of own lengths a second
    shift INTEGER,            -- while unsynced: wall time less monotonic time, ms
    detail BLOB NOT NULL
);
CREATE INDEX passage_start ON passage (start);
CREATE INDEX passage_long ON passage (start) WHERE duration >= {LONG_MS};
CREATE TABLE boot (id TEXT NOT NULL);
"""
_HOLD_TABLE = """
CREATE TABLE IF NOT EXISTS hold (
    id INTEGER PRIMARY KEY,   -- of the passage
    until INTEGER NOT NULL,   -- ms since 1970, UTC
    case_number TEXT NOT NULL,
    bytes INTEGER NOT NULL    -- of its picture
)
"""
"""Passages that are not deleted before ``until`` (``edge_agent/passages/holds.py``). Files of older agents
lack the table."""
_CROPS_SCHEMA = "CREATE TABLE crop (id INTEGER PRIMARY KEY, jpeg BLOB NOT NULL);"


class PassageStore:
    """Writes passages. For one thread; ``PassageReader`` may read meanwhile, also in another process."""

    def __init__(
        self,
        state_dir: Path,
        settings: Passages,
        keep_free: int,
        clock: Clock,
        boot_id: str,
        clock_steady: Callable[[], bool] = lambda: True,
    ) -> None:
        """Does not access the disk. ``keep_free``: bytes of the disk that passages leave free.
        ``clock_steady`` returns whether rows may be deleted by age now (``ClockSync.steady``)."""
        self._folder = state_dir / FOLDER
        self._settings = settings
        self._keep_free = keep_free
        self._clock = clock
        self._boot_id = boot_id
        self._clock_steady = clock_steady
        self._scenes = SceneStore(self._folder, settings, clock)
        self._rows: sqlite3.Connection | None = None
        self._crops: sqlite3.Connection | None = None
        self._names: dict[str, int] = {}
        self._next_id = 1
        self._open_ids: dict[str, int] = {}  # rows of tracks that have not ended, by track
        self._age_check_mono = 0.0
        self.stored_bytes = 0

    def write(self, passages: Sequence[Passage], *, synced: bool) -> None:
        """Remove rows that are too old or exceed the limit, then store all passages in one transaction for
        each file. Without passages, remove rows that are too old, once in ``AGE_CHECK_S``, so that rows are
        deleted in time also when cameras see nothing, and after ``passages.enabled`` was set to false.

        Raises ``StorageError``; then none of them is stored, and the next call opens the files again.
        """
        is_steady = synced and self._clock_steady()
        if not (passages or self._is_age_check_due(is_steady)):
            return
        try:
            if self._files_exist():
                # First, because a disk without space needs it, and a failure after the rows are stored would
                # have the caller store them twice.
                self._prune(*self._opened(), is_steady)
            if not passages:
                return
            self._check_free()
            rows, crops = self._opened()
            open_ids = self._open_ids.copy()  # after a failure the ids before it apply
            with transaction(rows), transaction(crops):  # the pictures are committed first
                if synced:
                    self._correct_times(rows)
                ids = [self._insert(rows, crops, passage, synced, open_ids) for passage in passages]
            self._open_ids = open_ids
            self._scenes.add(zip(ids, passages, strict=True), synced=synced)
            self.stored_bytes = used_bytes(rows) + used_bytes(crops) + self._scenes.stored_bytes
        except sqlite3.Error as error:
            raise self._failed(error) from error
        except OSError as error:
            self.close()
            raise StorageError(problem_text("passages-disk", error=str(error.strerror))) from error

    def close(self) -> None:
        self._scenes.close()
        for connection in (self._rows, self._crops):
            if connection is not None:
                connection.close()
        self._rows = self._crops = None

    def _check_free(self) -> None:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize
        if free < self._keep_free:
            sizes = {"free_mb": free // 1_000_000, "keep_free_mb": self._keep_free // 1_000_000}
            raise StorageError(problem_text("passages-disk-short", **sizes))

    def _opened(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        if self._rows is None or self._crops is None or not self._files_exist():
            self.close()
            if not (self._folder / ROWS_FILE).exists():  # without rows the age of the pictures is unknown
                self._delete(CROPS_FILE)
                self._open_ids.clear()
            self._rows = open_file(self._folder / ROWS_FILE)
            self._crops = open_file(self._folder / CROPS_FILE)
            self._names = {text: key for key, text in self._rows.execute("SELECT id, text FROM name")}
            newest = self._rows.execute("SELECT max(id) FROM passage").fetchone()[0] or 0
            self._next_id = reserve_first_id(self._folder, int(newest), self._clock)
            self._start_boot(self._rows)
        return self._rows, self._crops

    def _files_exist(self) -> bool:
        return all((self._folder / name).exists() for name in (ROWS_FILE, CROPS_FILE))

    def _start_boot(self, rows: sqlite3.Connection) -> None:
        """Mark rows that an earlier boot wrote without a clock: their times are not corrected any more."""
        known = rows.execute("SELECT id FROM boot").fetchone()
        if known != (self._boot_id,):
            with transaction(rows):
                rows.execute("UPDATE passage SET shift = NULL WHERE shift IS NOT NULL")
                rows.execute("DELETE FROM boot")
                rows.execute("INSERT INTO boot VALUES (?)", (self._boot_id,))

    def _shift_ms(self) -> int:
        return round(wall_time_of(self._clock, 0.0).timestamp() * 1000)

    def _correct_times(self, rows: sqlite3.Connection) -> None:
        """Date the rows of this boot that were written before the clock was synchronised."""
        rows.execute(
            "UPDATE passage SET start = start + ? - shift, shift = NULL, clock = ? WHERE shift IS NOT NULL",
            (self._shift_ms(), TimeQuality.CORRECTED),
        )

    def _insert(
        self,
        rows: sqlite3.Connection,
        crops: sqlite3.Connection,
        passage: Passage,
        synced: bool,
        open_ids: dict[str, int],
    ) -> int:
        """Store a passage and its picture; return the id of the row. ``open_ids`` is changed."""
        shift_ms = self._shift_ms()
        row_id = open_ids.pop(passage.track, None)
        if row_id is None:
            row_id, self._next_id = self._next_id, self._next_id + 1
        rows.execute(
            "INSERT OR REPLACE INTO passage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row_id,
                self._name_id(rows, passage.camera),
                passage.track.removeprefix(f"{passage.camera}-"),
                None if passage.group not in GROUPS else GROUPS.index(passage.group),
                shift_ms + round(1000 * passage.started_mono),
                round(1000 * (passage.ended_mono - passage.started_mono)),
                TimeQuality.SYNCED if synced else TimeQuality.UNSYNCED,
                colour_bits(passage.colours),
                None if passage.direction_deg is None else round(passage.direction_deg) % 360,
                round(100 * passage.speed),
                None if synced else shift_ms,
                encode_detail(passage),
            ),
        )
        if not passage.ended:
            open_ids[passage.track] = row_id
        if passage.crop is not None:
            crops.execute("INSERT OR REPLACE INTO crop VALUES (?, ?)", (row_id, passage.crop))
        else:  # the replaced row of an object that stays may have had a picture
            crops.execute("DELETE FROM crop WHERE id = ?", (row_id,))
        return row_id

    def _name_id(self, rows: sqlite3.Connection, text: str) -> int:
        if text not in self._names:
            self._names[text] = int(
                rows.execute("INSERT INTO name (text) VALUES (?)", (text,)).lastrowid or 0
            )
        return self._names[text]

    def _prune(self, rows: sqlite3.Connection, crops: sqlite3.Connection, is_steady: bool) -> None:
        settings = self._settings
        with transaction(rows):  # a hold is placed before or after, not between the two files
            is_due, now_ms = self._is_age_check_due(is_steady), round(self._clock.now().timestamp() * 1000)
            if is_due:
                rows.execute("DELETE FROM hold WHERE until < ?", (now_ms,))
            on_hold = [int(key) for (key,) in rows.execute("SELECT id FROM hold")]
            if is_due:
                # Pictures first: later no row would say how old they are.
                crop_days = min(settings.crop_days, settings.max_age_days)
                with transaction(crops):
                    removed = _remove_old(crops, "crop", rows, crop_days, now_ms, on_hold)
                _log_removed("pictures", crop_days, removed)
                removed = _remove_old(rows, "passage", rows, settings.max_age_days, now_ms, on_hold)
                _log_removed("passages", settings.max_age_days, removed)
                self._age_check_mono = self._clock.monotonic() + AGE_CHECK_S
            for connection, table in ((rows, "passage"), (crops, "crop")):
                while used_bytes(connection) > SHARE * settings.max_bytes:
                    if not _remove_oldest(connection, table, on_hold, rows):
                        break
            self._scenes.prune(on_hold, synced=is_steady)

    def _delete(self, name: str) -> None:
        delete_database(self._folder / name)

    def _is_age_check_due(self, is_steady: bool) -> bool:
        return is_steady and self._clock.monotonic() >= self._age_check_mono

    def _failed(self, error: sqlite3.Error) -> StorageError:
        """Close the files; delete them if they are damaged."""
        self.close()
        if not is_damage(error):
            return StorageError(problem_text("passages-disk", error=str(error)))
        log.error("passages: the files in %s are damaged (%s); they are started again", self._folder, error)
        try:
            self._delete(ROWS_FILE)
            self._delete(CROPS_FILE)
        except OSError as refused:  # a failing card is often read-only
            return StorageError(problem_text("passages-disk", error=str(refused.strerror)))
        return StorageError(problem_text("passages-damaged", error=str(error)))


def open_file(path: Path) -> sqlite3.Connection:
    """Open the file of rows or of pictures to write it; create it if it is not there. Raises
    ``sqlite3.Error``, ``OSError``."""
    schema = ROWS_SCHEMA if path.name == ROWS_FILE else _CROPS_SCHEMA
    connection = open_to_write(path, schema)
    if schema == ROWS_SCHEMA:
        try:
            connection.execute(_HOLD_TABLE)
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _remove_old(
    connection: sqlite3.Connection,
    table: str,
    rows: sqlite3.Connection,
    days: float,
    now_ms: int,
    on_hold: Sequence[int],
) -> int:
    """Remove rows that ended more than ``days`` ago; return their number. Read them in the order of their
    ids, ``STEP_ROWS`` at a time, and stop at the first step without such a row.

    Only a row's own end decides about it: another row may have been written while the clock was wrong. A row
    without a time, or with a future time, is removed together with the next row if that one is too old. A
    step with only objects that stay for long does not end the search, because their ids are old.
    """
    limit_ms, last = now_ms - days * DAY_MS, -1
    undated: list[int] = []
    is_newer, removed = False, 0  # whether a row before was not too old
    while len(undated) <= MAX_UNDATED:
        step = f"SELECT id FROM {table} WHERE id > ? AND {_others(on_hold)} ORDER BY id LIMIT {STEP_ROWS}"
        ids = [int(row_id) for (row_id,) in connection.execute(step, (last, *on_hold))]
        dated = f"clock != ? AND id IN ({_marks(ids)})"
        times = f"SELECT id, start + duration, duration FROM passage WHERE {dated}"
        ends = {row[0]: row[1:] for row in rows.execute(times, (TimeQuality.UNSYNCED, *ids))}
        gone: list[int] = []
        for row_id in ids:
            end_ms, stay_ms = ends.get(row_id, (None, 0))
            if end_ms is None or end_ms > now_ms:
                undated.append(row_id)
            elif end_ms < limit_ms:
                gone += [row_id] if is_newer else [*undated, row_id]
                undated = []
            elif stay_ms < LONG_MS:
                is_newer = True
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(row_id,) for row_id in gone])
        removed += len(gone)
        if len(ids) < STEP_ROWS or (is_newer and not gone):
            break
        last = ids[-1]
    return removed


def _log_removed(what: str, days: float, count: int) -> None:
    if count:
        log.info("passages: %s older than %g days deleted: %d", what, days, count)


def _later(rows: sqlite3.Connection, last: int) -> list[int]:
    """Return the rows up to ``last`` that ended after the next one: an object that stays for hours has its id
    from the time when it was stored first."""
    short = f"duration < {LONG_MS} ORDER BY id LIMIT 1"
    end = f"SELECT start + duration FROM passage WHERE id >= ? AND {short}"
    found = rows.execute(  # the index of long stays is small
        f"SELECT id FROM passage WHERE id <= ? AND duration >= {LONG_MS} AND start + duration > ({end})",
        (last, last),
    )
    return [int(row_id) for (row_id,) in found]


def _remove_up_to(connection: sqlite3.Connection, table: str, last: int, kept: Sequence[int]) -> None:
    if last > 0:
        connection.execute(f"DELETE FROM {table} WHERE id <= ? AND {_others(kept)}", (last, *kept))


def _remove_oldest(
    connection: sqlite3.Connection, table: str, on_hold: Sequence[int], rows: sqlite3.Connection
) -> bool:
    """Remove ``PRUNE_SHARE`` of the table, but no rows on hold; False: there are no others."""
    last = _last_of_oldest(connection, table, on_hold)
    if last is None:
        return False
    spared = [*on_hold, *_later(rows, last)]
    older = _last_of_oldest(connection, table, spared)
    if older is None:  # only objects that stayed for hours are left
        _remove_up_to(connection, table, last, on_hold)
    else:
        _remove_up_to(connection, table, older, spared)
    return True


def _last_of_oldest(connection: sqlite3.Connection, table: str, on_hold: Sequence[int]) -> int | None:
    """Return the last of the ``PRUNE_SHARE`` oldest rows that are not on hold; None: there are none."""
    others = f"FROM {table} WHERE {_others(on_hold)}"
    count = int(connection.execute(f"SELECT count(*) {others}", tuple(on_hold)).fetchone()[0])
    last = connection.execute(
        f"SELECT id {others} ORDER BY id LIMIT 1 OFFSET ?", (*on_hold, int(count * PRUNE_SHARE))
    ).fetchone()
    return None if last is None else int(last[0])


def _others(on_hold: Sequence[int]) -> str:
    """Return the SQL condition for rows that are not on hold; its values are the ids ``on_hold``."""
    return f"id NOT IN ({_marks(on_hold)})"


def _marks(ids: Sequence[int]) -> str:
    return ", ".join("?" * len(ids))
