"""Reads stored passages, also while the agent writes, and from another process."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.ground import SpeedClass, speed_classes
from edge_agent.passages.passage import COLOURS, FOLDER, GROUPS, PassageDetail, TimeQuality, decode_detail
from edge_agent.passages.store import CROPS_FILE, LONG_MS, ROWS_FILE, read_only

DIRECTION_WITHIN_DEG = 45
CHUNK_ROWS = 500
"""Rows that are read at once. The agent cannot write meanwhile, but it can between two chunks, also while a
search of a month decodes for half a minute, or a terminal has stopped this process."""

_ROWS_OF = (
    "SELECT passage.id, name.text, track, kind, start, duration, clock, direction, speed, detail"
    " FROM passage JOIN name ON name.id = camera WHERE passage.id IN ({})"
    " ORDER BY start DESC, passage.id DESC"
)
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
class PassageFilter:
    """Which passages to return; a field that is None accepts all."""

    from_at: datetime | None = None
    to_at: datetime | None = None
    cameras: tuple[str, ...] | None = None
    group: str | None = None
    colour: str | None = None  # of any part
    part: str | None = None  # with ``colour``: of this part only
    direction_deg: float | None = None  # within ``DIRECTION_WITHIN_DEG``
    min_still_s: float | None = None  # stood still for at least this long
    speed_class: SpeedClass | None = None  # its speed with its error touches this class
    heading_deg: float | None = None  # by the compass, within ``DIRECTION_WITHIN_DEG``


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


class PassageReader:
    """Opens the files for each call only. Any thread, any process."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER

    def find(self, wanted: PassageFilter) -> Iterator[StoredPassage]:
        """Yield the passages, the newest first; none before the first was stored.

        Raises ``PassageReadError``."""
        if not (self._folder / ROWS_FILE).exists():
            return
        try:
            with read_only(self._folder / ROWS_FILE) as rows:
                ids = [found[0] for found in rows.execute(*_query(wanted))]
                for start in range(0, len(ids), CHUNK_ROWS):
                    chunk = ids[start : start + CHUNK_ROWS]
                    for row in rows.execute(_ROWS_OF.format(", ".join("?" * len(chunk))), chunk).fetchall():
                        passage = _decoded(row)
                        if _fits(passage, wanted):
                            yield passage
        except _DAMAGE as error:
            raise PassageReadError(f"{self._folder / ROWS_FILE} cannot be read: {error}") from error

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


def _query(wanted: PassageFilter) -> tuple[str, list[object]]:
    """The ids of what fits the part of the filter that SQLite evaluates, the newest first."""
    terms: list[str] = ["1"]
    values: list[object] = []
    if wanted.from_at is not None:
        # Two indexes find these: nearly all passages are short, and the few long ones have their own.
        terms.append(f"(start >= ? OR duration >= {LONG_MS}) AND start + duration >= ?")
        values += (_ms(wanted.from_at) - LONG_MS, _ms(wanted.from_at))
    if wanted.to_at is not None:
        terms.append("start <= ?")
        values.append(_ms(wanted.to_at))
    if wanted.cameras is not None:
        terms.append(f"name.text IN ({', '.join('?' * len(wanted.cameras))})")
        values.extend(wanted.cameras)
    if wanted.group is not None:
        terms.append("kind = ?")
        values.append(GROUPS.index(wanted.group))
    if wanted.colour is not None:
        terms.append("colours & ? != 0")
        values.append(1 << COLOURS.index(wanted.colour))
    return (
        "SELECT passage.id FROM passage JOIN name ON name.id = camera"
        f" WHERE {' AND '.join(terms)} ORDER BY start DESC, passage.id DESC",
        values,
    )


def _decoded(row: tuple[Any, ...]) -> StoredPassage:
    key, camera, track, kind, start, duration, clock, direction, speed, detail = row
    return StoredPassage(
        id=key,
        camera=str(camera),
        track=f"{camera}-{track}",
        group=None if kind is None else GROUPS[kind],
        started_at=datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=start),
        duration_s=duration / 1000,
        clock=TimeQuality(clock),
        direction_deg=direction,
        speed=speed / 100,
        detail=decode_detail(detail, duration / 1000),
    )


def _fits(passage: StoredPassage, wanted: PassageFilter) -> bool:
    ground = passage.detail.ground
    if not _is_towards(passage.direction_deg, wanted.direction_deg):
        return False
    if not _is_towards(None if ground is None else ground.heading_deg, wanted.heading_deg):
        return False
    if wanted.speed_class is not None and (
        ground is None or wanted.speed_class not in speed_classes(ground.speed_m_s, ground.error_m_s)
    ):
        return False
    if wanted.colour is not None and wanted.part is not None:
        parts = (part for part in passage.detail.colours if part.part == wanted.part)
        if not any(share.colour == wanted.colour for part in parts for share in part.colours):
            return False
    longest_s = max((each.for_s for each in passage.detail.standing), default=0.0)
    return wanted.min_still_s is None or longest_s >= wanted.min_still_s


def _is_towards(degrees: float | None, wanted: float | None) -> bool:
    if wanted is None:
        return True
    return degrees is not None and abs((degrees - wanted + 180) % 360 - 180) <= DIRECTION_WITHIN_DEG


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
