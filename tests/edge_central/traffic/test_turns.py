"""Turning movements that the ingest stores; on both databases where they are stored."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from edge_central.settings import Database
from edge_central.store.database import read_transaction
from edge_central.store.scope import EVERYWHERE
from edge_central.traffic import turn_series
from edge_central.traffic.days import MeasuredTime
from edge_central.traffic.periods import sum_periods
from edge_central.traffic.reports import FURTHER, ONLY, Counts
from edge_central.traffic.series import CountedPlace, TooMuchTraffic, TrafficFilter, TrafficSeries
from edge_central.traffic.turn_series import read_turns
from edge_central.traffic.turns import MAX_KEYS, TurnDay, turn_day
from edge_central.web.pages.numbers.turns import turn_matrix
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.parts import FakeGateway
from tests.edge_central.traffic.parts import (
    NOW_MS,
    TIMEZONE,
    WHOLE_DAY,
    at_ms,
    line_counts,
    line_of,
    quarter,
    seeing,
    totals,
    turns,
)
from tests.edge_central.web.hostile import Message

BOX = FakeGateway()
EAST, WEST = ("east", "b-to-a", "a-to-b", "car"), ("west", "b-to-a", "a-to-b", "car")


TURN: dict[str, Any] = {
    "line": "east",
    "direction": "a-to-b",
    "to_direction": "a-to-b",
    "objects": {"car": 1},
}


def reading(since: str, until: str, counts: dict[tuple[str, ...], int]) -> TurnDay:
    return turn_day(quarter(until), at_ms(since), at_ms(until), Counts(counts), is_dated=True)


READINGS = (
    reading("00:00", "10:07", {}),
    reading("10:07", "10:22", {EAST: 2}),
    reading("10:22", "10:24", {WEST: 1, EAST: 3}),
    reading("10:24", "11:50", {EAST: 5, WEST: 1}),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_turns_are_the_same_in_whatever_order_reports_arrive(order: tuple[int, ...]) -> None:
    day = TurnDay()
    for number in (*order, *order):  # and however often
        other = msgspec.json.decode(msgspec.json.encode(READINGS[number]), type=TurnDay)
        day.merge(other)
        day = msgspec.json.decode(msgspec.json.encode(day), type=TurnDay)
    found = day.increases(WHOLE_DAY)
    assert {key: +each for key, each in found.by_quarter.items()} == {
        quarter("10:00"): Counts(),
        quarter("10:15"): Counts({EAST: 3, WEST: 1}),
        quarter("11:45"): Counts({EAST: 2}),
    }
    assert (found.unknown, found.undated.total(), day.total) == (frozenset(), 0, 6)


def test_a_day_has_a_bounded_number_of_keys() -> None:
    day = reading("00:00", "10:07", {EAST: 2})
    day.merge(
        reading("10:07", "10:22", {(f"l{n}", "a-to-b", "a-to-b", "car"): 1 for n in range(MAX_KEYS + 50)})
    )
    day.merge(reading("10:22", "10:24", {EAST: 3}))
    assert (len(day.keys), day.total) == (MAX_KEYS, MAX_KEYS + 2)


def store(ingest: IngestHarness, *messages: Message) -> None:
    ingest.write(*messages, now_ms=NOW_MS)


def read(database: Database, **asked: Any) -> list[TrafficSeries]:
    with read_transaction(database) as connection:
        return read_turns(connection, EVERYWHERE, TrafficFilter(**asked), WHOLE_DAY, TIMEZONE)


def test_turns_are_stored_by_quarter_and_last_line(ingest: IngestHarness) -> None:
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"car": 3}, data=turns({"car": 1}, east={"car": 2})),
        line_counts(
            BOX, 2, "10:07", "10:22", {"car": 7},
            data=turns({"car": 1}, east={"car": 4}, north={"motorcycle": 1, "drone": 1}),
        ),
    )  # fmt: skip
    (found,) = read(ingest.database)
    assert (found.place.camera, found.place.line) == ("cam-1", "gate")
    assert {key: +counts for key, counts in found.by_quarter.items()} == {
        quarter("10:00"): Counts({EAST: 2, (ONLY, "", "", "car"): 1}),
        quarter("10:15"): Counts(
            {
                EAST: 2,
                ("north", "b-to-a", "a-to-b", "motorcycle"): 1,
                ("north", "b-to-a", "a-to-b", "other"): 1,
            }
        ),
    }
    assert read(ingest.database, line="elsewhere") == []


def test_a_late_report_lands_in_its_own_quarter_and_until_then_is_no_peak(ingest: IngestHarness) -> None:
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"car": 3}, data=turns(east={"car": 2})),
        line_counts(BOX, 3, "10:22", "10:37", {"car": 9}, data=turns(east={"car": 8})),
        seeing(BOX, "11:01", "00:00"),
    )
    (before,) = read(ingest.database)
    assert (totals(before), before.undated.total()) == ({"10:00": 2}, 6)
    store(ingest, line_counts(BOX, 2, "10:07", "10:22", {"car": 8}, data=turns(east={"car": 7})))
    (after,) = read(ingest.database)
    assert (totals(after), after.undated.total()) == ({"10:00": 2, "10:15": 5, "10:30": 1}, 0)


def test_an_agent_without_turns_leaves_a_gap_and_no_zero(ingest: IngestHarness) -> None:
    """A gateway that an update has just made report them, and that the update was taken back from."""
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"car": 3}),
        line_counts(BOX, 2, "10:07", "10:22", {"car": 4}, data=turns({"car": 1})),
        line_counts(BOX, 3, "10:22", "10:37", {"car": 9}),
        seeing(BOX, "12:01", "00:00"),
    )
    (found,) = read(ingest.database)
    quarters = [(quarter(clock), quarter(clock) + 1) for clock in ("10:00", "10:15", "10:30", "10:45")]
    periods = sum_periods(found, quarters, WHOLE_DAY[1])
    assert [None if each.counts is None else each.total for each in periods] == [None, None, None, 0]
    assert found.undated.total() == 1


@pytest.mark.parametrize(
    "odd",
    [
        7,
        None,
        {"only": {}, "turns": [], "others": {"car": -1}},
        {"only": {}, "turns": [TURN | {"line": "<b>"}], "others": {}},
        {"only": {}, "turns": [TURN | {"direction": "up"}], "others": {}},
        {"turns": []},
    ],
    ids=["number", "null", "negative", "line", "direction", "half"],
)
def test_turns_that_make_no_sense_cost_no_crossings(ingest: IngestHarness, odd: object) -> None:
    store(ingest, line_counts(BOX, 1, "00:00", "10:07", {"car": 3}, data={"turns": odd}))
    assert totals(line_of(ingest.database)) == {"10:00": 3}
    assert read(ingest.database) == []


def test_what_a_gateway_sums_up_is_stored_apart(ingest: IngestHarness) -> None:
    data = {"turns": {"only": {}, "turns": [], "others": {"bus": 4}}}
    store(ingest, line_counts(BOX, 1, "00:00", "10:07", {"bus": 4}, data=data))
    (found,) = read(ingest.database)
    assert found.by_quarter == {quarter("10:00"): Counts({(FURTHER, "", "", "bus"): 4})}


def test_a_matrix_names_the_lines_of_which_nothing_is_known() -> None:
    def of_line(line: str, counts: dict[tuple[str, ...], int], measured: MeasuredTime) -> TrafficSeries:
        place = CountedPlace(BOX.ward, BOX.id, "cam-1", f"{line}-count", line)
        return TrafficSeries(place, {10: Counts(counts)} if counts else {}, measured, frozenset(), Counts())

    seen = MeasuredTime(((8, 12),))
    north = of_line("north", {EAST: 3, WEST: 1, (ONLY, "", "", "car"): 4, (FURTHER, "", "", "car"): 2}, seen)
    found = turn_matrix([north, of_line("south", {}, MeasuredTime())], (8, 16), now=16)
    assert found is not None
    assert found.cells == ((3,), (1,))
    assert (found.total, found.only, found.others, found.only_percent) == (6, 4, 2, 40)
    assert [(line.line, line.is_gap, line.measured_min, line.of_min) for line in found.lines.values()] == [
        ("north", False, 60, 120),
        ("south", True, 0, 120),
    ]
    assert turn_matrix([north], (8, 16), now=8) is None, "nothing of it has begun"


@pytest.mark.parametrize(("limit", "value"), [("MAX_TURN_DAYS", 0), ("MAX_TURN_BYTES", 10)])
def test_a_question_reads_a_bounded_number_of_days_and_bytes(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    store(ingest, line_counts(BOX, 1, "00:00", "10:07", {"car": 3}, data=turns({"car": 1})))
    assert len(read(ingest.database)) == 1
    monkeypatch.setattr(turn_series, limit, value)
    with pytest.raises(TooMuchTraffic):
        read(ingest.database)
