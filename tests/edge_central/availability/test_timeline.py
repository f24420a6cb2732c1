"""Which condition counts when several hold, and the sums; writing intervals; months."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from edge_central.availability.intervals import write_change
from edge_central.availability.model import (
    Condition,
    Layer,
    PointChange,
    RangeChange,
    SeriesKey,
    StateInterval,
    TimeSpan,
)
from edge_central.availability.report import Month, month_of, parse_month
from edge_central.availability.timeline import ConditionTotals, camera_spans, gateway_spans, totals_of
from edge_central.store import tables
from tests.edge_central.ingest_harness import IngestHarness

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
WHOLE = TimeSpan(0, 100)


def interval(from_ms: int, to_ms: int | None, state: str, detail: str = "") -> StateInterval:
    return StateInterval(from_ms, to_ms, state, detail)


@pytest.mark.parametrize(
    ("link", "picture", "views", "expected"),
    [
        ("connected", "online", (), "usable"),
        ("connected", "offline", (), "camera"),
        ("network", "offline", (), "camera"),  # the gateway said so later: the network hid it
        ("network", "online", (), "network"),
        ("network", "online", (Layer.COVERED,), "tamper"),
        ("connected", "offline", (Layer.MOVED,), "camera"),
        ("power", "offline", (Layer.FROZEN,), "power"),  # nothing is known of a camera without its gateway
        ("maintenance", "offline", (), "maintenance"),
        ("gateway", "online", (), "gateway"),
        ("absent", "online", (), "absent"),
        ("unknown", "offline", (), "unknown"),
        ("connected", "online", (Layer.DARK, Layer.RAIN), "usable"),  # poor, but a picture
        ("removed", "online", (), None),
        ("connected", "removed", (), None),
    ],
)
def test_one_condition_counts(
    link: str, picture: str, views: tuple[Layer, ...], expected: str | None
) -> None:
    series = {
        Layer.LINK: [interval(0, None, link)],
        Layer.PICTURE: [interval(0, None, picture)],
        **{view: [interval(0, None, "on")] for view in views},
    }
    spans = camera_spans(series, WHOLE)
    assert [span.condition.value for span in spans] == ([] if expected is None else [expected])


def test_a_timeline_has_one_span_for_each_change_and_no_gap() -> None:
    series = {
        Layer.LINK: [
            interval(5, 50, "connected"),
            interval(50, 60, "network"),
            interval(60, None, "connected"),
        ],
        Layer.PICTURE: [
            interval(5, 20, "online"),
            interval(20, 30, "offline", "stalled"),
            interval(30, 40, "online"),
            interval(40, None, "online"),
        ],
        Layer.DARK: [interval(70, 80, "on"), interval(80, None, "off")],
    }
    spans = camera_spans(series, WHOLE)
    found = [(each.from_ms, each.to_ms, each.condition.value, each.detail, each.quality) for each in spans]
    assert found == [
        (5, 20, "usable", "", ()),
        (20, 30, "camera", "stalled", ()),
        (30, 50, "usable", "", ()),
        (50, 60, "network", "", ()),
        (60, 70, "usable", "", ()),
        (70, 80, "usable", "", ("dark",)),
        (80, 100, "usable", "", ()),
    ]
    assert totals_of(spans).usable_ms == 75
    assert totals_of(spans).by_quality == {"dark": 10}


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (interval(120, 200, "offline"), "power"),  # it starts after the gateway
        (interval(120, 500, "offline"), "camera"),  # it does not start
        (interval(90, 200, "offline"), "camera"),  # it was lost before the power
    ],
)
def test_a_camera_that_starts_after_its_gateway_is_not_at_fault(lost: StateInterval, expected: str) -> None:
    link = [interval(0, 95_000, "connected"), interval(95_000, 100_000, "power")]
    lost = interval(lost.from_ms * 1000, (lost.to_ms or 0) * 1000, "offline")
    picture = [interval(0, lost.from_ms, "online"), lost, interval(lost.to_ms or 0, None, "online")]
    series = {Layer.LINK: [*link, interval(100_000, None, "connected")], Layer.PICTURE: picture}
    spans = camera_spans(series, TimeSpan(0, 600_000))
    after = next(span for span in spans if span.from_ms >= 100_000 and span.condition is not Condition.USABLE)
    assert after.condition.value == expected


def test_outages_of_a_gateway_are_cut_at_the_period_and_joined() -> None:
    link = [interval(0, 20, "power", "boot-1"), interval(20, 30, "power"), interval(30, None, "connected")]
    assert [(each.from_ms, each.to_ms) for each in gateway_spans(link, TimeSpan(10, 100))] == [(10, 30)]


def test_maintenance_and_unknown_time_count_neither_way() -> None:
    totals = ConditionTotals(
        {
            Condition.USABLE: 90 * 60_000,
            Condition.POWER: 10 * 60_000,
            Condition.MAINTENANCE: 500 * 60_000,
            Condition.UNKNOWN: 300 * 60_000,
        }
    )
    assert totals.percent == pytest.approx(90.0)
    assert totals.missed_minutes(95.0) == 5
    assert totals.missed_minutes(90.0) == 0
    assert ConditionTotals({Condition.UNKNOWN: 1}).percent is None


# --- intervals ---

KEY = SeriesKey("dt-001", "cam-1", Layer.PICTURE)


def stored(ingest: IngestHarness) -> list[tuple[int, int | None, str]]:
    columns = tables.availability.c
    query = tables.availability.select().order_by(columns.from_ms)
    return ingest.store.query(
        lambda each: [(row.from_ms, row.to_ms, row.state) for row in each.execute(query)]
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # in order
        ([PointChange(KEY, 0, "a"), PointChange(KEY, 10, "b")], [(0, 10, "a"), (10, None, "b")]),
        # the later one arrives first
        ([PointChange(KEY, 10, "b"), PointChange(KEY, 0, "a")], [(0, 10, "a"), (10, None, "b")]),
        # the same time again
        ([PointChange(KEY, 0, "a"), PointChange(KEY, 0, "b")], [(0, None, "b")]),
        # an equal state keeps its boundary, which ends an interval that begins before it
        (
            [PointChange(KEY, 0, "a"), PointChange(KEY, 20, "a"), PointChange(KEY, 10, "b")],
            [(0, 10, "a"), (10, 20, "b"), (20, None, "a")],
        ),
        # a range within one interval
        (
            [RangeChange(KEY, 0, None, "a"), RangeChange(KEY, 10, 20, "b")],
            [(0, 10, "a"), (10, 20, "b"), (20, None, "a")],
        ),
        # over several
        (
            [PointChange(KEY, 0, "a"), PointChange(KEY, 10, "b"), RangeChange(KEY, 5, None, "c")],
            [(0, 5, "a"), (5, None, "c")],
        ),
        # of no length
        ([PointChange(KEY, 0, "a"), RangeChange(KEY, 10, 10, "b")], [(0, None, "a")]),
    ],
)
def test_intervals_of_a_series_never_overlap(
    ingest: IngestHarness,
    changes: list[PointChange | RangeChange],
    expected: list[tuple[int, int | None, str]],
) -> None:
    ingest.store.load()
    with ingest.store.batch() as batch:
        write_change(batch.connection, RangeChange(SeriesKey("dt-001", "cam-2", Layer.PICTURE), 0, 1, "x"))
        for change in changes:
            write_change(batch.connection, change)
    assert [row for row in stored(ingest) if row[2] != "x"] == expected


# --- months ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11", Month(2026, 11)),
        ("2026-13", None),
        ("2026-00", None),
        ("1999-12", None),
        ("9999-12", None),
        ("2026-1", None),
        ("２０２６-11", None),
        ("-------", None),
        ("<script>", None),
        ("", None),
    ],
)
def test_a_month_is_read_or_refused(text: str, expected: Month | None) -> None:
    assert parse_month(text) == expected


def test_months_begin_at_midnight_of_the_place() -> None:
    span = Month(2026, 12).span(ZONE)
    assert month_of(span.from_ms, ZONE) == Month(2026, 12)
    assert month_of(span.from_ms - 1, ZONE) == Month(2026, 11)
    assert Month(2026, 12).next == Month(2027, 1)
    assert Month(2027, 1).previous == Month(2026, 12)
    assert str(Month(2026, 3)) == "2026-03"
