"""Counts as gateways send them, on one day in Thai Binh."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.core.clock import rfc3339
from edge_central.settings import Database
from edge_central.store.database import read_transaction
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.traffic.increases import Span
from edge_central.traffic.periods import TrafficPeriod, sum_periods
from edge_central.traffic.reports import QUARTER_MS, Counts
from edge_central.traffic.series import TrafficFilter, TrafficSeries, read_series
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.hostile import Message, event

TIMEZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DAY, WEEK_BEFORE = "2026-11-24", "2026-11-17"
Labels = Mapping[str, int]


def moment(clock: str, day: str = DAY) -> datetime:
    """A time of the site, such as 10:07."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=TIMEZONE)


def at(clock: str, day: str = DAY) -> str:
    """The same on the wire, in UTC."""
    return rfc3339(moment(clock, day))


def at_ms(clock: str, day: str = DAY) -> int:
    return round(moment(clock, day).timestamp() * 1000)


def quarter(clock: str, day: str = DAY) -> int:
    return at_ms(clock, day) // QUARTER_MS


NOW_MS = at_ms("12:03")
WHOLE_DAY: Span = (quarter("00:00"), quarter("00:00") + 96)


def line_counts(
    box: FakeGateway,
    sequence: int,
    since: str,
    until: str,
    a_to_b: Labels,
    b_to_a: Labels | None = None,
    *,
    day: str = DAY,
    clock: str = "synced",
    data: Mapping[str, Any] | None = None,
) -> Message:
    """Crossings since midnight, in a report that follows one at ``since``; ``data`` replaces fields."""
    fields = {
        "rule_id": "gate-count", "line": "gate", "day": day, "from_at": at(since, day),
        "to_at": at(until, day), "a_to_b": dict(a_to_b), "b_to_a": dict(b_to_a or {}), **(data or {}),
    }  # fmt: skip
    return event(box, sequence, fields, kind="line-counts", severity=9, time=at(until, day), clock=clock)


def turns(only: Labels | None = None, **first: Labels) -> dict[str, Any]:
    """Fields of ``line_counts``: objects that crossed the lines ``first`` from B to A, and the line of the
    report from A to B last."""
    directions = {"direction": "b-to-a", "to_direction": "a-to-b"}
    found = [{"line": line, **directions, "objects": dict(objects)} for line, objects in first.items()]
    return {"turns": {"only": dict(only or {}), "turns": found, "others": {}}}


def flow(
    moving: float,
    standing: float = 0.0,
    standing_long: float = 0.0,
    *,
    speed: float | None = 2.0,
    speed_m_s: float | None = None,
    watched_s: float = 900.0,
) -> dict[str, Any]:
    """``flow`` of ``object_counts``: mean numbers of vehicles, and the speed of those that move."""
    return {
        "watched_s": watched_s, "moving": moving, "standing": standing, "standing_long": standing_long,
        "speed": speed, "speed_m_s": speed_m_s,
    }  # fmt: skip


def object_counts(
    box: FakeGateway,
    sequence: int,
    since: str,
    until: str,
    new: Labels,
    *,
    day: str = DAY,
    clock: str = "synced",
    camera: str = "cam-1",
    **more: Any,
) -> Message:
    data = {"from_at": at(since, day), "to_at": at(until, day), "interval_s": 60.0, "new": dict(new), **more}
    return event(
        box, sequence, data, kind="counts", severity=9, camera=camera, time=at(until, day), clock=clock
    )


def seeing(
    box: FakeGateway, until: str, since: str, *, day: str = DAY, state: str = "online", **more: Any
) -> Message:
    """A heartbeat of ``until``, whose camera is in this state since ``since``."""
    fields: dict[str, Any] = {"uptime_s": 86_400.0, "clock": {"synced": True}, **more}
    camera = {"state": state, "since": at(since, day), "view": fields.pop("view", [])}
    return box.heartbeat("s", time=at(until, day), cameras={"cam-1": camera}, **fields)


def read(
    database: Database,
    span: Span = WHOLE_DAY,
    *,
    scope: Scope = EVERYWHERE,
    asked: TrafficFilter | None = None,
) -> list[TrafficSeries]:
    with read_transaction(database) as connection:
        return read_series(connection, scope, asked or TrafficFilter(), span, TIMEZONE)


def line_of(database: Database) -> TrafficSeries:
    """The only line."""
    (found,) = read(database, asked=TrafficFilter(pictures=False))
    return found


def picture_of(database: Database) -> TrafficSeries:
    """The only whole picture."""
    (found,) = read(database, asked=TrafficFilter(lines=False))
    return found


def totals(series: TrafficSeries) -> dict[str, int]:
    """Counts by the begin of the quarter at the site; quarters with 0 are left out."""
    first = WHOLE_DAY[0]
    named = {
        f"{(each - first) // 4:02d}:{(each - first) % 4 * 15:02d}": counts
        for each, counts in sorted(series.by_quarter.items())
    }
    return {clock: counts.total() for clock, counts in named.items() if counts.total()}


def period_of(series: TrafficSeries, clock: str) -> TrafficPeriod:
    """One quarter, seen from the end of the day."""
    (found,) = sum_periods(series, [(quarter(clock), quarter(clock) + 1)], WHOLE_DAY[1])
    return found


def of(**labels: int) -> Counts:
    """Crossings from A to B."""
    return Counts({("a-to-b", label): count for label, count in labels.items()})
