"""The budget ladder: a month at different rates, the reset, clocks, and no flapping. The billing period:
short months, time zones, and clocks that are changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.facts import StepChange
from edge_agent.uplink.budget import (
    DAY_S,
    DWELL_S,
    BillingPeriod,
    BudgetLadder,
    ByteCounts,
    PeriodUse,
    advance_period,
    first_day_of,
    next_first_day,
    period_use,
)
from edge_agent.uplink.usage import DataUsage, TrafficClass
from tests.mqtt.test_usage import HANOI, SetClock

GB = 10**9
NOVEMBER = datetime(2026, 11, 1, tzinfo=HANOI)


class Month:
    """A ladder that gets the state of its period every ten minutes."""

    def __init__(self, budget: int = 3 * GB, step: int = 0) -> None:
        self.ladder = BudgetLadder(budget, step)
        self.now, self.mono = NOVEMBER, 5000.0
        self.period, self.before = BillingPeriod(first_day=NOVEMBER.date()), None
        self.changes: list[tuple[float, StepChange]] = []

    def spend(self, days: float, mb_a_day: float) -> None:
        for _ in range(round(days * 144)):
            self.now += timedelta(minutes=10)
            self.mono += 600
            self.period, self.before = advance_period(self.period, self.before, self.now, 1)  # type: ignore[assignment]
            self.period.used.add("event", round(mb_a_day * 1e6 / 144))
            self.update()

    def update(self) -> None:
        change = self.ladder.update(self.mono, period_use(self.period, self.now, 1, HANOI))
        if change is not None:
            self.changes.append((round((self.now - NOVEMBER) / timedelta(days=1), 1), change))

    @property
    def steps(self) -> list[tuple[float, int]]:
        return [(day, change.to_step) for day, change in self.changes]


def test_a_site_within_its_budget_is_left_alone_to_the_last_day() -> None:
    month = Month()
    month.spend(61, 96)  # 2.98 GB in the 31 days of December
    assert month.changes == []


def test_ten_percent_too_much_costs_the_pictures_of_the_last_days_and_the_reset_gives_them_back() -> None:
    month = Month()
    month.spend(31, 110)
    assert month.steps[0] == (25.0, 1)
    assert month.steps[-1] == (30.0, 0)
    assert month.changes[-1][1].why == "a new billing period began on 2026-12-01"


def test_a_site_that_uses_ten_times_its_budget_climbs_step_by_step() -> None:
    month = Month()
    month.spend(4, 1000)
    assert [step for _, step in month.steps] == [1, 2, 3]
    assert month.changes[0][1].why == "1,583 MB of 3,000 MB used, 28.4 days left"
    month.spend(22, 0.5)  # alarms and slow heartbeats
    assert month.ladder.step == 3, "nothing is left until the reset"


def test_what_was_saved_lets_pictures_go_again_in_the_same_period() -> None:
    month = Month()
    month.spend(1.5, 1200)  # a backlog after the installation: 1.8 of 3 GB
    assert month.ladder.step == 1
    month.spend(28, 5)
    assert [step for _, step in month.steps] == [1, 0]
    assert month.changes[-1][1].why.startswith("more of the budget is left again: 1,8")


def test_a_burst_after_a_restart_goes_to_the_top_at_once() -> None:
    month = Month()
    month.period.used.add("event", 2_990_000_000)
    month.spend(1 / 144, 0)
    assert month.steps == [(0.0, 3)]


def test_a_restart_goes_on_with_its_step_until_the_clock_is_known() -> None:
    ladder = BudgetLadder(3 * GB, step=2, first_day=date(2026, 11, 1))
    use = period_use(BillingPeriod(first_day=date(2026, 11, 1), used=ByteCounts(event=5)), NOVEMBER, 1, HANOI)
    assert ladder.update(0.0, replace(use, left_s=None)) is None
    assert ladder.step == 2
    assert ladder.update(1.0, use) is None, (
        "within a day of the start nothing is taken back in the same period"
    )
    december = period_use(BillingPeriod(first_day=date(2026, 12, 1)), NOVEMBER + timedelta(days=30), 1, HANOI)
    change = ladder.update(2.0, december)
    assert change is not None
    assert (change.from_step, change.to_step) == (2, 0), "the box was off on the reset day"


@given(st.lists(st.floats(0, 2000), min_size=5, max_size=40), st.integers(5, 300))
def test_a_step_down_is_never_within_a_day_of_a_change(mb_a_day: list[float], budget_mb_a_day: int) -> None:
    ladder = BudgetLadder(budget_mb_a_day * 30 * 10**6)
    used, last_mono = 0.0, 0.0
    for hour in range(30 * 24):
        used += mb_a_day[hour // 24 % len(mb_a_day)] * 1e6 / 24
        use = PeriodUse(
            first_day=date(2026, 11, 1),
            next_first_day=date(2026, 12, 1),
            used=ByteCounts().to_wire(),
            used_bytes=round(used),
            whole_s=30 * DAY_S,
            left_s=30 * DAY_S - hour * 3600,
            counted_s=hour * 3600,
        )
        change = ladder.update(hour * 3600.0, use)
        if change is not None:
            assert change.to_step > change.from_step or hour * 3600 - last_mono >= DWELL_S
            last_mono = hour * 3600.0


@pytest.mark.parametrize(
    ("day", "reset_day", "first", "following"),
    [
        ("2026-11-25", 1, "2026-11-01", "2026-12-01"),
        ("2026-11-01", 1, "2026-11-01", "2026-12-01"),
        ("2026-11-14", 15, "2026-10-15", "2026-11-15"),
        ("2027-01-03", 15, "2026-12-15", "2027-01-15"),  # over the year
        ("2027-02-27", 31, "2027-01-31", "2027-02-28"),  # a month without a 31st
        ("2027-02-28", 31, "2027-02-28", "2027-03-31"),
        ("2027-03-30", 31, "2027-02-28", "2027-03-31"),
        ("2028-02-29", 30, "2028-02-29", "2028-03-30"),  # leap year
        ("2027-04-30", 31, "2027-04-30", "2027-05-31"),
    ],
)
def test_a_period_begins_on_its_day_or_the_last(day: str, reset_day: int, first: str, following: str) -> None:
    begin = first_day_of(date.fromisoformat(day), reset_day)
    assert (begin.isoformat(), next_first_day(begin, reset_day).isoformat()) == (first, following)


def test_a_period_ends_on_a_day_that_was_changed_within_it() -> None:
    assert next_first_day(date(2026, 12, 1), 20) == date(2026, 12, 20)


def test_periods_follow_each_other_without_a_gap_whatever_the_day() -> None:
    for reset_day in range(1, 32):
        day = first_day_of(date(2026, 1, 1), reset_day)
        while day.year < 2029:
            following = next_first_day(day, reset_day)
            assert first_day_of(following - timedelta(days=1), reset_day) == day
            assert first_day_of(following, reset_day) == following
            day = following


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HANOI)


IN_NOVEMBER = BillingPeriod(first_day=date(2026, 11, 1), used=ByteCounts(event=100))


def test_a_clock_that_ran_ahead_and_is_set_back_gets_its_old_period_with_all_that_was_counted() -> None:
    ahead, before = advance_period(IN_NOVEMBER, None, at("2031-05-05T12:00"), 1)
    assert (ahead.first_day, ahead.used.total) == (date(2031, 5, 1), 0)
    ahead.used.add("event", 7)
    back, before = advance_period(ahead, before, at("2026-11-20T12:00"), 1)
    assert (back.first_day, back.used.total, before) == (date(2026, 11, 1), 107, None)


def test_a_step_back_over_midnight_of_the_reset_day_leaves_the_new_period() -> None:
    december, before = advance_period(IN_NOVEMBER, None, at("2026-12-01T00:00:01"), 1)
    for moment in ("2026-11-30T23:59:58", "2026-12-01T00:00:02", "2026-11-30T23:59:59"):
        again, before = advance_period(december, before, at(moment), 1)
        assert again is december


def test_a_clock_set_back_behind_what_is_known_keeps_the_count() -> None:
    back, _ = advance_period(IN_NOVEMBER, None, at("2026-09-20T12:00"), 1)
    assert (back.first_day, back.used.total) == (date(2026, 9, 1), 100)


def test_the_forecast_is_the_average_so_far_and_none_on_the_first_day() -> None:
    period = BillingPeriod(first_day=date(2026, 11, 1), used=ByteCounts(event=10_000_000, headers=2_000_000))
    assert period_use(period, at("2026-11-01T20:00"), 1, HANOI).forecast_bytes is None
    assert period_use(period, at("2026-11-11T00:00"), 1, HANOI).forecast_bytes == 36_000_000
    assert period_use(period, None, 1, HANOI).forecast_bytes is None, "no clock"
    late = BillingPeriod(first_day=date(2026, 11, 1), since=at("2026-11-06T00:00"), used=ByteCounts(event=10))
    assert period_use(late, at("2026-11-11T00:00"), 1, HANOI).forecast_bytes == 50, (
        "counted for 5 days, 20 to come"
    )


def test_the_period_ends_at_midnight_of_the_gateway_and_survives_a_restart(tmp_path: Path) -> None:
    clock = SetClock(datetime(2026, 11, 14, 16, 59, tzinfo=UTC))  # 23:59 of the 14th there

    def usage() -> DataUsage:
        return DataUsage(tmp_path / "u.json", HANOI, clock, lambda: True, reset_day=15)

    counting = usage()
    counting.sent(TrafficClass.EVENT, 10)
    counting.sent(TrafficClass.HEADERS, 4)
    counting.received(3)
    counting.save()
    again = usage()
    assert (again.period().used_bytes, again.period().first_day) == (17, date(2026, 10, 15))
    clock.moment += timedelta(minutes=1)
    assert (again.period().used_bytes, again.period().next_first_day) == (0, date(2026, 12, 15))
    assert again.totals()[1].event == 10, "the month goes on"


def test_a_gateway_that_was_off_on_the_reset_day_counts_from_its_start(tmp_path: Path) -> None:
    clock = SetClock(datetime(2026, 9, 20, 5, tzinfo=UTC))
    usage = DataUsage(tmp_path / "u.json", HANOI, clock, lambda: True, reset_day=1)
    assert usage.period().first_day == date(2026, 9, 1)
    clock.moment = datetime(2026, 10, 21, 5, tzinfo=UTC)
    assert usage.period().first_day == date(2026, 10, 1)
    usage.sent(TrafficClass.EVENT, 200)
    clock.moment += timedelta(days=2)
    assert usage.period().counted_s == timedelta(days=2).total_seconds()
    for _ in range(10):
        clock.moment += timedelta(days=1)
        usage.period()
    assert usage.period().first_day == date(2026, 11, 1)
    assert usage.period().counted_s == timedelta(days=1, hours=12).total_seconds(), "from midnight"


def test_without_a_clock_to_be_trusted_it_is_counted_on_and_no_period_ends(tmp_path: Path) -> None:
    clock, trusted = SetClock(datetime(2026, 11, 30, tzinfo=UTC)), True
    usage = DataUsage(tmp_path / "u.json", HANOI, clock, lambda: trusted)
    usage.sent(TrafficClass.EVENT, 10)
    clock.moment, trusted = datetime(1970, 1, 1, tzinfo=UTC), False
    usage.sent(TrafficClass.EVENT, 5)
    assert (usage.period().used_bytes, usage.period().left_s) == (15, None)
    clock.moment, trusted = datetime(2026, 12, 2, tzinfo=UTC), True
    assert usage.period().used_bytes == 0


def test_a_file_of_a_version_without_periods_gives_the_month(tmp_path: Path) -> None:
    path, clock = tmp_path / "u.json", SetClock(datetime(2026, 11, 24, tzinfo=UTC))
    path.write_text('{"day":"2026-11-24","today":{"event":5},"month":{"event":400,"received":6}}')
    assert DataUsage(path, HANOI, clock, lambda: True).period().used_bytes == 406
    assert DataUsage(path, HANOI, clock, lambda: True, reset_day=20).period().used_bytes == 0
