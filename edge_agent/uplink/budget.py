"""The billing period, and the budget ladder: how much less the agent sends, so that its budget lasts.

step 1  pictures wait
step 2  ... and infos
step 3  ... and heartbeats come every 300 s

What counts is the even share: the budget left for each remaining day, divided by the budget of a day under
even use. The ladder goes up at once. It goes down one step at a time, a day after the last change, when there
is clearly more budget again, and all the way down with a new period. It has no thread and no clock: the
caller passes the state of the period and the time.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated

import msgspec

from edge_agent import wire
from edge_agent.core.facts import StepChange
from edge_agent.core.problems import problem_text

DAY_S = 86_400.0

Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]  # the file may be damaged; no uplink sends more


class ByteCounts(msgspec.Struct, kw_only=True):
    """Bytes of one day, month or period: sent by class, received, and headers both ways."""

    heartbeat: Bytes = 0
    event: Bytes = 0
    media: Bytes = 0
    reply: Bytes = 0
    other: Bytes = 0
    received: Bytes = 0
    headers: Bytes = 0

    def add(self, kind: str, size_bytes: int) -> None:
        setattr(self, kind, getattr(self, kind) + size_bytes)

    def to_wire(self) -> wire.BytesByClass:
        return wire.BytesByClass(**msgspec.structs.asdict(self))

    @property
    def total(self) -> int:
        return sum(msgspec.structs.astuple(self))


class BillingPeriod(msgspec.Struct, kw_only=True):
    first_day: date | None = None  # None: no trusted clock has been available yet
    since: datetime | None = None  # when counting began; None: at the beginning of the period
    used: ByteCounts = msgspec.field(default_factory=ByteCounts)


def first_day_of(day: date, reset_day: int) -> date:
    """Return the first day of ``day``'s billing period; ``reset_day`` 31 is the last day of a short month."""
    this = _reset_in(day.year, day.month, reset_day)
    if day >= this:
        return this
    before = day.replace(day=1) - timedelta(days=1)
    return _reset_in(before.year, before.month, reset_day)


def next_first_day(first_day: date, reset_day: int) -> date:
    """Return the first reset after ``first_day``: in the same month if ``reset_day`` was changed."""
    this = _reset_in(first_day.year, first_day.month, reset_day)
    if this > first_day:
        return this
    after = first_day.replace(day=1) + timedelta(days=31)
    return _reset_in(after.year, after.month, reset_day)


def _reset_in(year: int, month: int, reset_day: int) -> date:
    return date(year, month, min(reset_day, calendar.monthrange(year, month)[1]))


def advance_period(
    present: BillingPeriod,
    before: BillingPeriod | None,
    now: datetime,
    reset_day: int,
    last_day: date | None = None,
) -> tuple[BillingPeriod, BillingPeriod | None]:
    """Return the period that contains ``now`` (local time, from a trusted clock), and the period before it.

    ``last_day``: until when traffic has been counted with a trusted clock; None: until now. After a gap, such
    as a gateway that was off on the reset day, the counting of the new period begins now.

    If the clock ran ahead and is set back, the earlier period returns, plus the bytes of the later one: no
    budget is granted twice. If the clock is set back to the day before the period, the period stays.
    """
    today = now.date()
    first_day = first_day_of(today, reset_day)
    if present.first_day is None:
        return BillingPeriod(first_day=first_day, since=now, used=present.used), before
    if first_day > present.first_day:
        is_counted = last_day is None or last_day >= first_day - timedelta(days=1)
        return BillingPeriod(first_day=first_day, since=None if is_counted else now), present
    if first_day == present.first_day or today >= present.first_day - timedelta(days=1):
        return present, before
    if before is not None and before.first_day is not None and before.first_day >= first_day:
        return BillingPeriod(
            first_day=first_day, since=before.since, used=_sum(before.used, present.used)
        ), None
    return BillingPeriod(first_day=first_day, since=present.since, used=present.used), None


def _sum(one: ByteCounts, other: ByteCounts) -> ByteCounts:
    fields = ((name, getattr(one, name) + getattr(other, name)) for name in ByteCounts.__struct_fields__)
    return ByteCounts(**dict(fields))


@dataclass(frozen=True, slots=True)
class PeriodUse:
    """The use of a billing period until now."""

    first_day: date | None
    next_first_day: date | None
    used: wire.BytesByClass
    used_bytes: int  # the sum of ``used``
    whole_s: float = 0.0
    left_s: float | None = None  # until the next period begins; None: the clock is not trusted now
    counted_s: float = 0.0  # how long traffic has been counted in this period

    @property
    def forecast_bytes(self) -> int | None:
        """Return the bytes at the end of the period if the average rate continues; None on the first day of
        counting and without a trusted clock."""
        if self.left_s is None or self.counted_s < DAY_S:
            return None
        return round(self.used_bytes * (1 + self.left_s / self.counted_s))


def period_use(period: BillingPeriod, now: datetime | None, reset_day: int, timezone: tzinfo) -> PeriodUse:
    """Return the use of ``period``. ``now``: local time; None if the clock is not trusted."""
    used, total = period.used.to_wire(), period.used.total
    if period.first_day is None:
        return PeriodUse(None, None, used, total)
    following = next_first_day(period.first_day, reset_day)
    begin, end = (datetime.combine(day, time(), timezone) for day in (period.first_day, following))
    whole_s = (end - begin).total_seconds()
    if now is None:
        return PeriodUse(period.first_day, following, used, total, whole_s)
    counted_from = begin if period.since is None else max(begin, period.since)
    return PeriodUse(
        first_day=period.first_day,
        next_first_day=following,
        used=used,
        used_bytes=total,
        whole_s=whole_s,
        left_s=min(max(0.0, (end - now).total_seconds()), whole_s),
        counted_s=max(0.0, (now - counted_from).total_seconds()),
    )


STEP_BELOW = (0.5, 0.25, 0.1)
"""Steps 1, 2 and 3 begin when the even share is below these values. A site that always uses 10 % more than
even use reaches step 1 on day 25 of 30, a site that uses twice as much on day 10."""
STEP_BACK = 1.5
"""A step ends when the even share is this many times the step's threshold, so that the step does not begin
again a day after it has ended."""
DWELL_S = DAY_S
LAST_S = DAY_S / 4
"""The rest of a period counts as at least this long, so that the step hardly changes in its last hours."""
SLOW_HEARTBEAT_S = 300.0
TOP_STEP = len(STEP_BELOW)


class BudgetLadder:
    """Decides a gateway's budget step; keeps it without a trusted clock. Call ``update`` at any rate."""

    def __init__(self, monthly_bytes: int, step: int = 0, first_day: date | None = None) -> None:
        """``step`` and ``first_day``: the step in force when the agent last ran, and its billing period."""
        self._monthly_bytes = monthly_bytes
        self.step = min(max(step, 0), TOP_STEP)
        self.first_day = first_day
        self._changed_mono: float | None = None  # None: no ``update`` since the start

    def update(self, now_mono: float, use: PeriodUse) -> StepChange | None:
        """Return the change of the step, or None if it stays."""
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
        """Return the even share; 1.0 if exactly the budget of even use has been used so far."""
        left = 1 - use.used_bytes / self._monthly_bytes
        return left * use.whole_s / max(left_s, LAST_S)

    def _short(self, use: PeriodUse, left_s: float) -> str:
        used_mb, budget_mb = round(use.used_bytes / 1e6), round(self._monthly_bytes / 1e6)
        return problem_text(
            "budget-short", used_mb=used_mb, budget_mb=budget_mb, days=round(left_s / DAY_S, 1)
        )

    def _change_to(self, step: int, why: str, now_mono: float) -> StepChange:
        change = StepChange(self.step, step, why)
        self.step, self._changed_mono = step, now_mono
        return change
