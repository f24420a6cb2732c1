"""How a passage is encoded, and what a row costs."""

from __future__ import annotations

import itertools
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.model import Box
from edge_agent.passages.detail import PassageDetail, colour_bits, encode_detail
from edge_agent.passages.passage import (
    COLOURS,
    ColourShare,
    PartColours,
    PathPoint,
    RuleReport,
    Side,
    StandingTime,
)
from edge_agent.passages.path import MAX_POINTS, STORED_POINTS, PathRecorder, side_of, thinned
from tests.passages.parts import passage

unit = st.floats(0.0, 1.0)


def test_a_row_says_after_decoding_what_was_encoded() -> None:
    whole = passage()
    detail = PassageDetail(encode_detail(whole), 12.0)
    assert detail.crop_sha256 == "11" * 32
    same = {field.name for field in fields(whole)} & set(dir(detail)) - {"crop_sha256", "path", "label"}
    assert len(same) == 13
    assert {name: getattr(detail, name) for name in same} == {name: getattr(whole, name) for name in same}
    assert detail.label is None, "the label is only stored where it says more than the group"
    for stored, point in zip(detail.path, whole.path, strict=True):
        assert stored == pytest.approx(point, abs=1e-3)


@given(
    st.lists(st.tuples(unit, unit, unit), min_size=1, max_size=STORED_POINTS),
    st.floats(0.1, 90_000.0),
    st.lists(st.tuples(st.sampled_from(COLOURS), unit), max_size=2, unique_by=lambda pair: pair[0]),
)
def test_any_path_and_colours_survive(
    points: list[tuple[float, float, float]], duration_s: float, shares: list[tuple[str, float]]
) -> None:
    path = tuple(PathPoint(t * duration_s, x, y) for t, x, y in points)
    parts = (PartColours("body", tuple(ColourShare(*share) for share in shares), 0.5),)
    whole = passage(ended_mono=1000.0 + duration_s, path=path, colours=parts)
    detail = PassageDetail(encode_detail(whole), duration_s)
    for stored, point in zip(detail.path, path, strict=True):
        assert stored == pytest.approx(point, abs=1e-3 + duration_s * 1e-4)
    assert [share.colour for share in detail.colours[0].colours] == [colour for colour, _ in shares]
    assert colour_bits(parts).bit_count() == len(shares)


def test_a_row_takes_at_most_250_bytes() -> None:
    full = passage(
        path=tuple(PathPoint(n / 2, n / 20, 0.5) for n in range(STORED_POINTS)),
        standing=(StandingTime(1.0, 3.0), StandingTime(5.0, 4.0)),
        reports=(RuleReport("gate", 2.0), RuleReport("one-way", 3.0)),
    )
    assert len(encode_detail(full)) <= 210  # the columns beside it: about 40


def test_a_path_keeps_its_ends_its_turn_and_few_points() -> None:
    path = PathRecorder(Box(0.0, 0.4, 0.1, 0.5), 1000.0, aspect=9 / 16)
    for n in range(1, 201):  # 40 s: to the right, and then down
        x, y = min(n, 100) / 150, 0.4 + max(0, n - 100) / 250
        path.add(Box(x, y, x + 0.1, y + 0.1), 1000.0 + n / 5)
    points = path.finish(1040.0)
    assert len(points) <= STORED_POINTS < MAX_POINTS
    assert points[0] == pytest.approx((0.0, 0.05, 0.5), abs=0.01)
    assert points[-1] == pytest.approx((40.0, 0.717, 0.9), abs=0.01)
    assert min(abs(p.x - 0.717) + abs(p.y - 0.5) for p in points) < 0.03, "the corner is lost"
    assert path.direction_deg == pytest.approx(109, abs=3)


def test_a_path_keeps_when_an_object_stood_on_a_straight_way() -> None:
    """Half an hour between four seconds of coming and four of leaving, at one height of the picture."""

    def x_at(second: float) -> float:
        return 0.1 * min(second, 4) + 0.1 * max(0.0, second - 1804)

    path = PathRecorder(Box(-0.05, 0.4, 0.05, 0.5), 0.0, aspect=9 / 16)
    for n in range(1, 1808 * 5 + 1):
        x = x_at(n / 5)
        path.add(Box(x - 0.05, 0.4, x + 0.05, 0.5), n / 5)
    points = path.finish(1808.0)
    assert len(points) <= STORED_POINTS
    for before, after in itertools.pairwise(points):
        for share in (0.25, 0.5, 0.75):  # even movement between two points comes near the real place
            second = before.after_s + share * (after.after_s - before.after_s)
            x = before.x + share * (after.x - before.x)
            assert x == pytest.approx(x_at(second), abs=0.04)


def test_a_path_so_far_adds_nothing_to_the_path() -> None:
    """The row of an object that stays is written every ten minutes, also while the camera is away."""
    path = PathRecorder(Box(0.4, 0.4, 0.5, 0.6), 1000.0, aspect=9 / 16)
    path.add(Box(0.5, 0.4, 0.6, 0.6), 1010.0)
    assert path.so_far(4600.0)[-1].after_s == 3600.0
    assert path.finish(1020.0)[-1].after_s == 20.0


def test_who_stays_at_one_place_has_no_direction() -> None:
    path = PathRecorder(Box(0.4, 0.4, 0.5, 0.6), 1000.0, aspect=9 / 16)
    for n in range(50):
        path.add(Box(0.4 + 0.01 * (n % 2), 0.4, 0.5 + 0.01 * (n % 2), 0.6), 1000.0 + n / 5)
    assert path.direction_deg is None


@pytest.mark.parametrize(("dx", "dy", "degrees"), [(0, -0.3, 0), (0.3, 0, 90), (0, 0.3, 180), (-0.3, 0, 270)])
def test_directions_are_degrees_clockwise_from_the_top(dx: float, dy: float, degrees: float) -> None:
    path = PathRecorder(Box(0.45, 0.4, 0.5, 0.5), 1000.0, aspect=9 / 16)
    path.add(Box(0.45 + dx, 0.4 + dy, 0.5 + dx, 0.5 + dy), 1003.0)
    assert path.direction_deg == pytest.approx(degrees)


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=40))
def test_thinning_keeps_both_ends_and_the_order(places: list[tuple[float, float]]) -> None:
    points = [PathPoint(float(n), x, y) for n, (x, y) in enumerate(places)]
    kept = [points[n] for n in thinned(points, 8)]
    assert len(kept) == min(8, len(points))
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert list(kept) == sorted(kept)


def test_the_side_is_the_nearest_one() -> None:
    assert side_of(Box(0.0, 0.5, 0.1, 0.7)) is Side.LEFT
    assert side_of(Box(0.9, 0.5, 1.0, 0.7)) is Side.RIGHT
    assert side_of(Box(0.4, 0.03, 0.5, 0.2)) is Side.TOP
    assert side_of(Box(0.4, 0.7, 0.5, 0.99)) is Side.BOTTOM
    assert side_of(Box(0.4, 0.3, 0.5, 0.6)) is Side.INSIDE
