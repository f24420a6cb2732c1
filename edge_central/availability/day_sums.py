"""Sums the complete days of each camera, so that a report of a month need not read its intervals.

A change in the past deletes the sums from its day on (``store/availability_days.py``, in the same
transaction); this module makes them again. It sums the days of a gateway in order, so that its summed days
have no gap.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, or_, select

from edge_central.availability.interval_reader import clip_span, read_intervals, with_context
from edge_central.availability.model import STORED_DAYS, Condition, TimeSpan
from edge_central.availability.timeline import ConditionSpan, ConditionTotals
from edge_central.store import tables
from edge_central.store.availability_days import CONTEXT_MS
from edge_central.store.database import conflict_insert
from edge_central.store.scope import EVERYWHERE
from edge_central.traffic.calendar import day_span, days_of, local_day
from edge_central.traffic.reports import QUARTER_MS

MAX_GATEWAYS, MAX_DAYS = 5, 31
"""Gateways that one call of ``work`` sums, and days of each."""
MAX_EMPTY = 500
"""How many gateways without any interval one call of ``work`` marks as summed. A new database has many of
them."""
MAX_CHANGES = 10_000
"""Changes of all cameras of one gateway that one call processes: 60 ms in which no event is stored. A usual
gateway has 500 in a month. A gateway with more than this limit in a day is not summed; reports read its
intervals."""
PAUSE_MS, LONG_PAUSE_MS = 60_000, 3_600_000
"""After a gateway was summed, it is not summed again within the first time, however often it reports past
changes; after it had too many changes, not within the second time."""
_DAY_MS = 86_400_000
_DAY, _SUMMED, _GATEWAY = tables.availability_day.c, tables.availability_summed.c, tables.gateway.c


def day_begin_ms(time_ms: int, timezone: tzinfo) -> int:
    """Return the midnight before ``time_ms``."""
    return day_span(local_day(time_ms, timezone), timezone)[0] * QUARTER_MS


class AvailabilitySums:
    """Sums the days of the gateways of some wards. Not thread-safe: the ingest thread owns it."""

    def __init__(self, wards: Collection[str], timezone: tzinfo, now_ms: Callable[[], int]) -> None:
        """``now_ms``: returns the earliest time that it can be now. A clock that runs ahead would make a day
        count as complete before it is over."""
        self._wards = sorted(wards)
        self._timezone = timezone
        self._now_ms = now_ms
        self._checked_ms: int | None = None  # when nothing was left to sum
        self._paused: dict[str, int] = {}  # gateway -> end of its pause
        self._changes = 0  # how many this call of ``work`` has read

    def has_work(self, connection: Connection) -> bool:
        now_ms = self._now_ms()
        if self._checked_ms is not None and 0 <= now_ms - self._checked_ms < PAUSE_MS:
            return False
        found = bool(self._due(connection))
        self._checked_ms = None if found else now_ms
        return found

    def work(self, connection: Connection) -> None:
        """Sum the next days. ``connection`` is in a transaction."""
        self._changes = 0
        due = self._due(connection)
        empty = self._sum_empty(connection, [id_ for id_, until_ms in due if until_ms is None][:MAX_EMPTY])
        for gateway, summed_ms in [each for each in due if each[0] not in empty][:MAX_GATEWAYS]:
            if self._changes > MAX_CHANGES // 2:
                break
            is_summed = self._sum_gateway(connection, gateway, summed_ms)
            self._paused[gateway] = self._now_ms() + (PAUSE_MS if is_summed else LONG_PAUSE_MS)

    def _sum_empty(self, connection: Connection, gateways: Sequence[str]) -> frozenset[str]:
        """Mark the gateways without any interval as summed, all at once. ``gateways``: some that have no sums
        yet. Return the marked ones."""
        if not gateways:
            return frozenset()
        same = tables.availability.c.gateway == _GATEWAY.id
        query = select(_GATEWAY.id).where(_GATEWAY.id.in_(gateways), ~exists().where(same))
        empty = frozenset(connection.scalars(query))
        if empty:
            connection.execute(delete(tables.availability_day).where(_DAY.gateway.in_(empty)))
            values = {"timezone": str(self._timezone), "until_ms": self._end_ms()}
            summed = conflict_insert(connection, tables.availability_summed)
            summed = summed.on_conflict_do_update(index_elements=["gateway"], set_=values)
            connection.execute(summed, [{"gateway": each, **values} for each in sorted(empty)])
            self._paused |= dict.fromkeys(empty, self._now_ms() + PAUSE_MS)
        return empty

    def _end_ms(self) -> int:
        """Return the end of the newest complete day."""
        return day_begin_ms(self._now_ms() - CONTEXT_MS, self._timezone)

    def _due(self, connection: Connection) -> list[tuple[str, int | None]]:
        """Return the gateways that have days to sum, each with the time up to which it has sums."""
        now_ms = self._now_ms()
        longest_ms = now_ms + LONG_PAUSE_MS  # a pause that ends later was made by a clock that was wrong
        self._paused = {id_: at_ms for id_, at_ms in self._paused.items() if now_ms < at_ms <= longest_ms}
        is_valid = _SUMMED.timezone == str(self._timezone)
        query = (
            select(_GATEWAY.id, _SUMMED.until_ms, is_valid)
            .join_from(
                tables.gateway, tables.availability_summed, _SUMMED.gateway == _GATEWAY.id, isouter=True
            )
            .where(_GATEWAY.ward.in_(self._wards))
            .where(or_(_SUMMED.until_ms.is_(None), _SUMMED.until_ms < self._end_ms(), ~is_valid))
            .order_by(_GATEWAY.id)
        )
        rows = connection.execute(query)
        return [
            (id_, until_ms if valid else None) for id_, until_ms, valid in rows if id_ not in self._paused
        ]

    def _sum_gateway(self, connection: Connection, gateway: str, summed_ms: int | None) -> bool:
        """Sum the next days of a gateway, or one day if they have many changes. Return False if even that day
        has too many."""
        end_ms = self._end_ms()
        if summed_ms is None:  # it has no sums, or sums of another time zone
            connection.execute(delete(tables.availability_day).where(_DAY.gateway == gateway))
            begins = select(func.min(tables.availability.c.from_ms))
            summed_ms = connection.scalar(begins.where(tables.availability.c.gateway == gateway))
        oldest_ms = end_ms - round(STORED_DAYS) * _DAY_MS
        from_ms = day_begin_ms(max(oldest_ms, end_ms if summed_ms is None else summed_ms), self._timezone)
        days = list(self._days(from_ms, end_ms))[:MAX_DAYS]
        if not days:
            self._store(connection, gateway, from_ms, end_ms, [])
            return True
        return any(self._sum_days(connection, gateway, part) for part in (days, days[:1]))

    def _sum_days(self, connection: Connection, gateway: str, days: Sequence[TimeSpan]) -> bool:
        """Sum these days. If they have too many changes, sum nothing and return False."""
        period = TimeSpan(days[0].from_ms, days[-1].to_ms)
        until_ms = period.to_ms + CONTEXT_MS
        rows: list[dict[str, Any]] = []
        for found in read_intervals(connection, EVERYWHERE, with_context(period, until_ms), gateway):
            self._changes += found.changes
            if found.changes > MAX_CHANGES:
                return False
            for camera, spans in found.spans(period, until_ms).items():
                rows += _rows(gateway, camera, days, spans)
        self._store(connection, gateway, period.from_ms, period.to_ms, rows)
        return True

    def _store(
        self, connection: Connection, gateway: str, from_ms: int, until_ms: int, rows: list[dict[str, Any]]
    ) -> None:
        connection.execute(
            delete(tables.availability_day).where(_DAY.gateway == gateway, _DAY.to_ms > from_ms)
        )
        if rows:
            connection.execute(insert(tables.availability_day), rows)
        values = {"timezone": str(self._timezone), "until_ms": until_ms}
        summed = conflict_insert(connection, tables.availability_summed).values(gateway=gateway, **values)
        connection.execute(summed.on_conflict_do_update(index_elements=["gateway"], set_=values))

    def _days(self, from_ms: int, to_ms: int) -> Iterator[TimeSpan]:
        """Return the days from the midnight ``from_ms`` up to the midnight ``to_ms``."""
        if from_ms < to_ms:
            for day in days_of((from_ms // QUARTER_MS, to_ms // QUARTER_MS), self._timezone):
                first, last = day_span(day, self._timezone)
                yield TimeSpan(first * QUARTER_MS, last * QUARTER_MS)


def _rows(
    gateway: str, camera: str, days: Sequence[TimeSpan], spans: Iterable[ConditionSpan]
) -> Iterator[dict[str, Any]]:
    """Return a row for each day in which any time of the camera is counted."""
    for day, totals in zip(days, totals_by_day(days, spans), strict=True):
        if totals.by_condition:
            of = {"gateway": gateway, "camera": camera, "from_ms": day.from_ms, "to_ms": day.to_ms}
            yield of | _columns_of(totals)


def totals_by_day(days: Sequence[TimeSpan], spans: Iterable[ConditionSpan]) -> list[ConditionTotals]:
    """Return the totals of the spans for each day. ``days`` are consecutive; days and spans are in order."""
    totals, first = [ConditionTotals() for _ in days], 0
    for span in spans:
        while days[first].to_ms <= span.from_ms:
            first += 1
        for index in range(first, len(days)):
            if span.to_ms <= days[index].from_ms:
                break
            totals[index].add_span(clip_span(span, days[index]))
    return totals


def _columns_of(totals: ConditionTotals) -> dict[str, int]:
    conditions = {tables.sum_column(each): totals.by_condition.get(each, 0) for each in Condition}
    views = {tables.sum_column(view): totals.by_quality.get(view, 0) for view in tables.SUMMED_VIEWS}
    return conditions | views
