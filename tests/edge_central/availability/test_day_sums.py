"""Sums of complete days: a report made of them is what the intervals say, after every late change."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, delete, func, insert, select

from edge_central.availability import summed_report
from edge_central.availability.day_sums import PAUSE_MS, AvailabilitySums
from edge_central.availability.interval_reader import GatewayIntervals, read_intervals
from edge_central.availability.intervals import delete_before, write_change
from edge_central.availability.model import (
    OFF,
    ON,
    OUTAGES,
    QUALITY_LAYERS,
    VIEW_PREFIX,
    Condition,
    Layer,
    PointChange,
    RangeChange,
    SeriesKey,
    StateChange,
    TimeSpan,
)
from edge_central.availability.report import AvailabilityReport, Month, OutageEntry, read_availability
from edge_central.availability.summed_report import read_summed_availability, read_summed_with_outages
from edge_central.availability.timeline import START_MS, ConditionTotals
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.availability_days import CONTEXT_MS
from edge_central.store.batch import Store
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.trusted_time.clock import Correction
from edge_central.trusted_time.clock_store import shift_times
from tests.edge_central.availability.world import DAY_MS, HOUR_MS, MINUTE_MS, WARDS

ZONE, HAWAII = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Pacific/Honolulu")
MONTH = Month(2026, 11).span(ZONE)
BEGIN_MS = MONTH.from_ms
GATEWAYS = {"dt-001": "de-tham", "dt-002": "de-tham", "bx-001": "bo-xuyen"}
LINKS = ("connected", "network", "power", "gateway", "maintenance", "absent", "unknown", "removed")
PICTURES = ("online", "offline", "removed")
VIEWS = (Layer.COVERED, Layer.FROZEN, Layer.DARK, Layer.RAIN)


class Figures:
    """A store of intervals with the sums of its days, at a time that the test sets."""

    def __init__(self, database: Database) -> None:
        self.store = Store(database)
        self.store.load()
        self.now_ms = BEGIN_MS
        self.zone = ZONE
        with self.store.batch() as batch:
            rows = [{"id": id_, "ward": ward, "first_ms": 0, "last_ms": 0} for id_, ward in GATEWAYS.items()]
            batch.connection.execute(insert(tables.gateway), rows)

    def new_sums(self) -> AvailabilitySums:
        return AvailabilitySums(WARDS, self.zone, lambda: self.now_ms)

    def write(self, *changes: StateChange) -> None:
        with self.store.batch() as batch:
            for change in changes:
                write_change(batch.connection, change)

    def sum_all(self) -> None:
        """Sum everything, as if a minute passed before each call."""
        while self.store.query((sums := self.new_sums()).has_work):
            self.work(sums)

    def work(self, sums: AvailabilitySums) -> bool:
        if not self.store.query(sums.has_work):
            return False
        with self.store.batch() as batch:
            sums.work(batch.connection)
        return True

    def summed(self, period: TimeSpan, scope: Scope = EVERYWHERE, gateway: str | None = None) -> Sites:
        now_ms = self.now_ms
        return sites_of(
            self.store.query(
                lambda each: read_summed_availability(each, scope, period, self.zone, now_ms, gateway)
            )
        )

    def exact(self, period: TimeSpan, scope: Scope = EVERYWHERE, gateway: str | None = None) -> Sites:
        now_ms = self.now_ms
        return sites_of(
            self.store.query(lambda each: read_availability(each, scope, period, gateway, now_ms=now_ms))
        )

    def outages(self, period: TimeSpan, *, exact: bool) -> list[OutageEntry]:
        now_ms, zone = self.now_ms, self.zone
        if exact:
            return self.store.query(
                lambda each: read_availability(each, EVERYWHERE, period, now_ms=now_ms)
            ).outages
        return self.store.query(
            lambda each: read_summed_with_outages(each, EVERYWHERE, period, zone, now_ms)
        ).outages

    def count(self) -> int:
        query = select(func.count()).select_from(tables.availability_day)
        return self.store.query(lambda each: each.scalar(query) or 0)


Sites = Mapping[tuple[str, str, str], tuple[dict[Condition, int], dict[str, int]]]


def sites_of(report: AvailabilityReport) -> Sites:
    """Milliseconds by ward, gateway and camera."""

    def figures(totals: ConditionTotals) -> tuple[dict[Condition, int], dict[str, int]]:
        return (
            {each: duration_ms for each, duration_ms in totals.by_condition.items() if duration_ms},
            {view: duration_ms for view, duration_ms in totals.by_quality.items() if duration_ms},
        )

    return {
        (site.ward, site.gateway, camera.camera): figures(camera.totals)
        for site in report.sites
        for camera in site.cameras
    }


@pytest.fixture
def figures(database: Database) -> Iterator[Figures]:
    built = Figures(database)
    yield built
    built.store.close()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Figures]:
    """On SQLite."""
    built = Figures(Database(f"sqlite:///{tmp_path}/central.db"))
    yield built
    built.store.close()


def online(from_ms: int = BEGIN_MS) -> Iterator[StateChange]:
    for gateway in GATEWAYS:
        yield RangeChange(SeriesKey(gateway, "", Layer.LINK), from_ms, None, "connected")
        for camera in ("cam-1", "cam-2"):
            yield RangeChange(SeriesKey(gateway, camera, Layer.PICTURE), from_ms, None, "online")


def any_change(rng: random.Random, now_ms: int) -> StateChange:
    """Mostly near the present, sometimes long ago; often across or just beside midnight."""
    gateway = rng.choice(list(GATEWAYS))
    back_ms = rng.choice((HOUR_MS, DAY_MS, 6 * DAY_MS))
    from_ms = max(BEGIN_MS, now_ms - rng.randrange(back_ms))
    if rng.random() < 0.5:  # within minutes of midnight, where a start crosses it
        from_ms = from_ms - (from_ms - BEGIN_MS) % DAY_MS + rng.randrange(-4 * MINUTE_MS, 4 * MINUTE_MS)
        from_ms = max(BEGIN_MS, from_ms)
    to_ms = from_ms + rng.choice((MINUTE_MS, 4 * MINUTE_MS, 2 * HOUR_MS, 30 * HOUR_MS))
    match rng.randrange(4):
        case 0:
            return RangeChange(SeriesKey(gateway, "", Layer.LINK), from_ms, to_ms, rng.choice(LINKS))
        case 1 | 2:
            key = SeriesKey(gateway, rng.choice(("cam-1", "cam-2")), Layer.PICTURE)
            if rng.random() < 0.5:
                return PointChange(key, from_ms, rng.choice(PICTURES), "stalled")
            return RangeChange(key, from_ms, to_ms, rng.choice(PICTURES), "stalled")
        case _:
            key = SeriesKey(gateway, "cam-1", rng.choice(VIEWS))
            return PointChange(key, from_ms, rng.choice((ON, OFF)))


def test_sums_equal_the_intervals_after_every_late_change(figures: Figures) -> None:
    rng = random.Random(7)
    figures.write(*online())
    for step in range(45):
        figures.now_ms += rng.randrange(20 * HOUR_MS)
        figures.write(*(any_change(rng, figures.now_ms) for _ in range(rng.randrange(4))))
        if rng.random() < 0.7:
            figures.sum_all()
        figures.write(*(any_change(rng, figures.now_ms) for _ in range(rng.randrange(2))))
        period = TimeSpan(BEGIN_MS, min(MONTH.to_ms, figures.now_ms))
        assert figures.summed(period) == figures.exact(period), f"step {step}"
        assert figures.outages(period, exact=False) == figures.outages(period, exact=True), f"step {step}"
    assert {each.span.condition for each in figures.outages(period, exact=False)} == {
        *OUTAGES,
        *(Condition.MAINTENANCE, Condition.UNKNOWN),
    }
    figures.sum_all()
    assert figures.now_ms > MONTH.to_ms - 20 * DAY_MS
    assert figures.count() > 40


def test_the_test_would_notice_a_wrong_sum(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 3 * DAY_MS + HOUR_MS
    quick.sum_all()
    with quick.store.batch() as batch:
        batch.connection.execute(
            delete(tables.availability_day).where(tables.availability_day.c.camera == "cam-2")
        )
    period = TimeSpan(BEGIN_MS, quick.now_ms)
    assert quick.summed(period) != quick.exact(period)


def test_the_intervals_of_complete_days_are_not_read_again(
    quick: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 10 * DAY_MS + 2 * HOUR_MS
    quick.sum_all()
    quick.write(RangeChange(SeriesKey("dt-002", "", Layer.LINK), BEGIN_MS + 8 * DAY_MS, None, "network"))
    asked: list[tuple[int, str | None]] = []

    def read(
        connection: Connection, scope: Scope, period: TimeSpan, gateway: str | None = None
    ) -> list[GatewayIntervals]:
        asked.append(((period.from_ms + CONTEXT_MS - BEGIN_MS) // DAY_MS, gateway))
        return read_intervals(connection, scope, period, gateway)

    monkeypatch.setattr(summed_report, "read_intervals", read)
    quick.summed(TimeSpan(BEGIN_MS, quick.now_ms))
    assert asked == [(10, None), (7, "dt-002")], "today of all, and what has changed"
    asked.clear()
    quick.sum_all()
    quick.summed(TimeSpan(BEGIN_MS, BEGIN_MS + 9 * DAY_MS))
    assert asked == []


def test_a_late_change_deletes_the_sums_from_its_day_on_and_of_its_gateway_only(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 10 * DAY_MS + HOUR_MS
    quick.sum_all()
    assert quick.count() == 6 * 10, "two cameras of three gateways"
    lost = SeriesKey("dt-001", "cam-1", Layer.PICTURE)
    quick.write(PointChange(lost, quick.now_ms - MINUTE_MS, "offline", "stalled"))
    assert quick.count() == 60, "of today"
    quick.write(PointChange(lost, BEGIN_MS + 7 * DAY_MS + MINUTE_MS, "offline", "stalled"))
    assert quick.count() == 60 - 2 * 4, "just after midnight, so the day before may change too"
    quick.sum_all()
    assert quick.count() == 60


def test_another_time_zone_begins_anew(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 10 * DAY_MS + HOUR_MS
    quick.sum_all()
    quick.zone = HAWAII
    month = Month(2026, 11).span(HAWAII)
    period = TimeSpan(month.from_ms, quick.now_ms)
    assert quick.summed(period) == quick.exact(period), "sums of another zone are not used"
    quick.sum_all()
    assert quick.count() == 6 * 10, "from 31 October on, the day of the first interval there"
    assert quick.summed(period) == quick.exact(period)


def test_days_of_a_clock_that_runs_ahead_are_not_summed(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + DAY_MS + CONTEXT_MS - 1
    quick.sum_all()
    assert quick.count() == 0, "a start may still belong to an outage of the day before"
    quick.now_ms += 1
    quick.sum_all()
    assert quick.count() == 6


def test_a_gateway_that_reports_the_past_costs_a_bounded_number_of_days(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 2 * DAY_MS + HOUR_MS
    quick.write(PointChange(SeriesKey("dt-001", "cam-1", Layer.PICTURE), 0, "online"))
    quick.sum_all()
    assert quick.summed(TimeSpan(BEGIN_MS, quick.now_ms)) == quick.exact(TimeSpan(BEGIN_MS, quick.now_ms))
    assert quick.count() == 6 * 2


def test_a_gateway_that_changes_the_past_all_the_time_is_summed_once_a_minute(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 2 * DAY_MS + HOUR_MS
    sums = quick.new_sums()
    assert (quick.work(sums), quick.work(sums)) == (True, False)
    quick.write(PointChange(SeriesKey("dt-001", "cam-1", Layer.PICTURE), BEGIN_MS + HOUR_MS, "offline"))
    assert not quick.work(sums)
    quick.now_ms += PAUSE_MS
    assert quick.work(sums)
    assert quick.count() == 6 * 2


def test_a_day_of_too_many_changes_is_not_summed_and_still_reported(
    quick: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_central.availability.day_sums.MAX_CHANGES", 20)
    quick.write(*online())
    link = SeriesKey("dt-001", "", Layer.LINK)
    for number in range(12):  # on the second day, for each of two cameras
        at_ms = BEGIN_MS + DAY_MS + HOUR_MS + number * MINUTE_MS
        quick.write(RangeChange(link, at_ms, at_ms + MINUTE_MS // 2, "network"))
    quick.now_ms = BEGIN_MS + 3 * DAY_MS + HOUR_MS
    sums = quick.new_sums()
    for _ in range(3):
        while quick.work(sums):
            pass
        quick.now_ms += PAUSE_MS
    assert quick.count() == 2 * 1 + 4 * 3, "only the first day of the one"
    asked = quick.store.query(sums.has_work)
    assert not asked, "not again within an hour"
    period = TimeSpan(BEGIN_MS, quick.now_ms)
    assert quick.summed(period) == quick.exact(period)


def test_corrected_times_are_summed_again(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 5 * DAY_MS + HOUR_MS
    power = SeriesKey("dt-001", "", Layer.LINK)
    quick.write(RangeChange(power, BEGIN_MS + 3 * DAY_MS, BEGIN_MS + 3 * DAY_MS + HOUR_MS, "power"))
    quick.sum_all()
    correction = Correction(-2 * HOUR_MS, BEGIN_MS + 2 * DAY_MS)
    with quick.store.batch() as batch:
        shift_times(batch.connection, correction, WARDS, exclusive_database=True)
    before = TimeSpan(BEGIN_MS, BEGIN_MS + 3 * DAY_MS)  # the hour without power is of the day before now
    for _ in range(2):
        assert quick.summed(before) == quick.exact(before)
        assert sum(hours[0].get(Condition.POWER, 0) for hours in quick.summed(before).values()) == 2 * HOUR_MS
        quick.sum_all()


@pytest.mark.parametrize(
    ("back_after_min", "expected"), [(2, Condition.POWER), (20, Condition.CAMERA)], ids=["starts", "fails"]
)
def test_a_start_across_midnight_counts_as_in_one_piece(
    quick: Figures, back_after_min: int, expected: Condition
) -> None:
    """The power is back at 23:58, and the camera is lost from 23:59 until after midnight."""
    midnight_ms = BEGIN_MS + 2 * DAY_MS
    quick.write(*online())
    power = SeriesKey("dt-001", "", Layer.LINK)
    quick.write(RangeChange(power, midnight_ms - HOUR_MS, midnight_ms - 2 * MINUTE_MS, "power"))
    lost, to_ms = SeriesKey("dt-001", "cam-1", Layer.PICTURE), midnight_ms + back_after_min * MINUTE_MS
    quick.write(RangeChange(lost, midnight_ms - MINUTE_MS, to_ms, "offline", "stalled"))
    quick.now_ms = BEGIN_MS + 4 * DAY_MS + HOUR_MS
    quick.sum_all()
    for days in (2, 3):
        period = TimeSpan(BEGIN_MS, BEGIN_MS + days * DAY_MS)
        assert quick.summed(period) == quick.exact(period)
        conditions, _ = quick.summed(period)["de-tham", "dt-001", "cam-1"]
        lost_ms = MINUTE_MS if days == 2 else (back_after_min + 1) * MINUTE_MS
        power_ms = HOUR_MS - 2 * MINUTE_MS
        assert conditions[Condition.POWER] + conditions.get(Condition.CAMERA, 0) == power_ms + lost_ms
        assert conditions.get(Condition.CAMERA, 0) == (lost_ms if expected is Condition.CAMERA else 0)
        assert quick.outages(period, exact=False) == quick.outages(period, exact=True)


def test_gateways_without_intervals_are_summed_in_one_call_and_later_like_others(figures: Figures) -> None:
    figures.now_ms = BEGIN_MS + 5 * DAY_MS + HOUR_MS
    many = [f"dt-{number}" for number in range(100, 150)]
    with figures.store.batch() as batch:
        rows = [{"id": id_, "ward": "de-tham", "first_ms": 0, "last_ms": 0} for id_ in many]
        batch.connection.execute(insert(tables.gateway), rows)
    sums = figures.new_sums()
    assert figures.work(sums)
    assert not figures.work(sums)
    figures.write(*online())
    figures.write(RangeChange(SeriesKey("dt-120", "", Layer.LINK), BEGIN_MS, None, "connected"))
    figures.write(RangeChange(SeriesKey("dt-120", "cam-1", Layer.PICTURE), BEGIN_MS, None, "online"))
    figures.sum_all()
    assert figures.count() == (6 + 1) * 5, "the late intervals of all cameras are summed too"
    period = TimeSpan(BEGIN_MS, figures.now_ms)
    assert figures.summed(period) == figures.exact(period)


def test_old_days_are_deleted_with_their_intervals(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 10 * DAY_MS + HOUR_MS
    quick.sum_all()
    with quick.store.batch() as batch:
        delete_before(batch.connection, BEGIN_MS + 4 * DAY_MS)
    assert quick.count() == 6 * 6


def test_the_report_is_of_the_scope_and_of_one_gateway(quick: Figures) -> None:
    quick.write(*online())
    quick.now_ms = BEGIN_MS + 3 * DAY_MS + HOUR_MS
    quick.sum_all()
    period = TimeSpan(BEGIN_MS, quick.now_ms)
    ward = Scope(frozenset({"bo-xuyen"}))
    assert {key[1] for key in quick.summed(period, ward)} == {"bx-001"}
    assert quick.summed(period, EVERYWHERE, "dt-002") == quick.exact(period, EVERYWHERE, "dt-002")
    assert quick.summed(period, ward, "dt-002") == {}
    early = TimeSpan(BEGIN_MS, BEGIN_MS + DAY_MS + HOUR_MS)
    assert quick.summed(early) == quick.exact(early), "a period that ends within a day"


def test_every_condition_and_view_has_a_column() -> None:
    assert set(tables.SUMMED_CONDITIONS) == {each.value for each in Condition}
    assert set(tables.SUMMED_VIEWS) == {layer.removeprefix(VIEW_PREFIX) for layer in QUALITY_LAYERS}
    assert START_MS <= CONTEXT_MS, "what a day counts must not depend on more than is read"
