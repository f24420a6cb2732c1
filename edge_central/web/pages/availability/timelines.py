"""Coordinates of the timelines of a site's cameras, for inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from edge_central.availability.model import TimeSpan
from edge_central.availability.report import SiteAvailability
from edge_central.availability.timeline import ConditionSpan
from edge_central.web.pages.charts import LEFT, RIGHT, WIDTH, AxisTick, time_ticks

NARROWEST = 1.0
"""Minimum width of an outage; a narrower one could not be seen."""
MAX_BARS = 400
"""Limit of bars of one camera, for the longest spans; more could not be distinguished at that width."""


@dataclass(frozen=True, slots=True)
class SpanBar:
    x: float
    width: float
    span: ConditionSpan


@dataclass(frozen=True, slots=True)
class CameraTimeline:
    camera: str
    percent: float | None
    outages: int
    bars: tuple[SpanBar, ...]
    along: tuple[AxisTick, ...]  # at x, milliseconds since 1970


def camera_timelines(site: SiteAvailability, period: TimeSpan, timezone: tzinfo) -> list[CameraTimeline]:
    """Return a timeline for each camera, drawn over ``period``."""
    along = time_ticks(period.from_ms, period.to_ms, timezone)
    return [
        CameraTimeline(
            camera.camera,
            camera.totals.percent,
            sum(span.is_outage for span in camera.spans),
            _bars(camera.spans, period),
            along,
        )
        for camera in site.cameras
    ]


def _bars(spans: Sequence[ConditionSpan], period: TimeSpan) -> tuple[SpanBar, ...]:
    scale = (WIDTH - LEFT - RIGHT) / (period.to_ms - period.from_ms)
    longest = sorted(spans, key=lambda span: -span.duration_ms)[:MAX_BARS]
    # Short spans are drawn last, so that they are on top of the usable time around them.
    return tuple(
        SpanBar(
            round(LEFT + (span.from_ms - period.from_ms) * scale, 1),
            round(max(NARROWEST, span.duration_ms * scale), 1),
            span,
        )
        for span in longest
    )
