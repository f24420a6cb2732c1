"""Reads stored passages, also while the agent writes, and from another process."""

from __future__ import annotations

import heapq
import itertools
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
from edge_agent.core.geometry import Point
from edge_agent.core.ground import SpeedClass, speed_classes
from edge_agent.passages.passage import (
    COLOURS,
    FOLDER,
    GROUPS,
    GroundMotion,
    PassageDetail,
    PathPoint,
    TimeQuality,
    decode_detail,
)
from edge_agent.passages.store import CROPS_FILE, LONG_MS, ROWS_FILE, ROWS_SCHEMA, read_only

DIRECTION_WITHIN_DEG = 45
SLICE_ROWS = 500
"""Rows that are read at once. The agent cannot write meanwhile, but it can between two slices, also while a
search of a month takes a minute, or a terminal has stopped this process."""

_COLUMNS = "id, camera, track, kind, start, duration, clock, direction, speed, detail"
_DAMAGE = (
    sqlite3.Error,
    msgspec.MsgspecError,
    struct.error,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
)
"""What a damaged row raises."""


class PassageReadError(EdgeAgentError):
    """The passages cannot be read."""


@dataclass(frozen=True, slots=True)
class PictureLine:
    """A line on the picture of a camera; points are x, y in 0..1 of the picture."""

    camera: str
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PassageFilter:
    """Which passages to return; a field that is None accepts all."""

    from_at: datetime | None = None
    to_at: datetime | None = None
    cameras: tuple[str, ...] | None = None
    group: str | None = None
    colour: str | None = None  # of any part
    part: str | None = None  # with ``colour``: of this part only
    direction_deg: float | None = None  # within ``DIRECTION_WITHIN_DEG``
    line: PictureLine | None = None  # whose path crosses it, either way
    min_height: float | None = None  # mean of the box, share of the picture's height
    max_height: float | None = None
    min_speed: float | None = None  # own lengths a second
    max_speed: float | None = None
    min_speed_m_s: float | None = None  # with its error; only of cameras with a ground plane
    max_speed_m_s: float | None = None
    min_for_s: float | None = None  # in sight for at least this long
    min_still_s: float | None = None  # stood still for at least this long
    speed_class: SpeedClass | None = None  # its speed with its error touches this class
    heading_deg: float | None = None  # by the compass, within ``DIRECTION_WITHIN_DEG``

    @property
    def needs_detail(self) -> bool:
        """Whether the columns of a row do not answer it."""
        of_detail = (
            self.part,
            self.line,
            self.min_height,
            self.max_height,
            self.min_speed_m_s,
            self.max_speed_m_s,
            self.speed_class,
            self.heading_deg,
            self.min_still_s,
        )
        return any(each is not None for each in of_detail)


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
    """Opens the files for each call only. Any thread, any process."""

    def __init__(self, state_dir: Path, pause: Callable[[], None] = lambda: None) -> None:
        """``pause`` is called between two slices of rows, so that a search leaves the processor to others."""
        self._folder = state_dir / FOLDER
        self._pause = pause

    def find(self, wanted: PassageFilter) -> Iterator[StoredPassage]:
        """Yield the passages, the newest first; none before the first was stored.

        Raises ``PassageReadError``."""
        with self._opened() as (rows, names):
            for where, values in self._slices(rows, wanted, names):
                query = f"SELECT {_COLUMNS} FROM passage WHERE {where} ORDER BY start DESC, id DESC"
                for row in rows.execute(query, values).fetchall():
                    passage = _decoded(row, names)
                    if _fits(passage, wanted):
                        yield passage

    def best(self, wanted: PassageFilter, limit: int) -> FoundPassages:
        """Count all, and return the newest; with a colour those that show most of it, the best first.

        Raises ``PassageReadError``."""
        if wanted.colour is None and not wanted.needs_detail:
            return FoundPassages(self._count(wanted), list(itertools.islice(self.find(wanted), limit)))
        total, best = 0, list[tuple[float, int, StoredPassage]]()
        for total, passage in enumerate(self.find(wanted), 1):
            entry = (_share_of(passage, wanted), -total, passage)
            if len(best) < limit:
                heapq.heappush(best, entry)
            elif entry > best[0]:
                heapq.heapreplace(best, entry)
        return FoundPassages(total, [passage for _, _, passage in sorted(best, reverse=True)])

    def of_ids(self, ids: Sequence[int]) -> list[StoredPassage]:
        """Return the passages with these ids, without those that are gone. Raises ``PassageReadError``."""
        query = f"SELECT {_COLUMNS} FROM passage WHERE id = ?"
        with self._opened() as (rows, names):
            found = [rows.execute(query, (each,)).fetchone() for each in ids if abs(each) < 1 << 63]
            return [_decoded(row, names) for row in found if row is not None]

    def _count(self, wanted: PassageFilter) -> int:
        with self._opened() as (rows, names):
            counts = (
                rows.execute(f"SELECT count(*) FROM passage WHERE {where}", values).fetchone()[0]
                for where, values in self._slices(rows, wanted, names)
            )
            return sum(counts)

    @contextmanager
    def _opened(self) -> Iterator[tuple[sqlite3.Connection, dict[int, str]]]:
        """The rows and the names of their cameras; an empty database before the first row was stored.

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
            raise PassageReadError(f"{path} cannot be read: {error}") from error

    def _slices(
        self, rows: sqlite3.Connection, wanted: PassageFilter, names: Mapping[int, str]
    ) -> Iterator[tuple[str, list[object]]]:
        """Yield conditions and their values, which together select what the columns can tell, the newest
        first; ``pause`` between two."""
        terms, values = _conditions(wanted, names)
        first = -(1 << 63) if wanted.from_at is None else _ms(wanted.from_at) - LONG_MS
        last = (1 << 63) - 1 if wanted.to_at is None else _ms(wanted.to_at)
        while True:
            found = rows.execute(
                "SELECT start FROM passage WHERE start BETWEEN ? AND ? ORDER BY start DESC LIMIT 1 OFFSET ?",
                (first, last, SLICE_ROWS - 1),
            ).fetchone()
            begin = first if found is None else int(found[0])
            yield f"start BETWEEN ? AND ? AND {terms}", [begin, last, *values]
            if found is None:
                break
            last = begin - 1
            self._pause()
        if wanted.from_at is not None:
            # Nearly all passages are short. The few long ones that began earlier have an index of their own.
            yield f"start < ? AND duration >= {LONG_MS} AND {terms}", [first, *values]

    def crop(self, passage_id: int) -> bytes | None:
        """Return the picture of a passage, maybe sealed; None: it has none, or none any more."""
        if not (self._folder / CROPS_FILE).exists():
            return None
        try:
            with read_only(self._folder / CROPS_FILE) as crops:
                found = crops.execute("SELECT jpeg FROM crop WHERE id = ?", (passage_id,)).fetchone()
        except OverflowError:  # larger than any id
            return None
        except sqlite3.Error as error:
            raise PassageReadError(f"{self._folder / CROPS_FILE} cannot be read: {error}") from error
        return None if found is None else bytes(found[0])


def _conditions(wanted: PassageFilter, names: Mapping[int, str]) -> tuple[str, list[object]]:
    """The part of the filter that the columns can answer."""
    terms: list[str] = ["1"]
    values: list[object] = []

    def add(term: str, *more: object) -> None:
        terms.append(term)
        values.extend(more)

    if wanted.from_at is not None:
        add("start + duration >= ?", _ms(wanted.from_at))
    cameras = wanted.cameras if wanted.line is None else (wanted.line.camera,)
    if cameras is not None:
        keys = [key for key, name in names.items() if name in cameras and name in (wanted.cameras or cameras)]
        add(f"camera IN ({', '.join('?' * len(keys))})", *keys)
    if wanted.group is not None:
        add("kind = ?", GROUPS.index(wanted.group))
    if wanted.colour is not None:
        add("colours & ? != 0", 1 << COLOURS.index(wanted.colour))
    if wanted.direction_deg is not None:
        off = "abs(direction - ?)"
        add(f"min({off}, 360 - {off}) <= ?", *2 * (wanted.direction_deg,), DIRECTION_WITHIN_DEG)
    for term, limit, unit in (
        ("speed >= ?", wanted.min_speed, 100),
        ("speed <= ?", wanted.max_speed, 100),
        ("duration >= ?", wanted.min_for_s, 1000),
    ):
        if limit is not None:
            add(term, limit * unit)
    return " AND ".join(terms), values


def _decoded(row: tuple[Any, ...], names: Mapping[int, str]) -> StoredPassage:
    key, camera, track, kind, start, duration, clock, direction, speed, detail = row
    return StoredPassage(
        id=key,
        camera=str(names[camera]),
        track=f"{names[camera]}-{track}",
        group=None if kind is None else GROUPS[kind],
        started_at=datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=start),
        duration_s=duration / 1000,
        clock=TimeQuality(clock),
        direction_deg=direction,
        speed=speed / 100,
        detail=decode_detail(detail, duration / 1000),
    )


def _fits(passage: StoredPassage, wanted: PassageFilter) -> bool:
    """Whether the detail fits; the columns do."""
    detail = passage.detail
    if wanted.part is not None and _share_of(passage, wanted) == 0:
        return False
    if wanted.min_height is not None and detail.height < wanted.min_height:
        return False
    if wanted.max_height is not None and detail.height > wanted.max_height:
        return False
    if not _fits_on_ground(detail.ground, wanted):
        return False
    if wanted.line is not None and not _crosses(detail.path, wanted.line):
        return False
    longest_s = max((each.for_s for each in detail.standing), default=0.0)
    return wanted.min_still_s is None or longest_s >= wanted.min_still_s


def _fits_on_ground(ground: GroundMotion | None, wanted: PassageFilter) -> bool:
    """Whether the speed in metres with its error, and the heading, fit; without a ground plane no such filter
    does."""
    least, most, class_ = wanted.min_speed_m_s, wanted.max_speed_m_s, wanted.speed_class
    if ground is None:
        return least is None and most is None and class_ is None and wanted.heading_deg is None
    if least is not None and ground.speed_m_s + ground.error_m_s < least:
        return False
    if most is not None and ground.speed_m_s - ground.error_m_s > most:
        return False
    if class_ is not None and class_ not in speed_classes(ground.speed_m_s, ground.error_m_s):
        return False
    if wanted.heading_deg is None:
        return True
    if ground.heading_deg is None:
        return False
    return abs((ground.heading_deg - wanted.heading_deg + 180) % 360 - 180) <= DIRECTION_WITHIN_DEG


def _share_of(passage: StoredPassage, wanted: PassageFilter) -> float:
    """The largest share of the wanted colour on the wanted part, or on any; 0: it has none."""
    parts = [each for each in passage.detail.colours if wanted.part in (None, each.part)]
    shares = (share.share for each in parts for share in each.colours if share.colour == wanted.colour)
    return max(shares, default=0.0)


def _crosses(path: Sequence[PathPoint], line: PictureLine) -> bool:
    return any(
        _meet((before.x, before.y), (after.x, after.y), line.start, line.end)
        for before, after in itertools.pairwise(path)
    )


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the segments a-b and c-d have a point in common, by the side on which their ends lie."""
    if _side(c, d, a) * _side(c, d, b) > 0 or _side(a, b, c) * _side(a, b, d) > 0:
        return False
    # On one straight line they must also overlap.
    return all(
        max(min(a[axis], b[axis]), min(c[axis], d[axis])) <= min(max(a[axis], b[axis]), max(c[axis], d[axis]))
        for axis in (0, 1)
    )


def _side(a: Point, b: Point, point: Point) -> float:
    """Positive on one side of the line through a and b, negative on the other, 0 on it."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
