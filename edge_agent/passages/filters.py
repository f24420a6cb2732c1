"""Which passages a search wants, and the conditions that select them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from edge_agent.core.geometry import twice_area
from edge_agent.core.ground import SpeedClass, speed_classes
from edge_agent.passages.detail import PassageDetail
from edge_agent.passages.passage import COLOURS, GROUPS, GroundMotion
from edge_agent.passages.store import LONG_MS

DIRECTION_WITHIN_DEG = 45
_EARLIEST, _LATEST = -(1 << 63), (1 << 63) - 1
"""Bounds of SQLite's integers."""


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
    line: PictureLine | None = None  # the path crosses this line, in either direction
    min_height: float | None = None  # mean of the box, share of the picture's height
    max_height: float | None = None
    min_speed: float | None = None  # lengths of the object a second
    max_speed: float | None = None
    min_speed_m_s: float | None = None  # compared with speed plus error; needs the camera's ground plane
    max_speed_m_s: float | None = None
    min_for_s: float | None = None  # in sight for at least this long
    min_still_s: float | None = None  # stood still for at least this long
    speed_class: SpeedClass | None = None  # the speed, plus or minus its error, reaches this class
    heading_deg: float | None = None  # by the compass, within ``DIRECTION_WITHIN_DEG``


@dataclass(frozen=True, slots=True)
class StartRange:
    """A range of rows by their start, in ms since 1970, with a condition on how long they were in sight."""

    first: int
    last: int  # included
    term: str = ""  # a condition with ``values``; empty: all of these rows
    values: tuple[object, ...] = ()
    indexed_term: str = ""  # the part of ``term`` for which there is an index of its own


def start_ranges(wanted: PassageFilter) -> list[StartRange]:
    """Return ranges that hold all rows of the filter's time span, the newest first, without overlap.

    A search wants the passages that began in the span, and those that began earlier and were still in sight.
    Nearly all passages are short; the few long ones have an index of their own.
    """
    last = _LATEST if wanted.to_at is None else to_ms(wanted.to_at)
    if wanted.from_at is None:
        return [StartRange(_EARLIEST, last)]
    from_ms = to_ms(wanted.from_at)
    lasted, is_long = "start + duration >= ?", f"duration >= {LONG_MS}"
    return [
        StartRange(from_ms, last),
        StartRange(from_ms - LONG_MS, min(from_ms - 1, last), lasted, (from_ms,)),
        StartRange(
            _EARLIEST, min(from_ms - LONG_MS - 1, last), f"{is_long} AND {lasted}", (from_ms,), is_long
        ),
    ]


def column_conditions(wanted: PassageFilter, names: Mapping[int, str]) -> tuple[list[str], list[object]]:
    """Return SQL conditions and their values: the part of the filter for columns other than ``start``."""
    terms: list[str] = []
    values: list[object] = []

    def add(term: str, *more: object) -> None:
        terms.append(term)
        values.extend(more)

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
    return terms, values


def detail_conditions(wanted: PassageFilter) -> list[Callable[[PassageDetail], bool]]:
    """Return the conditions of the filter that only the detail can answer."""
    conditions: list[Callable[[PassageDetail], bool]] = []
    least, most, line, still_s = wanted.min_height, wanted.max_height, wanted.line, wanted.min_still_s
    if least is not None:
        conditions.append(lambda detail: detail.height >= least)
    if most is not None:
        conditions.append(lambda detail: detail.height <= most)
    if still_s is not None:
        conditions.append(lambda detail: detail.standing_s >= still_s)
    if wanted.part is not None:
        conditions.append(lambda detail: share_of(detail, wanted) > 0)
    if line is not None:
        conditions.append(partial(_crosses, line))
    of_ground = (wanted.min_speed_m_s, wanted.max_speed_m_s, wanted.speed_class, wanted.heading_deg)
    if any(each is not None for each in of_ground):
        conditions.append(lambda detail: _fits_on_ground(detail.ground, wanted))
    return conditions


def _fits_on_ground(ground: GroundMotion | None, wanted: PassageFilter) -> bool:
    """Whether heading and speed fit; the speed fits if it may fit within its error. False without ground."""
    if ground is None:
        return False
    least, most, class_ = wanted.min_speed_m_s, wanted.max_speed_m_s, wanted.speed_class
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


def share_of(detail: PassageDetail, wanted: PassageFilter) -> float:
    """Return the largest share of the wanted colour on the wanted part, or on any part; 0 without it."""
    return 0.0 if wanted.colour is None else detail.share_of(wanted.colour, wanted.part)


def _crosses(line: PictureLine, detail: PassageDetail) -> bool:
    """Whether one of the path's segments meets the line. For most segments the first comparisons already
    exclude it."""
    c, d = line.start, line.end
    left, right, top, bottom = min(c[0], d[0]), max(c[0], d[0]), min(c[1], d[1]), max(c[1], d[1])
    for a, b in itertools.pairwise(detail.feet()):
        if (a[0] < left and b[0] < left) or (a[0] > right and b[0] > right):
            continue
        if (a[1] < top and b[1] < top) or (a[1] > bottom and b[1] > bottom):
            continue
        if twice_area(c, d, a) * twice_area(c, d, b) <= 0 and twice_area(a, b, c) * twice_area(a, b, d) <= 0:
            return True
    return False


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
