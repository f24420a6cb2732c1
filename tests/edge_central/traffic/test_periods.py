"""Sums by quarter, hour and day, and what they say of gaps."""

from __future__ import annotations

import pytest

from edge_central.traffic.days import MeasuredTime
from edge_central.traffic.increases import Span
from edge_central.traffic.periods import PeriodLength, split_span, sum_counts, sum_periods
from edge_central.traffic.series import CountedPlace, TrafficSeries
from tests.edge_central.traffic.parts import TIMEZONE, WHOLE_DAY, of, quarter

FIRST = WHOLE_DAY[0]
NOON = quarter("12:00")


def series(measured: Span, **counted: int) -> TrafficSeries:
    """``counted``: by the quarter of the day, such as ``q40``."""
    by_quarter = {FIRST + int(name[1:]): of(car=count) for name, count in counted.items()}
    place = CountedPlace("de-tham", "dt-001", "cam-1", "r", "l")
    return TrafficSeries(place, by_quarter, MeasuredTime((measured,)), frozenset(), of())


@pytest.mark.parametrize(
    ("length", "count", "second"),
    [(PeriodLength.QUARTER, 192, 1), (PeriodLength.HOUR, 48, 4), (PeriodLength.DAY, 2, 96)],
)
def test_a_span_is_split_at_the_clock_of_the_place(length: PeriodLength, count: int, second: int) -> None:
    found = list(split_span((FIRST, FIRST + 192), length, TIMEZONE))
    assert (len(found), found[1][0]) == (count, FIRST + second)
    assert found[-1][1] == FIRST + 192


def test_an_hour_is_a_sum_a_zero_a_part_or_a_gap() -> None:
    of_day = series((FIRST + 32, FIRST + 42), q33=2, q35=3, q41=1, q45=7)
    hours = list(split_span((quarter("08:00"), NOON), PeriodLength.HOUR, TIMEZONE))
    found = sum_periods(of_day, hours, NOON + 10)
    assert [(each.total, each.measured, each.is_partial) for each in found] == [
        (5, 4, False),  # 08:00
        (0, 4, False),  # 09:00: a picture, and nothing passed
        (1, 2, True),  # 10:00: the camera was lost at 10:30
        (7, 0, True),  # 11:00: counted by the gateway, while nobody knows of its camera
    ]
    assert sum_counts(found) == of(car=13)


def test_a_time_without_any_sign_is_a_gap_and_no_zero() -> None:
    (day,) = sum_periods(series((FIRST, FIRST)), [WHOLE_DAY], FIRST + 200)
    assert (day.counts, day.total, day.is_partial) == (None, None, False)


def test_what_has_not_begun_is_left_out_and_what_goes_on_counts_so_far() -> None:
    hours = list(split_span((quarter("11:00"), quarter("15:00")), PeriodLength.HOUR, TIMEZONE))
    found = sum_periods(series((FIRST, NOON + 1), q48=2, q49=1), hours, NOON + 1)
    assert [(each.total, each.measured, each.of) for each in found] == [(0, 4, 4), (3, 1, 1)]


def test_an_hour_of_which_nothing_is_over_or_counted_is_left_out() -> None:
    hours = list(split_span((NOON, NOON + 4), PeriodLength.HOUR, TIMEZONE))
    assert sum_periods(series((FIRST, NOON)), hours, NOON) == []
