"""The provider's billing period: its dates, its traffic so far, and a forecast for its end."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated

import msgspec

from edge_agent import wire

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
    """The record of one billing period."""

    first_day: date | None = None  # None: no trusted clock has been available yet
    since: datetime | None = None  # counting began then; None: at the period's beginning
    used: ByteCounts = msgspec.field(default_factory=ByteCounts)


def first_day_of(day: date, reset_day: int) -> date:
    """First day of the billing period that contains ``day``. ``reset_day`` 31 is the last day of a shorter
    month."""
    this = _reset_in(day.year, day.month, reset_day)
    if day >= this:
        return this
    before = day.replace(day=1) - timedelta(days=1)
    return _reset_in(before.year, before.month, reset_day)


def next_first_day(first_day: date, reset_day: int) -> date:
    """First day of the next period."""
    after = first_day.replace(day=1) + timedelta(days=31)
    return _reset_in(after.year, after.month, reset_day)


def _reset_in(year: int, month: int, reset_day: int) -> date:
    return date(year, month, min(reset_day, calendar.monthrange(year, month)[1]))


def advance_period(
    present: BillingPeriod, before: BillingPeriod | None, now: datetime, reset_day: int
) -> tuple[BillingPeriod, BillingPeriod | None]:
    """Return the period that contains ``now`` (local time, from a trusted clock), and the period before it.

    A clock that ran ahead and was set back gets the old period again, plus what was counted meanwhile: no
    budget is granted twice. A step back over midnight by less than a day stays in the new period.
    """
    today = now.date()
    first_day = first_day_of(today, reset_day)
    if present.first_day is None:
        return BillingPeriod(first_day=first_day, since=now, used=present.used), before
    if first_day > present.first_day:
        return BillingPeriod(first_day=first_day), present
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
    """The state of a billing period now."""

    first_day: date | None
    next_first_day: date | None
    used: wire.BytesByClass
    used_bytes: int  # the sum of ``used``
    whole_s: float = 0.0
    left_s: float | None = None  # until the next period begins; None: the clock is not trusted now
    counted_s: float = 0.0  # how long traffic has been counted in this period

    @property
    def forecast_bytes(self) -> int | None:
        """Bytes at the end of the period at the average rate so far; None on the first day and without a
        trusted clock."""
        if self.left_s is None or self.counted_s < DAY_S:
            return None
        return round(self.used_bytes * (1 + self.left_s / self.counted_s))


def period_use(period: BillingPeriod, now: datetime | None, reset_day: int, timezone: tzinfo) -> PeriodUse:
    """``now``: local time; None where the clock is not trusted."""
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
