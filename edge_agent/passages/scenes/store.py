"""The whole pictures of passages in a third SQLite file, of the last hours, the oldest deleted first.

Like the rows they are an index that may be lost: a damaged file is deleted and started again, and a failure
of this file costs pictures only, never a row.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.model.settings import Passages
from edge_agent.core.clock import Clock, wall_ms
from edge_agent.core.errors import StorageError
from edge_agent.core.model import Box
from edge_agent.core.problems import problem_text
from edge_agent.passages.database_file import (
    delete_database,
    is_damage,
    open_to_write,
    read_only,
    transaction,
    used_bytes,
)
from edge_agent.passages.passage import FOLDER, Passage, PassageScene

log = logging.getLogger(__name__)

SCENES_FILE = "scenes.db"
PAGE_BYTES = 4096
"""Of 4, 8, 16 and 32 kB measured: 1.5, 1.8, 2.4 and 3.8 times the bytes of the pictures are written to the
card."""
HOUR_MS = 3_600_000
PRUNE_SHARE = 0.02  # of the pictures, removed at once when there are too many bytes
_SCHEMA = """
CREATE TABLE scene (
    id INTEGER PRIMARY KEY,          -- in the order in which they were stored
    serial INTEGER NOT NULL UNIQUE,  -- several passages name it, maybe in different minutes
    taken INTEGER,                   -- ms since 1970, UTC; null: the clock was not synchronised
    jpeg BLOB NOT NULL               -- or sealed
);
CREATE TABLE place (
    passage INTEGER PRIMARY KEY,     -- its id in the file of the rows
    scene INTEGER NOT NULL,
    after INTEGER NOT NULL,          -- ms since the start of the passage
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL
);
CREATE INDEX scene_taken ON scene (taken);
CREATE INDEX place_scene ON place (scene);
"""


@dataclass(frozen=True, slots=True)
class StoredScene:
    """The whole picture of a passage."""

    payload: bytes  # JPEG, or sealed
    box: Box  # of the object, in 0..1 of the picture
    after_s: float  # since the start of the passage


def read_scene(state_dir: Path, passage: int) -> StoredScene | None:
    """Return the whole picture of a passage; None if it has no picture, or no longer has one. Raises
    ``StorageError``."""
    path = state_dir / FOLDER / SCENES_FILE
    query = "SELECT jpeg, after, x1, y1, x2, y2 FROM place JOIN scene ON scene.id = scene WHERE passage = ?"
    try:
        if not path.exists() or abs(passage) >= 1 << 63:
            return None
        with read_only(path) as file:
            found = file.execute(query, (passage,)).fetchone()
    except (sqlite3.Error, OSError) as error:
        raise StorageError(problem_text("passages-disk", error=str(error))) from error
    if found is None:
        return None
    jpeg, after_ms, *corners = found
    return StoredScene(bytes(jpeg), Box(*corners), after_ms / 1000)


class SceneStore:
    """Writes the pictures, on the thread that writes the rows. Never raises.

    ``read_scene`` may read at the same time.
    """

    def __init__(self, folder: Path, settings: Passages, clock: Clock) -> None:
        """Does not access the disk. ``folder``: the folder of the rows."""
        self._path = folder / SCENES_FILE
        self._settings = settings
        self._clock = clock
        self._file: sqlite3.Connection | None = None
        self._is_failing = False
        self.stored_bytes = 0

    def add(self, stored: Iterable[tuple[int, Passage]], *, synced: bool) -> None:
        """Store the pictures of these rows in one transaction, each picture once. ``stored``: id of the row,
        and the passage."""
        named: list[tuple[int, Passage, PassageScene]] = []
        without: list[int] = []  # rows whose object stays may have had a picture when stored before
        for row_id, each in stored:
            if each.scene is None:
                without.append(row_id)
            else:
                named.append((row_id, each, each.scene))
        if named and self._settings.scenes:
            self._attempt(lambda: self._add(named, synced))
        if without and os.path.exists(self._path):
            self._attempt(lambda: self._forget(without))

    def prune(self, on_hold: Sequence[int], *, synced: bool) -> None:
        """Delete pictures that are too old or exceed the limit, except those of the passages ``on_hold``."""
        if os.path.exists(self._path):
            self._attempt(lambda: self._prune(on_hold, synced))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _add(self, named: Sequence[tuple[int, Passage, PassageScene]], synced: bool) -> None:
        file = self._opened()
        with transaction(file):
            for row_id, passage, scene in named:
                scene_id = self._scene_id(file, scene, synced)
                after_ms = max(0, round(1000 * (scene.picture.taken_mono - passage.started_mono)))
                corners = [
                    round(each, 4) for each in (scene.box.x1, scene.box.y1, scene.box.x2, scene.box.y2)
                ]
                place = (row_id, scene_id, after_ms, *corners)
                if scene_id is not None:
                    file.execute("INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?, ?, ?)", place)
        self.stored_bytes = used_bytes(file)
        self._is_failing = False

    def _forget(self, passages: Sequence[int]) -> None:
        file = self._opened()
        with transaction(file):
            file.executemany("DELETE FROM place WHERE passage = ?", [(each,) for each in passages])

    def _scene_id(self, file: sqlite3.Connection, scene: PassageScene, synced: bool) -> int | None:
        """Return the row of the picture, which is stored if it is new. None: the picture is too old to be
        stored again, because the object has stayed for hours."""
        picture = scene.picture
        known = file.execute("SELECT id FROM scene WHERE serial = ?", (picture.serial,)).fetchone()
        if known is not None:
            return int(known[0])
        age_ms = 1000 * (self._clock.monotonic() - picture.taken_mono)
        if age_ms > self._settings.scene_hours * HOUR_MS:
            return None
        taken_ms = wall_ms(self._clock) - round(age_ms) if synced else None
        values = (picture.serial, taken_ms, picture.payload)
        return file.execute("INSERT INTO scene (serial, taken, jpeg) VALUES (?, ?, ?)", values).lastrowid

    def _prune(self, on_hold: Sequence[int], synced: bool) -> None:
        file = self._opened()
        marks = ", ".join("?" * len(on_hold))
        others = f"id NOT IN (SELECT scene FROM place WHERE passage IN ({marks}))"
        with transaction(file):
            if synced:
                now_ms = wall_ms(self._clock)
                # The age of what was stored before the first synchronisation, or with a clock that was
                # ahead, counts from now.
                file.execute("UPDATE scene SET taken = ?1 WHERE taken IS NULL OR taken > ?1", (now_ms,))
                oldest_ms = round(now_ms - self._settings.scene_hours * HOUR_MS)
                _delete(file, f"taken < ? AND {others}", (oldest_ms, *on_hold))
            while used_bytes(file) > self._settings.scene_max_bytes:
                query = f"SELECT count(*) FROM scene WHERE {others}"
                count = int(file.execute(query, tuple(on_hold)).fetchone()[0])
                if count == 0:
                    break
                oldest = f"id IN (SELECT id FROM scene WHERE {others} ORDER BY id LIMIT ?)"
                _delete(file, oldest, (*on_hold, 1 + int(count * PRUNE_SHARE)))
        self.stored_bytes = used_bytes(file)

    def _opened(self) -> sqlite3.Connection:
        if self._file is None or not self._path.exists():
            self.close()
            self._file = open_to_write(self._path, _SCHEMA, PAGE_BYTES)
            # Zeros over deleted pictures would be written to the card as well: 3.9 times the bytes of the
            # pictures instead of 1.8, with pages of 8 kB.
            self._file.execute("PRAGMA secure_delete=OFF")
        return self._file

    def _attempt(self, write: Callable[[], None]) -> None:
        """Run ``write``; after a failure close the file, and delete it if it is damaged."""
        try:
            write()
        except (sqlite3.Error, OSError) as error:
            self.close()
            if not self._is_failing:
                log.error("passages: %s: %s; passages go without their whole picture", self._path, error)
            self._is_failing = True  # until pictures are stored again: deleting may work meanwhile
            if isinstance(error, sqlite3.Error) and is_damage(error):
                self._start_again()

    def _start_again(self) -> None:
        log.error("passages: %s is damaged; it is started again", self._path)
        try:
            delete_database(self._path)
        except OSError as error:  # a failing card is often read-only
            log.error("passages: %s cannot be deleted: %s", self._path, error)


def _delete(file: sqlite3.Connection, condition: str, values: Sequence[object]) -> None:
    """Delete the pictures that meet the condition, and their rows in the table ``place``."""
    ids = [row[0] for row in file.execute(f"SELECT id FROM scene WHERE {condition}", tuple(values))]
    file.executemany("DELETE FROM place WHERE scene = ?", [(each,) for each in ids])
    file.executemany("DELETE FROM scene WHERE id = ?", [(each,) for each in ids])
