"""The congestion level of a quarter of an hour, from the traffic that a camera measured. Pure.

The rule compares the speed with the free-flow speed of the camera, as levels of service do. For an urban
street the Highway Capacity Manual 2010 (Exhibit 16-4) has levels A and B above 67 % of the free-flow speed, C
and D above 40 %, E and F below. The rule is not calibrated for the roads here, and differs from the manual in
two ways. The speed is that of the vehicles that move, so that a red light is no congestion. Where the camera
has no ground plane, the speed is measured in the picture, in lengths of the object.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge_central.traffic.days import MeasuredTime, QuarterFlow
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.reports import QUARTER_MS

QUARTER_S = QUARTER_MS / 1000
FREE_FLOW_DAYS = 14
FREE_FLOW_PERCENTILE = 0.85
"""The free-flow speed is this quantile of the quarters' speeds. Higher speeds are mostly a few vehicles at
night, or tracks that jumped."""
MIN_QUARTERS = 96
"""Minimum number of quarters with a speed within FREE_FLOW_DAYS; with fewer, no level is known."""
MIN_RATED_S = 30.0
"""A quarter has a speed if its vehicles were in motion for at least this many vehicle-seconds."""
FREE_ABOVE, BUSY_ABOVE = 0.67, 0.40
"""Shares of the free-flow speed above which traffic is free (levels A and B) or busy (C and D); below both: E
and F."""
LEAST_PRESENT = 1.0
"""With fewer vehicles in the picture on average a road is free, however slow they are."""
STANDING_SHARE, LEAST_STANDING = 0.9, 2.0
"""Traffic stands if this share of the vehicles stands, and at least this many of them."""


class CongestionLevel(StrEnum):
    FREE = "free"
    BUSY = "busy"
    SLOW = "slow"
    STANDING = "standing"


@dataclass(frozen=True, slots=True)
class CameraFlow:
    """The traffic that one camera measured. ``counted``: the quarters with new vehicles, also from agents
    that report no flow."""

    by_quarter: Mapping[Quarter, QuarterFlow]
    counted: frozenset[Quarter]
    measured: MeasuredTime


@dataclass(frozen=True, slots=True)
class FreeFlow:
    """The usual traffic at one camera."""

    speed: float
    on_road: bool  # the speed is in metres a second; else in lengths of the object a second
    long_s: float  # vehicle-seconds of a quarter by vehicles that stand long, usually parked ones
    quarters: int  # number of quarters with a speed


def free_flow(flow: CameraFlow, span: Span) -> FreeFlow | None:
    """Return the usual traffic. None: fewer than MIN_QUARTERS of the span have a speed."""
    quarters = [quarter for quarter in range(*span) if quarter in flow.measured]
    flows = [flow.by_quarter[quarter] for quarter in quarters if quarter in flow.by_quarter]
    for on_road in (True, False):
        speeds = sorted(speed for each in flows if (speed := _speed(each, on_road=on_road)) is not None)
        if len(speeds) >= MIN_QUARTERS and (usual := _percentile(speeds)) > 0:
            parked = sorted([each.long_s for each in flows] + [0.0] * (len(quarters) - len(flows)))
            return FreeFlow(usual, on_road, _percentile(parked), len(speeds))
    return None


def _speed(flow: QuarterFlow, *, on_road: bool) -> float | None:
    rated_s = flow.rated_on_road_s if on_road else flow.rated_s
    if rated_s < MIN_RATED_S:
        return None
    return flow.speed_m_s if on_road else flow.speed


def _percentile(values: Sequence[float]) -> float:
    """Return the free-flow quantile by nearest rank. ``values`` are in order, and not empty."""
    return values[math.ceil(FREE_FLOW_PERCENTILE * len(values)) - 1]


def congestion_level(flow: QuarterFlow, usual: FreeFlow) -> CongestionLevel | None:
    """Return the level of a measured quarter. None: unknown, because a few vehicles stand and none moves."""
    stopped_s = flow.standing_s + max(0.0, flow.long_s - usual.long_s)
    present_s = flow.moving_s + stopped_s
    if present_s < LEAST_PRESENT * QUARTER_S:
        return CongestionLevel.FREE
    speed = _speed(flow, on_road=usual.on_road)
    share = None if speed is None else speed / usual.speed
    stands = stopped_s >= max(STANDING_SHARE * present_s, LEAST_STANDING * QUARTER_S)
    if stands and (share is None or share <= BUSY_ABOVE):
        return CongestionLevel.STANDING
    if share is None:
        return None
    if share > FREE_ABOVE:
        return CongestionLevel.FREE
    return CongestionLevel.BUSY if share > BUSY_ABOVE else CongestionLevel.SLOW


@dataclass(frozen=True, slots=True)
class CongestionPeriod:
    """The minutes of a period by level. ``unknown_min``: minutes up to now that have no level."""

    minutes: Mapping[CongestionLevel, int]
    unknown_min: int
    vehicles: float | None  # mean number in the picture, without parked ones; None: not measured
    speed_percent: int | None  # of the free-flow speed; None: nothing moved, or not known


def sum_congestion(
    flow: CameraFlow, usual: FreeFlow | None, periods: Iterable[Span], now: Quarter
) -> Iterator[CongestionPeriod]:
    """Yield the congestion of each period. ``now``: the quarter that has begun but not ended; it and later
    quarters are not known yet."""
    for first, last in periods:
        over = range(first, max(first, min(last, now)))
        levels = Counter(level for each in over if (level := _level(flow, usual, each)) is not None)
        minutes = {level: 15 * levels[level] for level in CongestionLevel}
        known = [flow.by_quarter.get(each, QuarterFlow()) for each in over if _is_complete(flow, each)]
        yield CongestionPeriod(
            minutes, 15 * len(over) - sum(minutes.values()), _vehicles(known), _percent(known, usual)
        )


def _is_complete(flow: CameraFlow, quarter: Quarter) -> bool:
    """Whether nothing of the quarter's traffic can be missing."""
    return quarter in flow.measured and (quarter in flow.by_quarter or quarter not in flow.counted)


def _level(flow: CameraFlow, usual: FreeFlow | None, quarter: Quarter) -> CongestionLevel | None:
    if usual is None or not _is_complete(flow, quarter):
        return None
    return congestion_level(flow.by_quarter.get(quarter, QuarterFlow()), usual)


def _vehicles(flows: Sequence[QuarterFlow]) -> float | None:
    if not flows:
        return None
    present_s = sum(each.moving_s + each.standing_s for each in flows)
    return round(present_s / (QUARTER_S * len(flows)), 2)


def _percent(flows: Iterable[QuarterFlow], usual: FreeFlow | None) -> int | None:
    total = QuarterFlow()
    for each in flows:
        total.add(each)
    speed = None if usual is None else _speed(total, on_road=usual.on_road)
    return None if usual is None or speed is None else round(100 * speed / usual.speed)
