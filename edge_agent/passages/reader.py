"""Reads stored passages, also while the agent writes, and from another process."""

from __future__ import annotations

import heapq
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.core.errors import EdgeAgentError
from edge_agent.passages.database_file import read_only
from edge_agent.passages.detail import PassageDetail
from edge_agent.passages.filters import (
    PassageFilter,
    StartRange,
    column_conditions,
    detail_conditions,
    share_of,
    start_ranges,
    to_ms,
)
from edge_agent.passages.passage import FOLDER, GROUPS, TimeQuality
from edge_agent.passages.store import CROPS_FILE, ROWS_FILE, ROWS_SCHEMA

SLICE_ROWS = 500
"""Rows that are read at once. The agent cannot write meanwhile, but it can between two slices, also while a
search of a month takes a minute, or a terminal has stopped this process."""
INDEXED_ROWS = 20_000
"""The same for rows that are only counted, by an index that has two numbers a row."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_COLUMNS = "id, camera, track, kind, start, clock, direction, speed, duration, detail"
_START = _COLUMNS.split(", ").index("start")
_JUDGED_COLUMNS = "id, duration, detail"
"""Enough to compare a row with a filter: most rows are not returned, and ten columns take twice as long."""
_DAMAGE = (
    sqlite3.Error,
    msgspec.MsgspecError,
    struct.error,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    OSError,
)
"""The errors that a damaged row or a failing disk causes."""

_Match = tuple[tuple[Any, ...], PassageDetail, Mapping[int, str]]
"""A row, its detail, and the names of cameras."""


class PassageReadError(EdgeAgentError):
    """The passages cannot be read."""


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A row."""

    id: int
    camera: str
    track: str
    group: str | None
    started_at: datetime
    duration_s: float
    clock: TimeQuality
    direction_deg: int | None
    speed: float
    detail: PassageDetail


@dataclass(frozen=True, slots=True)
class FoundPassages:
    """How many passages fit, and the best of them."""

    total: int
    best: list[StoredPassage]


class PassageReader:
    """Reads stored passages, in any thread of any process. Opens the files for each call only."""

    def __init__(self, state_dir: Path, pause: Callable[[], None] = lambda: None) -> None:
        """``pause`` is called between two slices of rows, so that a search leaves the processor to others."""
        self._folder = state_dir / FOLDER
        self._pause = pause

    def find(self, wanted: PassageFilter) -> Iterator[StoredPassage]:
        """Yield the passages that fit, the newest first; nothing if no passage was ever stored.

        Raises ``PassageReadError``."""
        for match in self._matching(wanted):
            yield self._decoded(match)

    def best(self, wanted: PassageFilter, limit: int, *, oldest_first: bool = False) -> FoundPassages:
        """Count all passages that fit, and return up to ``limit`` of them: the newest, or the oldest. With a
        wanted colour, return those with the largest share of it, the best first. A row that is deleted
        meanwhile is counted, but not returned. Raises ``PassageReadError``."""
        if wanted.colour is not None:
            total, ids = self._most_coloured(wanted, limit)
        elif detail_conditions(wanted):
            total, ids = 0, []
            matches = self._matching(wanted, oldest_first=oldest_first, columns=_JUDGED_COLUMNS)
            for total, (row, _, _) in enumerate(matches, 1):
                if total <= limit:
                    ids.append(int(row[0]))
        else:
            return self._by_columns(wanted, limit, oldest_first=oldest_first)
        return FoundPassages(total, self.of_ids(ids))

    def _most_coloured(self, wanted: PassageFilter, limit: int) -> tuple[int, list[int]]:
        """Return how many passages match, and the ids of those with the largest share of the colours."""
        total, best = 0, list[tuple[float, int, int]]()
        for total, (row, detail, _) in enumerate(self._matching(wanted, columns=_JUDGED_COLUMNS), 1):
            entry = (share_of(detail, wanted), -total, int(row[0]))
            if len(best) < limit:
                heapq.heappush(best, entry)
            elif entry > best[0]:
                heapq.heapreplace(best, entry)
        return total, [id_ for _, _, id_ in sorted(best, reverse=True)]

    def _by_columns(self, wanted: PassageFilter, limit: int, *, oldest_first: bool) -> FoundPassages:
        """Read only the rows that are returned; SQLite counts the others, by an index where it can."""
        total, best = 0, list[_Match]()
        with self._opened() as (rows, names):
            for where, values in self._slices(rows, wanted, names, oldest_first=oldest_first, counted=True):
                missing = limit - len(best)
                if missing > 0:
                    query = f"{_selected(where, oldest_first=oldest_first)} LIMIT ?"
                    found = rows.execute(query, [*values, missing]).fetchall()
                    best += [(row, _detail_of(row), names) for row in found]
                    if len(found) < missing:  # these are all of the slice
                        total += len(found)
                        continue
                counted = rows.execute(f"SELECT count(*) FROM passage WHERE {where}", values).fetchone()
                total += int(counted[0])
        return FoundPassages(total, [self._decoded(match) for match in best])

    def _matching(
        self, wanted: PassageFilter, *, oldest_first: bool = False, columns: str = _COLUMNS
    ) -> Iterator[_Match]:
        """Yield the rows that fit, newest or oldest first. ``columns`` must end with duration and detail."""
        conditions = detail_conditions(wanted)
        with self._opened() as (rows, names):
            for where, values in self._slices(rows, wanted, names, oldest_first=oldest_first):
                query = _selected(where, oldest_first=oldest_first, columns=columns)
                for row in rows.execute(query, values).fetchall():
                    detail = _detail_of(row)
                    if all(fits(detail) for fits in conditions):
                        yield row, detail, names

    def of_ids(self, ids: Sequence[int]) -> list[StoredPassage]:
        """Return those passages with these ids that are still stored. Raises ``PassageReadError``."""
        query = f"SELECT {_COLUMNS} FROM passage WHERE id = ?"
        with self._opened() as (rows, names):
            found = [rows.execute(query, (each,)).fetchone() for each in ids if abs(each) < 1 << 63]
            return [self._decoded((row, _detail_of(row), names)) for row in found if row is not None]

    def in_order(self, camera: str | None, from_at: datetime, to_at: datetime) -> Iterator[StoredPassage]:
        """Yield the passages of a camera, or of all, that began between two times, the oldest first.

        Only ``SLICE_ROWS`` are in memory at once. Raises ``PassageReadError``.
        """
        query = (
            f"SELECT {_COLUMNS} FROM passage WHERE {'?1 IS NULL' if camera is None else 'camera = ?1'}"
            " AND start <= ?2 AND (start, id) > (?3, ?4) ORDER BY start, id LIMIT ?5"
        )
        after, last = (to_ms(from_at), -1), to_ms(to_at)
        with self._opened() as (rows, names):
            key = next((key for key, name in names.items() if name == camera), None)
            while found := rows.execute(query, (key, last, *after, SLICE_ROWS)).fetchall():
                for row in found:
                    yield self._decoded((row, _detail_of(row), names))
                after = int(found[-1][_START]), int(found[-1][0])
                self._pause()

    def has_crops(self, passage_ids: Sequence[int]) -> frozenset[int]:
        """Return those of the ids whose passage has a picture. Raises ``PassageReadError``."""
        marks = ", ".join("?" * len(passage_ids))
        try:
            if not (self._folder / CROPS_FILE).exists():
                return frozenset()
            with read_only(self._folder / CROPS_FILE) as crops:
                found = crops.execute(f"SELECT id FROM crop WHERE id IN ({marks})", tuple(passage_ids))
                return frozenset(int(each) for (each,) in found)
        except (sqlite3.Error, OSError) as error:
            raise PassageReadError(f"{self._folder / CROPS_FILE} cannot be read: {error}") from error

    @contextmanager
    def _opened(self) -> Iterator[tuple[sqlite3.Connection, dict[int, str]]]:
        """Open the rows, with the names of their cameras; an empty database if no row was ever stored.

        Raises ``PassageReadError``."""
        path = self._folder / ROWS_FILE
        try:
            if not path.exists():
                with closing(sqlite3.connect(":memory:")) as rows:
                    rows.executescript(ROWS_SCHEMA)
                    yield rows, {}
                return
            with read_only(path) as rows:
                yield rows, dict(rows.execute("SELECT id, text FROM name").fetchall())
        except _DAMAGE as error:
            raise self._unreadable(error) from error

    def _decoded(self, match: _Match) -> StoredPassage:
        try:
            return _decoded(*match)
        except _DAMAGE as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> PassageReadError:
        return PassageReadError(f"{self._folder / ROWS_FILE} cannot be read: {error}")

    def _slices(
        self,
        rows: sqlite3.Connection,
        wanted: PassageFilter,
        names: Mapping[int, str],
        *,
        oldest_first: bool,
        counted: bool = False,
    ) -> Iterator[tuple[str, list[object]]]:
        """Yield conditions and their values, which together select all rows that fit by their columns, the
        newest or the oldest first. Calls ``pause`` between two. ``counted``: the caller mostly counts the
        rows, so the slices may be larger."""
        terms, values = column_conditions(wanted, names)
        ranges = start_ranges(wanted)
        began = False
        for each in reversed(ranges) if oldest_first else ranges:
            by_index = counted and not terms and not each.term
            size = INDEXED_ROWS if by_index else SLICE_ROWS
            where = " AND ".join(["start BETWEEN ? AND ?", *filter(None, [each.term]), *terms])
            for first, last in _bounds(rows, each, size, oldest_first=oldest_first):
                if began:
                    self._pause()
                began = True
                yield where, [first, last, *each.values, *values]

    def crop(self, passage_id: int) -> bytes | None:
        """Return the picture of a passage, which may be sealed; None if it has no picture, or no longer has
        one."""
        try:
            if not (self._folder / CROPS_FILE).exists():
                return None
            with read_only(self._folder / CROPS_FILE) as crops:
                found = crops.execute("SELECT jpeg FROM crop WHERE id = ?", (passage_id,)).fetchone()
        except OverflowError:  # larger than any id
            return None
        except (sqlite3.Error, OSError) as error:
            raise PassageReadError(f"{self._folder / CROPS_FILE} cannot be read: {error}") from error
        return None if found is None else bytes(found[0])


def _bounds(
    rows: sqlite3.Connection, wanted: StartRange, size: int, *, oldest_first: bool
) -> Iterator[tuple[int, int]]:
    """Yield the first and last start of slices of about ``size`` rows, the newest or the oldest first."""
    indexed = f"AND {wanted.indexed_term}" if wanted.indexed_term else ""
    query = (
        f"SELECT start FROM passage WHERE start BETWEEN ? AND ? {indexed}"
        f" ORDER BY start {_order(oldest_first)} LIMIT 1 OFFSET ?"
    )
    first, last = wanted.first, wanted.last
    while (found := rows.execute(query, (first, last, size - 1)).fetchone()) is not None:
        edge = int(found[0])  # all rows of this millisecond are in this slice
        yield (first, edge) if oldest_first else (edge, last)
        first, last = (edge + 1, last) if oldest_first else (first, edge - 1)
    if first <= last:
        yield first, last


def _selected(where: str, *, oldest_first: bool, columns: str = _COLUMNS) -> str:
    order = _order(oldest_first)
    return f"SELECT {columns} FROM passage WHERE {where} ORDER BY start {order}, id {order}"


def _order(oldest_first: bool) -> str:
    return "ASC" if oldest_first else "DESC"


def _detail_of(row: tuple[Any, ...]) -> PassageDetail:
    return PassageDetail(row[-1], row[-2] / 1000)


def _decoded(row: tuple[Any, ...], detail: PassageDetail, names: Mapping[int, str]) -> StoredPassage:
    """Return the row as a passage. Raises one of ``_DAMAGE`` if the row or its detail is damaged."""
    key, camera, track, kind, start, clock, direction, speed, duration, _ = row
    detail.check()
    return StoredPassage(
        id=key,
        camera=str(names[camera]),
        track=f"{names[camera]}-{track}",
        group=None if kind is None else GROUPS[kind],
        started_at=_EPOCH + timedelta(milliseconds=start),
        duration_s=duration / 1000,
        clock=TimeQuality(clock),
        direction_deg=direction,
        speed=speed / 100,
        detail=detail,
    )
