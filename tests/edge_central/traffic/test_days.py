"""Days of lines and cameras without a database: differences, order of arrival, holes, spans."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from edge_central.traffic.calendar import day_span, days_of, local_day
from edge_central.traffic.days import CameraDay, LineDay, LineReading, MeasuredTime, merge_spans
from edge_central.traffic.increases import Span
from edge_central.traffic.reports import QUARTER_MS
from tests.edge_central.traffic.parts import DAY, TIMEZONE, WHOLE_DAY, at_ms, moment, of, quarter


def reading(since: str, until: str, **labels: int) -> LineDay:
    """The day with one reading of A to B."""
    return LineDay({quarter(until): LineReading(at_ms(since), at_ms(until), dict(labels), {})})


READINGS = (
    reading("00:00", "10:07", motorcycle=5),
    reading("10:07", "10:22", motorcycle=9, car=1),
    reading("10:22", "10:24", motorcycle=10, car=1),
    reading("10:24", "11:50", motorcycle=30, car=4),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_counts_are_the_same_in_whatever_order_reports_arrive(order: tuple[int, ...]) -> None:
    day = LineDay()
    for number in (*order, *order):  # and however often
        day.merge(msgspec.json.decode(msgspec.json.encode(READINGS[number]), type=LineDay))
    found = day.increases(WHOLE_DAY)
    assert found.by_quarter == {
        quarter("10:00"): of(motorcycle=5),
        quarter("10:15"): of(motorcycle=5, car=1),
        quarter("11:45"): of(motorcycle=20, car=3),
    }
    assert (found.unknown, found.undated.total(), day.total) == (frozenset(), 0, 34)


def test_where_a_report_does_not_follow_the_one_before_no_quarter_gets_its_counts() -> None:
    """The reading after the hole contains what the missing reports said: it must not become a peak."""
    day = reading("00:00", "10:07", motorcycle=5)
    day.merge(reading("10:52", "11:05", motorcycle=800))
    day.merge(reading("11:05", "11:20", motorcycle=803))
    found = day.increases(WHOLE_DAY)
    assert found.unknown == {quarter(clock) for clock in ("10:00", "10:15", "10:30", "10:45", "11:00")}
    assert found.by_quarter == {quarter("10:00"): of(motorcycle=5), quarter("11:15"): of(motorcycle=3)}
    assert found.undated == of(motorcycle=795)


def test_a_hole_inside_a_quarter_moves_nothing() -> None:
    day = reading("00:00", "10:01", motorcycle=5)
    day.merge(reading("10:09", "10:12", motorcycle=9))
    assert day.increases(WHOLE_DAY).by_quarter == {quarter("10:00"): of(motorcycle=9)}


def test_a_restart_of_the_agent_is_no_hole() -> None:
    day = reading("00:01", "10:07", motorcycle=5)
    day.merge(reading("10:08", "11:05", motorcycle=8))
    assert day.increases(WHOLE_DAY).unknown == frozenset()


def test_undated_crossings_take_nothing_from_the_dated_ones_after_them() -> None:
    day = reading("00:00", "10:07", motorcycle=5)
    day.merge(LineDay(undated={quarter("03:00"): LineReading(0, 0, {"motorcycle": 11}, {})}))
    day.merge(reading("10:07", "11:05", motorcycle=12))
    found = day.increases(WHOLE_DAY)
    assert found.by_quarter == {quarter("10:00"): of(motorcycle=5), quarter("11:00"): of(motorcycle=1)}
    assert found.undated == of(motorcycle=6)


def test_readings_that_fall_are_never_negative() -> None:
    day = reading("00:00", "10:07", motorcycle=50)
    day.merge(reading("10:07", "11:05", motorcycle=3))  # as no agent of ours sends it
    counts = day.increases(WHOLE_DAY).by_quarter.values()
    assert all(count >= 0 for each in counts for count in each.values())
    assert sum(each.total() for each in counts) == 50


@pytest.mark.parametrize(
    ("spans", "merged"),
    [
        ([], []),
        ([(3, 3)], []),  # empty
        ([(1, 3), (3, 5)], [(1, 5)]),  # they touch
        ([(4, 9), (1, 3)], [(1, 3), (4, 9)]),
        ([(1, 9), (2, 3), (5, 12)], [(1, 12)]),
    ],
)
def test_spans_are_merged(spans: list[Span], merged: list[Span]) -> None:
    assert merge_spans(spans) == merged


def test_a_quarter_is_measured_inside_a_span_and_not_at_its_end() -> None:
    measured = MeasuredTime(((3, 5), (9, 10)))
    assert [each for each in range(12) if each in measured] == [3, 4, 9]
    assert [measured.count(span) for span in ((0, 12), (4, 9), (0, 3), (9, 10), (11, 20))] == [3, 1, 0, 1, 0]


def test_a_camera_adds_its_intervals_and_joins_its_measured_time() -> None:
    day = CameraDay({7: {"car": 2}}, {"car": 1}, [(1, 4)])
    day.merge(CameraDay({7: {"car": 3, "person": 1}, 8: {"bus": 1}}, measured=[(4, 6)]))
    assert (day.dated, day.total) == ({7: {"car": 5, "person": 1}, 8: {"bus": 1}}, 8)
    assert (day.measured, day.measured_quarters) == ([(1, 6)], 5)


def test_a_day_begins_at_midnight_of_the_place() -> None:
    first, last = day_span(moment("00:00").date(), TIMEZONE)
    assert (first, last) == WHOLE_DAY
    assert first * QUARTER_MS == at_ms("00:00"), "17:00 UTC of the day before"
    assert [day.isoformat() for day in days_of((first, last), TIMEZONE)] == [DAY]
    assert local_day(at_ms("00:00") - 1, TIMEZONE).isoformat() == "2026-11-23"
