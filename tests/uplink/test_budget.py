"""The budget ladder by itself: a month at different rates, the reset, clocks, and no flapping."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.uplink.budget import (
    DAY_S,
    DWELL_S,
    BillingPeriod,
    BudgetChange,
    BudgetLadder,
    ByteCounts,
    PeriodUse,
    advance_period,
    period_use,
)
from tests.mqtt.test_usage import HANOI

GB = 10**9
NOVEMBER = datetime(2026, 11, 1, tzinfo=HANOI)


class Month:
    """A ladder that gets the state of its period every ten minutes."""

    def __init__(self, budget: int = 3 * GB, step: int = 0) -> None:
        self.ladder = BudgetLadder(budget, step)
        self.now, self.mono = NOVEMBER, 5000.0
        self.period, self.before = BillingPeriod(first_day=NOVEMBER.date()), None
        self.changes: list[tuple[float, BudgetChange]] = []

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
    assert month.changes[-1][1].why.startswith("there is more again: 1,8")


def test_a_burst_after_a_restart_goes_to_the_top_at_once() -> None:
    month = Month()
    month.period = replace_used(month.period, 2_990_000_000)
    month.spend(1 / 144, 0)
    assert month.steps == [(0.0, 3)]


def replace_used(period: BillingPeriod, used: int) -> BillingPeriod:
    return BillingPeriod(first_day=period.first_day, used=ByteCounts(event=used))


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
def test_a_step_down_never_comes_within_a_day_of_another_change(
    mb_a_day: list[float], budget_mb_a_day: int
) -> None:
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
