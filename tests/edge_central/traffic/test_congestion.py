"""The congestion level: the speed of a quarter against what is usual at its camera."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from edge_central.settings import Database
from edge_central.store.database import read_transaction
from edge_central.store.scope import EVERYWHERE
from edge_central.traffic import congestion
from edge_central.traffic.calendar import quarter_of
from edge_central.traffic.congestion import (
    MIN_QUARTERS,
    CameraFlow,
    CongestionLevel,
    FreeFlow,
    congestion_level,
    free_flow,
    sum_congestion,
)
from edge_central.traffic.days import MeasuredTime, QuarterFlow
from edge_central.traffic.flow_series import UsualFlow, read_flow
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.series import TrafficFilter
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.parts import FakeGateway
from tests.edge_central.traffic.parts import (
    NOW_MS,
    TIMEZONE,
    WHOLE_DAY,
    flow,
    object_counts,
    picture_of,
    quarter,
    seeing,
)

BOX = FakeGateway()
USUAL = FreeFlow(speed=2.0, on_road=False, long_s=0.0, quarters=200)
PARKING = FreeFlow(speed=2.0, on_road=False, long_s=6 * 900.0, quarters=200)


def cars(moving: float, speed: float = 2.0, standing: float = 0.0, long: float = 0.0) -> QuarterFlow:
    """Mean numbers over a quarter."""
    moving_s = moving * 900
    return QuarterFlow(moving_s, standing * 900, long * 900, moving_s, moving_s * speed)


@pytest.mark.parametrize(
    ("quarter_flow", "usual", "expected"),
    [
        (QuarterFlow(), USUAL, CongestionLevel.FREE),  # an empty road
        (cars(4.0, 1.9), USUAL, CongestionLevel.FREE),
        (cars(4.0, 1.0), USUAL, CongestionLevel.BUSY),
        (cars(4.0, 0.7), USUAL, CongestionLevel.SLOW),
        (cars(0.5, 0.2), USUAL, CongestionLevel.FREE),  # one slow cyclist at night
        (cars(0.0, standing=5.0), USUAL, CongestionLevel.STANDING),  # nothing moves
        (cars(0.3, 0.3, standing=5.0), USUAL, CongestionLevel.STANDING),  # creeps
        (cars(0.0, long=5.0), USUAL, CongestionLevel.STANDING),  # for more than five minutes
        (cars(0.0, long=5.0), PARKING, CongestionLevel.FREE),  # as many as usually park there
        (cars(0.0, long=11.0), PARKING, CongestionLevel.STANDING),  # and a queue
        (cars(0.4, 1.9, standing=5.0), USUAL, CongestionLevel.FREE),  # a red light: what moves is fast
        (cars(0.0, standing=1.5), USUAL, None),  # too few to say
    ],
)
def test_the_level_of_a_quarter(
    quarter_flow: QuarterFlow, usual: FreeFlow, expected: CongestionLevel | None
) -> None:
    assert congestion_level(quarter_flow, usual) == expected


def camera(
    flows: Mapping[Quarter, QuarterFlow],
    measured: Span = (0, 1000),
    counted: frozenset[Quarter] = frozenset(),
) -> CameraFlow:
    return CameraFlow(flows, counted, MeasuredTime((measured,)))


def test_the_free_flow_speed_is_the_85th_percentile_of_enough_quarters() -> None:
    speeds = {n: cars(1.0, 1.0 + n / 100, long=3.0) for n in range(100)}
    found = free_flow(camera(speeds), (0, 1000))
    assert found is not None
    assert found.speed == pytest.approx(1.84)
    assert (found.on_road, found.quarters) == (False, 100)
    assert found.long_s == 0, "in most quarters of the time nothing is parked"
    few = {n: speeds[n] for n in range(MIN_QUARTERS - 1)}
    assert free_flow(camera(few), (0, 1000)) is None
    assert free_flow(camera(speeds, measured=(50, 60)), (0, 1000)) is None, "of measured quarters only"


def test_metres_a_second_are_preferred_where_there_are_enough() -> None:
    on_road = QuarterFlow(900.0, 0.0, 0.0, 900.0, 900.0, 900.0, 7200.0)
    found = free_flow(camera(dict.fromkeys(range(MIN_QUARTERS), on_road)), (0, 1000))
    assert found is not None
    assert (found.speed, found.on_road) == (8.0, True)


def test_a_period_has_minutes_of_each_level_and_what_is_not_known() -> None:
    flows = {10: cars(4.0, 1.9), 11: cars(4.0, 0.7), 12: cars(0.0, standing=5.0)}
    found = camera(flows, measured=(10, 15), counted=frozenset({14}))
    (period,) = sum_congestion(found, USUAL, [(10, 20)], now=17)
    assert [period.minutes[level] for level in CongestionLevel] == [30, 0, 15, 15]
    assert period.unknown_min == 45, "an agent that reports no traffic, and two gaps; the rest is not over"
    assert period.vehicles == pytest.approx(13 / 4, abs=0.01)
    (unknown,) = sum_congestion(found, None, [(10, 20)], now=17)
    assert (sum(unknown.minutes.values()), unknown.unknown_min, unknown.speed_percent) == (0, 105, None)


NOW = quarter_of(NOW_MS)


def stored(database: Database, span: Span = WHOLE_DAY) -> UsualFlow:
    with read_transaction(database) as connection:
        (found,) = read_flow(connection, EVERYWHERE, TrafficFilter(), span, TIMEZONE, NOW).values()
    return found


def test_the_traffic_of_reports_adds_up_by_quarter(ingest: IngestHarness) -> None:
    reports = (
        object_counts(BOX, 1, "10:00", "10:05", {"car": 3}, flow=flow(2.0, 1.0, speed=2.0, watched_s=300)),
        object_counts(BOX, 2, "10:05", "10:10", {}, flow=flow(1.0, standing=4.0, speed=1.0, watched_s=300)),
        object_counts(BOX, 3, "10:15", "10:16", {"car": 1}),
        object_counts(BOX, 4, "03:00", "03:01", {}, clock="unsynced", flow=flow(9.0)),
    )
    ingest.write(*reports, reports[0], seeing(BOX, "11:01", "00:00"), now_ms=NOW_MS)
    found = stored(ingest.database).flow
    assert set(found.by_quarter) == {quarter("10:00")}
    ten = found.by_quarter[quarter("10:00")]
    assert (ten.moving_s, ten.standing_s) == (900.0, 1500.0)
    assert ten.speed == pytest.approx(5 / 3)
    assert found.counted == {quarter("10:00"), quarter("10:15")}
    assert quarter("10:15") in found.measured
    assert picture_of(ingest.database).by_quarter.keys() == {quarter("10:00"), quarter("10:15")}


def test_what_is_usual_is_known_also_in_a_period_that_goes_on_for_weeks(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(congestion, "MIN_QUARTERS", 1)
    report = object_counts(BOX, 1, "10:00", "10:05", {"car": 3}, flow=flow(2.0, speed=2.0, watched_s=300))
    ingest.write(report, seeing(BOX, "11:01", "00:00"), now_ms=NOW_MS)
    usual = stored(ingest.database).usual
    assert usual is not None
    assert stored(ingest.database, (WHOLE_DAY[0], WHOLE_DAY[1] + 96 * 20)).usual == usual


@pytest.mark.parametrize(
    "odd",
    [7, None, {"moving": 1}, flow(-1.0), flow(1e300), flow(1.0, watched_s=1e9), flow(1.0, speed=1e9)],
    ids=["number", "null", "half", "negative", "many", "long", "fast"],
)
def test_traffic_that_makes_no_sense_costs_no_counts(ingest: IngestHarness, odd: object) -> None:
    ingest.write(object_counts(BOX, 1, "10:00", "10:01", {"car": 3}, flow=odd), now_ms=NOW_MS)
    assert stored(ingest.database).flow.by_quarter == {}
    assert picture_of(ingest.database).by_quarter[quarter("10:00")].total() == 3
