"""Which passages a search wants, and the conditions that select them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.geometry import Point
from edge_agent.core.ground import SpeedClass, speed_classes
from edge_agent.passages.detail import PassageDetail
from edge_agent.passages.passage import COLOURS, GROUPS, GroundMotion, PathPoint

DIRECTION_WITHIN_DEG = 45


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


def column_conditions(wanted: PassageFilter, names: Mapping[int, str]) -> tuple[str, list[object]]:
    """The part of the filter that the columns can answer."""
    terms: list[str] = ["1"]
    values: list[object] = []

    def add(term: str, *more: object) -> None:
        terms.append(term)
        values.extend(more)

    if wanted.from_at is not None:
        add("start + duration >= ?", to_ms(wanted.from_at))
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


def detail_conditions(wanted: PassageFilter) -> list[Callable[[PassageDetail], bool]]:
    """The part of the filter that only the detail can answer."""
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
        conditions.append(lambda detail: _crosses(detail.path, line))
    of_ground = (wanted.min_speed_m_s, wanted.max_speed_m_s, wanted.speed_class, wanted.heading_deg)
    if any(each is not None for each in of_ground):
        conditions.append(lambda detail: _fits_on_ground(detail.ground, wanted))
    return conditions


def _fits_on_ground(ground: GroundMotion | None, wanted: PassageFilter) -> bool:
    """Whether the speed in metres with its error, and the heading, fit."""
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
    """The largest share of the wanted colour on the wanted part, or on any; 0: it has none."""
    parts = [each for each in detail.colours if wanted.part in (None, each.part)]
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


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
