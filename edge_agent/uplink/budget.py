"""The budget ladder: how much less the agent sends, so that the budget lasts for the billing period.

step 1  pictures wait
step 2  ... and infos
step 3  ... and heartbeats come every 300 s

What counts is the even share: the budget left for each remaining day, divided by the budget of a day under
even use. The ladder goes up at once. It goes down one step at a time, a day after the last change, when there
is clearly more budget again, and all the way down with a new period. It has no thread and no clock: the
caller passes the state of the period and the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from edge_agent.core.problems import problem_text
from edge_agent.uplink.billing import DAY_S, PeriodUse

STEP_BELOW = (0.5, 0.25, 0.1)
"""Steps 1 to 3 begin below this part of the even share. A site that always uses 10 % too much gets to step 1
on day 25 of 30, a site that uses twice as much on day 10."""
STEP_BACK = 1.5
"""A step ends when the share is this many times its threshold: one day's saving must not bring the step back
the day after."""
DWELL_S = DAY_S
LAST_S = DAY_S / 4
"""The last hours of a period count as this long: no change is worth it for the short rest."""
SLOW_HEARTBEAT_S = 300.0
TOP_STEP = len(STEP_BELOW)


@dataclass(frozen=True, slots=True)
class BudgetChange:
    from_step: int
    to_step: int
    why: str  # one line for humans


class BudgetLadder:
    """One for each gateway; ``update`` may be called at any rate. Without a trusted clock the step stays."""

    def __init__(self, monthly_bytes: int, step: int = 0, first_day: date | None = None) -> None:
        """``step`` and ``first_day``: the step in force when the agent last ran, and its billing period."""
        self._monthly_bytes = monthly_bytes
        self.step = min(max(step, 0), TOP_STEP)
        self.first_day = first_day
        self._changed_mono: float | None = None  # None: not since the start

    def update(self, now_mono: float, use: PeriodUse) -> BudgetChange | None:
        """Return the change of the step, if any."""
        if use.left_s is None or use.first_day is None:
            return None
        if self._changed_mono is None:
            self._changed_mono = now_mono
        new_period = self.first_day is not None and use.first_day > self.first_day
        self.first_day = use.first_day
        share = self._share(use, use.left_s)
        reached = sum(share < below for below in STEP_BELOW)
        if new_period and reached < self.step:
            return self._change_to(reached, problem_text("period-began", day=str(use.first_day)), now_mono)
        if reached > self.step:
            return self._change_to(reached, self._short(use, use.left_s), now_mono)
        if (
            self.step
            and share >= STEP_BACK * STEP_BELOW[self.step - 1]
            and now_mono - self._changed_mono >= DWELL_S
        ):
            return self._change_to(
                self.step - 1, problem_text("budget-recovers", why=self._short(use, use.left_s)), now_mono
            )
        return None

    def _share(self, use: PeriodUse, left_s: float) -> float:
        """1.0: even use so far."""
        left = 1 - use.used_bytes / self._monthly_bytes
        return left * use.whole_s / max(left_s, LAST_S)

    def _short(self, use: PeriodUse, left_s: float) -> str:
        used_mb, budget_mb = round(use.used_bytes / 1e6), round(self._monthly_bytes / 1e6)
        return problem_text(
            "budget-short", used_mb=used_mb, budget_mb=budget_mb, days=round(left_s / DAY_S, 1)
        )

    def _change_to(self, step: int, why: str, now_mono: float) -> BudgetChange:
        change = BudgetChange(self.step, step, why)
        self.step, self._changed_mono = step, now_mono
        return change


def megabytes(size_bytes: int) -> str:
    """``2,551 MB``."""
    return f"{size_bytes / 1e6:,.0f} MB"
