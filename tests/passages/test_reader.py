"""A search answers as a plain comparison of all rows does, whatever SQLite counts and in what slices."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.core.geometry import Point
from edge_agent.passages import reader
from edge_agent.passages.filters import DIRECTION_WITHIN_DEG, PassageFilter, PictureLine, to_ms
from edge_agent.passages.passage import (
    COLOURS,
    GROUPS,
    PARTS,
    ColourShare,
    PartColours,
    Passage,
    PathPoint,
    StandingTime,
)
from edge_agent.passages.reader import PassageReader, StoredPassage
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store

ROWS = 250
DAYS = 3
HOUR_S, DAY_S = 3600.0, 86_400.0
SAME_S = (HOUR_S, 30_000.0, 1.5 * DAY_S)
"""When many passages begin at once: no slice may divide them."""
CAMERAS = ("cam-1", "cam-2", "cam-3")
LIMITS = (1, 7, 50, ROWS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[StoredPassage]]]:
    """The folder and all rows: three days, short passages and some of hours; slices of a few rows."""
    place, rng = tmp_path_factory.mktemp("rows"), random.Random(7)
    rows = store(place, HandClock(mono=0.0))
    rows.write([any_passage(number, rng) for number in range(ROWS)], synced=True)
    rows.close()
    with pytest.MonkeyPatch.context() as small:
        small.setattr(reader, "SLICE_ROWS", 5)
        small.setattr(reader, "INDEXED_ROWS", 11)
        stored = list(PassageReader(place).find(PassageFilter()))
        assert len(stored) == ROWS
        yield place, stored


def any_passage(number: int, rng: random.Random) -> Passage:
    started = rng.choice((rng.uniform(0, DAYS * DAY_S), rng.choice(SAME_S)))
    longest = rng.choices((60.0, 1.5 * HOUR_S, 2 * DAY_S), (8, 2, 1))[0]
    lasts, group, camera = rng.uniform(0.5, longest), rng.choice((None, *GROUPS)), rng.choice(CAMERAS)
    stands = (StandingTime(0.2, rng.uniform(0.0, 20.0)),) if rng.random() < 0.4 else ()
    path = [PathPoint(n * lasts / 5, rng.random(), rng.random()) for n in range(rng.randint(1, 6))]
    return passage(
        number,
        started,
        camera=camera,
        track=f"{camera}-{number}",
        ended_mono=started + lasts,
        group=group,
        path=tuple(path),
        direction_deg=rng.choice((None, rng.uniform(0, 360))),
        height=rng.random(),
        speed=rng.choice((0.0, rng.uniform(0, 5))),
        colours=tuple(any_part(part, rng) for part in PARTS if rng.random() < 0.5),
        standing=stands,
        crop=None,
    )


def any_part(part: str, rng: random.Random) -> PartColours:
    """Shares in hundredths: many passages show a colour equally well."""
    named = rng.sample(COLOURS[:4], 2)
    shares = (ColourShare(named[0], rng.randint(3, 8) / 10), ColourShare(named[1], rng.randint(0, 2) / 10))
    return PartColours(part, shares, 0.5)


HUNDREDTHS = st.integers(0, 100).map(lambda number: number / 100)
MOMENTS = st.one_of(st.sampled_from(SAME_S), st.floats(-HOUR_S, (DAYS + 1) * DAY_S)).map(
    lambda seconds: HandClock().wall + timedelta(seconds=round(seconds, 3))
)
LINES = st.builds(
    PictureLine, st.sampled_from((*CAMERAS, "cam-9")), st.tuples(HUNDREDTHS, HUNDREDTHS),
    st.tuples(HUNDREDTHS, HUNDREDTHS),
)  # fmt: skip


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Mostly no condition: with many at once nothing is found."""
    return st.one_of(st.none(), st.none(), st.none(), strategy)


@st.composite
def filters(draw: st.DrawFn) -> PassageFilter:
    span: list[datetime | None] = sorted((draw(MOMENTS), draw(MOMENTS)))  # type: ignore[assignment]
    colour = draw(maybe(st.sampled_from(COLOURS[:5])))
    return PassageFilter(
        from_at=draw(st.sampled_from((span[0], span[0], None))),
        to_at=draw(st.sampled_from((span[1], span[1], None))),
        cameras=draw(maybe(st.lists(st.sampled_from((*CAMERAS, "cam-9")), min_size=1).map(tuple))),  # type: ignore[arg-type]
        group=draw(maybe(st.sampled_from(GROUPS))),  # type: ignore[arg-type]
        colour=colour,  # type: ignore[arg-type]
        part=None if colour is None else draw(maybe(st.sampled_from(PARTS))),  # type: ignore[arg-type]
        direction_deg=draw(maybe(st.integers(0, 359).map(float))),  # type: ignore[arg-type]
        line=draw(maybe(LINES)),  # type: ignore[arg-type]
        min_height=draw(maybe(HUNDREDTHS)),  # type: ignore[arg-type]
        max_height=draw(maybe(HUNDREDTHS)),  # type: ignore[arg-type]
        min_speed=draw(maybe(st.floats(0, 5))),  # type: ignore[arg-type]
        max_speed=draw(maybe(st.floats(0, 5))),  # type: ignore[arg-type]
        min_for_s=draw(maybe(st.floats(0, 2 * HOUR_S))),  # type: ignore[arg-type]
        min_still_s=draw(maybe(st.floats(0, 20))),  # type: ignore[arg-type]
    )


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(wanted=filters(), limit=st.sampled_from(LIMITS), oldest_first=st.booleans())
def test_a_search_counts_and_chooses_as_a_comparison_of_all_rows_does(
    site: tuple[Path, list[StoredPassage]], wanted: PassageFilter, limit: int, oldest_first: bool
) -> None:
    folder, stored = site
    fitting = [each for each in stored if fits(each, wanted)]
    found = PassageReader(folder).best(wanted, limit, oldest_first=oldest_first)
    assert found.total == len(fitting)
    assert [each.id for each in found.best] == [each.id for each in in_order(fitting, wanted, oldest_first)][
        :limit
    ]
    assert [each.id for each in PassageReader(folder).find(wanted)] == [
        each.id for each in sorted(fitting, key=place_of, reverse=True)
    ]


def in_order(
    fitting: Sequence[StoredPassage], wanted: PassageFilter, oldest_first: bool
) -> list[StoredPassage]:
    if wanted.colour is None:
        return sorted(fitting, key=place_of, reverse=not oldest_first)
    return sorted(fitting, key=lambda each: (share_of(each, wanted), *place_of(each)), reverse=True)


def place_of(stored: StoredPassage) -> tuple[int, int]:
    return to_ms(stored.started_at), stored.id


def share_of(stored: StoredPassage, wanted: PassageFilter) -> float:
    parts = [part for part in stored.detail.colours if wanted.part in (None, part.part)]
    return max(
        (each.share for part in parts for each in part.colours if each.colour == wanted.colour), default=0.0
    )


def fits(stored: StoredPassage, wanted: PassageFilter) -> bool:
    detail, start = stored.detail, to_ms(stored.started_at)
    parts = () if wanted.colour is None else detail.colours
    named = {each.colour for part in parts for each in part.colours}
    off = None
    if wanted.direction_deg is not None and stored.direction_deg is not None:
        off = abs((stored.direction_deg - wanted.direction_deg + 180) % 360 - 180)
    line = wanted.line
    return all(
        (
            wanted.from_at is None or start + round(1000 * stored.duration_s) >= to_ms(wanted.from_at),
            wanted.to_at is None or start <= to_ms(wanted.to_at),
            wanted.cameras is None or stored.camera in wanted.cameras,
            wanted.group in (None, stored.group),
            wanted.colour is None or wanted.colour in named,
            wanted.part is None or share_of(stored, wanted) > 0,
            wanted.direction_deg is None or (off is not None and off <= DIRECTION_WITHIN_DEG),
            line is None or (stored.camera == line.camera and crosses(detail.path, line)),
            wanted.min_height is None or detail.height >= wanted.min_height,
            wanted.max_height is None or detail.height <= wanted.max_height,
            wanted.min_speed is None or round(100 * stored.speed) >= 100 * wanted.min_speed,
            wanted.max_speed is None or round(100 * stored.speed) <= 100 * wanted.max_speed,
            wanted.min_for_s is None or round(1000 * stored.duration_s) >= 1000 * wanted.min_for_s,
            wanted.min_still_s is None or detail.standing_s >= wanted.min_still_s,
        )
    )


def crosses(path: Sequence[PathPoint], line: PictureLine) -> bool:
    """Whether a segment of the path and the line have a point in common, by the side of their ends."""

    def meets(a: Point, b: Point) -> bool:
        c, d = line.start, line.end
        if side(c, d, a) * side(c, d, b) > 0 or side(a, b, c) * side(a, b, d) > 0:
            return False
        return all(
            max(min(a[n], b[n]), min(c[n], d[n])) <= min(max(a[n], b[n]), max(c[n], d[n])) for n in (0, 1)
        )

    return any(meets((before.x, before.y), (after.x, after.y)) for before, after in pairwise(path))


def side(a: Point, b: Point, point: Point) -> float:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
