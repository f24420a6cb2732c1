"""The factors of candidates: which way each moves the order, and where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_central.journeys.candidates import rank
from edge_central.journeys.likelihood import (
    MAX_COLOUR,
    MIN_COLOUR,
    NAMED,
    Reason,
    ReasonKind,
    colour_factor,
    colour_reasons,
    heading_reasons,
    map_density,
    shares,
    term_factor,
    time_reason,
    travel_density,
)
from edge_central.journeys.model import Way
from edge_central.journeys.neighbours import Neighbour, gap_s, learnt_window, map_window, window_ms
from edge_central.journeys.travel_times import TravelTime
from edge_central.searches.matches import PassageMatch

START_MS = 1_763_476_200_000
PAIR = TravelTime(
    "dt-001", "cam-1", "dt-002", "cam-1", "two-wheeler", 48.0, 35.0, 70.0, 0.5, 400, 9.0, START_MS
)


def match(number: int = 1, after_s: float = 0.0, **more: Any) -> PassageMatch:
    """A passage that begins so long after START_MS and lasts 10 s."""
    fields: dict[str, Any] = {
        "cursor": number, "gateway": "dt-002", "ward": "de-tham", "camera": "cam-1", "passage": number,
        "start_ms": START_MS + round(after_s * 1000), "for_s": 10.0, "clock": "synced",
        "group": "two-wheeler", "label": None, "direction_deg": None, "speed": 1.0, "speed_m_s": None,
        "size": None, "entry": "left", "exit": "right", "light": "day",
    } | more  # fmt: skip
    return PassageMatch(**fields)


FOLLOWED = match(0, gateway="dt-001", colours={"upper": ("red",)})


def neighbour(pair: TravelTime | None = PAIR, gateway: str = "dt-002", **more: Any) -> Neighbour:
    low, high = learnt_window(pair) if pair else map_window("two-wheeler", 400.0)
    fields = {"distance_m": 400.0, "bearing_deg": 0.0} | more
    return Neighbour(gateway, "de-tham", "cam-1", True, learnt=pair, low_s=low, high_s=high, **fields)


# --- time ---


@pytest.mark.parametrize(
    ("group", "distance_m", "low_s", "high_s"),
    [
        ("person", 1000, 900 / 8 * 3.6 - 15, 1700 / 2 * 3.6 + 15),
        ("two-wheeler", 1000, 900 / 50 * 3.6 - 15, 1700 / 5 * 3.6 + 15),
        ("of tomorrow", 1000, 900 / 50 * 3.6 - 15, 1700 / 2 * 3.6 + 15),  # any speed
        ("vehicle", 0, -15, 100 / 5 * 3.6 + 15),  # another camera of the site
        ("person", 5000, 4900 / 8 * 3.6 - 15, 7200),  # at most two hours
    ],
)
def test_the_map_gives_a_window_by_stated_speeds(
    group: str, distance_m: float, low_s: float, high_s: float
) -> None:
    assert map_window(group, distance_m) == pytest.approx((low_s, high_s))


def test_a_learnt_window_is_narrower_and_holds_its_quantiles() -> None:
    low, high = learnt_window(PAIR)
    assert 0 < low < 35
    assert 70 < high < 130
    assert high - low < map_window("two-wheeler", 400.0)[1]


@pytest.mark.parametrize(("low", "median", "high"), [(-8.0, -2.0, 5.0), (-3.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
def test_views_that_overlap_have_times_below_zero(low: float, median: float, high: float) -> None:
    pair = replace(PAIR, low_s=low, median_s=median, high_s=high)
    least, most = learnt_window(pair)
    assert least < low
    assert most > high
    assert travel_density(pair, median) > travel_density(pair, high + 10) >= 0


def test_the_density_is_highest_near_the_median_and_sums_to_one() -> None:
    densities = [travel_density(PAIR, each / 10) for each in range(1, 10_000)]
    assert sum(densities) / 10 == pytest.approx(1.0, abs=0.01)
    assert 40 < densities.index(max(densities)) / 10 < 50
    inside = sum(densities[350:700]) / 10
    assert inside == pytest.approx(0.8, abs=0.05), "between the quantiles 0.1 and 0.9"


def test_a_usual_time_beats_an_unusual_one_and_a_stop_excludes_nothing() -> None:
    usual, late = (time_reason(gap, neighbour(), 0.5, 10) for gap in (48.0, 110.0))
    assert usual.factor > 5 * late.factor > 0
    assert (usual.kind, usual.low_s, usual.high_s) == (ReasonKind.LEARNT_TIME, 35.0, 70.0)


def test_by_the_map_twice_the_time_is_half_as_likely() -> None:
    by_map = neighbour(None)
    one, double = (time_reason(gap, by_map, 0.5, 10).factor for gap in (60.0, 120.0))
    assert one == pytest.approx(2 * double)
    densities = [
        map_density(by_map, each / 10) for each in range(round(by_map.low_s * 10), round(by_map.high_s * 10))
    ]
    assert sum(densities) / 10 == pytest.approx(1.0, abs=0.02)


def test_one_of_many_means_less_than_one_of_few() -> None:
    few, many = (time_reason(48.0, neighbour(), 0.5, count).factor for count in (2, 40))
    assert few == pytest.approx(20 * many)


def test_cameras_without_a_learnt_time_divide_what_the_others_leave() -> None:
    learnt, near = neighbour(), neighbour(None, "dt-003", distance_m=200.0)
    far = neighbour(None, "dt-004", distance_m=800.0)
    assert shares([learnt, near, far]) == pytest.approx({learnt.key: 0.5, near.key: 0.4, far.key: 0.1})
    everything = shares([neighbour(replace(PAIR, share=1.0)), near])
    assert everything[near.key] == pytest.approx(0.1), "never nothing"


@pytest.mark.parametrize("way", list(Way))
def test_the_gap_is_between_the_end_of_one_and_the_start_of_the_other(way: Way) -> None:
    before, after = match(1, 0.0), match(2, 58.0)
    pair = (before, after) if way is Way.FORWARD else (after, before)
    assert gap_s(*pair, way) == pytest.approx(48.0)
    low_ms, high_ms = window_ms(pair[0], 40.0, 60.0, way)
    moment = after.start_ms if way is Way.FORWARD else before.start_ms + 10_000
    assert low_ms <= moment <= high_ms
    assert high_ms - low_ms == 20_000


# --- colours ---


def test_colours_weigh_by_how_cameras_confuse_them() -> None:
    assert term_factor("white", "white") > term_factor("black", "black") > 1, "black is everywhere"
    assert term_factor("black", "grey") > 1, "cloth of few pixels"
    assert term_factor("white", "black") == MIN_COLOUR
    for one in NAMED:
        for other in NAMED:
            assert MIN_COLOUR <= term_factor(one, other) <= MAX_COLOUR
            assert term_factor(one, other) == pytest.approx(term_factor(other, one))


def test_a_second_term_softens_a_contradiction() -> None:
    assert colour_factor(("red",), ("white",)) < colour_factor(("red",), ("white", "red")) < MAX_COLOUR


def test_a_colour_that_one_did_not_name_says_nothing() -> None:
    dark = match(1, colours={"upper": ("red",)})
    assert list(colour_reasons(dark, match(2, light="infrared"))) == []
    assert list(colour_reasons(dark, match(2, colours={"lower": ("red",)}))) == []
    assert list(colour_reasons(dark, match(2, colours={"upper": ("of tomorrow",)}))) == []
    (day,) = colour_reasons(dark, match(2, colours={"upper": ("red",)}))
    (dusk,) = colour_reasons(dark, match(2, colours={"upper": ("red",)}, light="dusk"))
    assert 1 < dusk.factor < day.factor


# --- direction ---


@pytest.mark.parametrize(
    ("heading", "way", "supports"),
    [
        (10, Way.FORWARD, [True]),
        (350, Way.FORWARD, [True]),
        (170, Way.FORWARD, [False]),
        (90, Way.FORWARD, []),  # across: says nothing
        (170, Way.BACKWARD, [True]),  # it came from the north
    ],
)
def test_a_heading_is_compared_with_the_bearing_between_the_sites(
    heading: int, way: Way, supports: list[bool]
) -> None:
    followed = replace(FOLLOWED, heading_deg=heading)
    assert [each.supports for each in heading_reasons(followed, match(), neighbour(), way)] == supports
    close = neighbour(distance_m=60.0)
    assert list(heading_reasons(followed, match(), close, way)) == [], "two cameras of one place"


# --- the order ---


def ranked(*found: PassageMatch, **more: Any) -> list[int]:
    neighbours = [neighbour(), neighbour(None, "dt-003")]
    rows = rank(FOLLOWED, [("s", each) for each in found], neighbours, Way.FORWARD, **more)
    return [each.passage for _, each, _ in rows]


def test_time_and_colour_make_the_order_together() -> None:
    red, white = {"upper": ("red",)}, {"upper": ("white",)}
    assert ranked(match(1, 58, colours=white), match(2, 58, colours=red)) == [2, 1]
    assert ranked(match(1, 115, colours={}), match(2, 58, colours={})) == [2, 1]
    assert ranked(match(1, 58, gateway="dt-003"), match(2, 58)) == [2, 1], "the learnt way"


def test_what_comes_too_soon_or_from_no_neighbour_is_left_out() -> None:
    assert ranked(match(1, 12), match(2, 58, camera="cam-9"), match(3, 58, gateway="dt-009")) == []


@pytest.mark.parametrize(
    ("after_s", "more", "is_candidate"),
    [
        (3.0, {"gateway": "dt-001"}, True),  # views overlap: it begins before the followed passage ends
        (-0.1, {"gateway": "dt-001"}, False),  # the same clock
        (-1.9, {}, True),  # synchronised clocks of two gateways
        (-2.1, {}, False),
        (-2.1, {"clock": "corrected"}, False),
        (-4.9, {"clock": "unsynced"}, True),
    ],
)
@pytest.mark.parametrize("way", list(Way))
def test_what_begins_before_the_passage_that_it_should_follow_is_no_candidate(
    after_s: float, more: dict[str, Any], is_candidate: bool, way: Way
) -> None:
    sign = 1 if way is Way.FORWARD else -1
    found = match(1, sign * after_s, camera="cam-2", for_s=2.0, **more)
    there = replace(neighbour(None, found.gateway), camera="cam-2", low_s=-15.0)
    rows = rank(FOLLOWED, [("s", found)], [there], way)
    assert [each.passage for _, each, _ in rows] == ([1] if is_candidate else [])


def test_similar_pictures_are_one_more_factor() -> None:
    similar = Reason(ReasonKind.APPEARANCE, 9.0, words="looks similar")
    assert ranked(match(1, 58), match(2, 60)) == [1, 2]
    assert ranked(match(1, 58), match(2, 60), appearance={("dt-002", 2): similar}) == [2, 1]


def test_passages_that_a_gateway_did_not_send_count() -> None:
    rows = rank(FOLLOWED, [("s", match(1, 58))], [neighbour()], Way.FORWARD, {"dt-002": 12.0})
    assert rows[0][2][0].others == 12
