"""Congestion as ``/api/traffic`` returns it: minutes by level, and the free-flow speed that defines them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_central.traffic.congestion import CongestionLevel, CongestionPeriod, FreeFlow
from edge_central.web.api.event_history import ApiDocument


class CongestionEntry(ApiDocument, frozen=True, kw_only=True):
    """How many minutes of the period had each congestion level. The rule is not calibrated for your roads."""

    free_min: Annotated[int, Meta(description="above 67 % of the free-flow speed, or nearly no vehicles")]
    busy_min: Annotated[int, Meta(description="above 40 % of it")]
    slow_min: int
    standing_min: Annotated[int, Meta(description="nine of ten vehicles stood, and at least two")]
    unknown_min: Annotated[int, Meta(description="a gap, or too little to compare with")]
    vehicles: Annotated[
        float | None,
        Meta(description="mean number of vehicles and two-wheelers in the picture, without parked ones"),
    ]
    speed_percent: Annotated[
        int | None, Meta(description="speed of those that move, of the free-flow speed; null: not known")
    ]


class FreeFlowEntry(ApiDocument, frozen=True, kw_only=True):
    """The free-flow speed of a camera: in the two weeks up to `to`, 85 % of its quarters of an hour were
    slower."""

    speed: float
    unit: Annotated[
        Literal["m/s", "lengths/s"],
        Meta(description="lengths/s: the camera has no ground plane, so speeds are in own lengths"),
    ]
    quarters: Annotated[int, Meta(description="quarters of an hour with a speed; at least 96")]


def congestion_entry(period: CongestionPeriod) -> CongestionEntry:
    minutes = period.minutes
    return CongestionEntry(
        free_min=minutes[CongestionLevel.FREE],
        busy_min=minutes[CongestionLevel.BUSY],
        slow_min=minutes[CongestionLevel.SLOW],
        standing_min=minutes[CongestionLevel.STANDING],
        unknown_min=period.unknown_min,
        vehicles=period.vehicles,
        speed_percent=period.speed_percent,
    )


def free_flow_entry(usual: FreeFlow) -> FreeFlowEntry:
    return FreeFlowEntry(
        speed=round(usual.speed, 2), unit="m/s" if usual.on_road else "lengths/s", quarters=usual.quarters
    )
