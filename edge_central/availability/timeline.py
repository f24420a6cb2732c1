"""Combines the series of a gateway and a camera: one condition for each moment, and the totals. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edge_central.availability.model import (
    ON,
    OUTAGES,
    QUALITY_LAYERS,
    TAMPER_LAYERS,
    VIEW_PREFIX,
    Condition,
    Layer,
    LinkState,
    PictureState,
    StateInterval,
    TimeSpan,
)

Series = Mapping[Layer, Sequence[StateInterval]]
"""The intervals of one gateway and camera by layer, each in the order of time."""
MINUTE_MS = 60_000
START_MS = 300_000
"""After a gateway was off, its cameras, recorder and switch start within this time. A camera that is lost and
comes back within it was not at fault (BOOT_GRACE_MS of the overview)."""
OFF = (Condition.POWER, Condition.GATEWAY, Condition.MAINTENANCE)
_BEFORE_PICTURE: dict[str, Condition] = {
    LinkState.MAINTENANCE: Condition.MAINTENANCE,
    LinkState.POWER: Condition.POWER,
    LinkState.GATEWAY: Condition.GATEWAY,
    LinkState.ABSENT: Condition.ABSENT,
    LinkState.UNKNOWN: Condition.UNKNOWN,
}
"""Gateway states in which the camera's state says nothing: the gateway does not run, or it is unknown whether
it runs."""


@dataclass(frozen=True, slots=True)
class ConditionSpan:
    """One condition of a camera. ``detail``: the cause of a lost picture, or the view; ``quality``: what is
    wrong with a usable picture."""

    from_ms: int
    to_ms: int
    condition: Condition
    detail: str = ""
    quality: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> int:
        return self.to_ms - self.from_ms

    @property
    def is_outage(self) -> bool:
        """Return whether this condition counts against the target."""
        return self.condition in OUTAGES


@dataclass(slots=True)
class ConditionTotals:
    """Milliseconds by condition, and by what was wrong with usable pictures."""

    by_condition: dict[Condition, int] = field(default_factory=dict)
    by_quality: dict[str, int] = field(default_factory=dict)

    def add_span(self, span: ConditionSpan) -> None:
        self._add(span.condition, span.duration_ms)
        for view in span.quality:
            self.by_quality[view] = self.by_quality.get(view, 0) + span.duration_ms

    def add(self, other: ConditionTotals) -> None:
        for condition, duration_ms in other.by_condition.items():
            self._add(condition, duration_ms)
        for view, duration_ms in other.by_quality.items():
            self.by_quality[view] = self.by_quality.get(view, 0) + duration_ms

    def _add(self, condition: Condition, duration_ms: int) -> None:
        self.by_condition[condition] = self.by_condition.get(condition, 0) + duration_ms

    def minutes(self, condition: Condition) -> int:
        return round(self.by_condition.get(condition, 0) / MINUTE_MS)

    def quality_minutes(self, view: str) -> int:
        return round(self.by_quality.get(view, 0) / MINUTE_MS)

    @property
    def usable_ms(self) -> int:
        return self.by_condition.get(Condition.USABLE, 0)

    @property
    def outage_ms(self) -> int:
        return sum(self.by_condition.get(each, 0) for each in OUTAGES)

    @property
    def counted_ms(self) -> int:
        """Return the counted time: all time but maintenance and time about which the centre knows nothing."""
        return self.usable_ms + self.outage_ms

    @property
    def percent(self) -> float | None:
        """Return the share of the counted time with a usable picture, in percent. None: no time is
        counted."""
        return 100.0 * self.usable_ms / self.counted_ms if self.counted_ms else None

    def is_below(self, target_percent: float) -> bool:
        """Return whether the target is missed. False also if no time is counted."""
        return self.percent is not None and self.percent < target_percent

    def missed_ms(self, target_percent: float) -> float:
        """Return by how much the usable time is below the target; 0: the target is met."""
        return max(0.0, self.counted_ms * target_percent / 100.0 - self.usable_ms)

    def missed_minutes(self, target_percent: float) -> int:
        """Return ``missed_ms`` in minutes."""
        return round(self.missed_ms(target_percent) / MINUTE_MS)

    @property
    def outage_minutes(self) -> list[tuple[Condition, int]]:
        """Return the minutes of each outage condition that lasted at least half a minute, the longest
        first."""
        found = [(each, self.minutes(each)) for each in OUTAGES]
        return sorted((each for each in found if each[1]), key=lambda each: -each[1])


def camera_spans(series: Series, period: TimeSpan) -> list[ConditionSpan]:
    """Return the conditions of a camera in ``period``, in order. Left out is the time in which the camera was
    not configured, and in which its gateway was removed or not yet known."""
    spans: list[ConditionSpan] = []
    now: dict[Layer, StateInterval | None] = {}
    changes = _changes(series, period)
    for index, (from_ms, layer, interval) in enumerate(changes):
        now[layer] = interval
        to_ms = changes[index + 1][0] if index + 1 < len(changes) else period.to_ms
        span = _span(now, from_ms, to_ms) if from_ms < to_ms else None
        if span is None:
            continue
        last = spans[-1] if spans else None
        if last is not None and last.to_ms == from_ms and _what(last) == _what(span):
            spans[-1] = ConditionSpan(last.from_ms, to_ms, *_what(span))
        else:
            spans.append(span)
    return _with_starts(spans)


def _with_starts(spans: Iterable[ConditionSpan]) -> list[ConditionSpan]:
    """Return the spans, with each start of the camera counted as part of its gateway's outage before it."""
    found: list[ConditionSpan] = []
    off: ConditionSpan | None = None
    for span in spans:
        if span.condition in OFF:
            off = span
        if off is not None and span.condition is Condition.CAMERA and _starts(span, off.to_ms):
            found.append(ConditionSpan(span.from_ms, span.to_ms, off.condition))
        else:
            found.append(span)
    return found


def _starts(lost: ConditionSpan, on_ms: int) -> bool:
    """Return whether the span ``lost`` is the start of a camera after its gateway ran again at ``on_ms``. A
    camera that was lost before the gateway was off is lost again exactly from ``on_ms``: that is no start."""
    return on_ms < lost.from_ms and lost.to_ms <= on_ms + START_MS


def gateway_spans(link: Sequence[StateInterval], period: TimeSpan) -> list[ConditionSpan]:
    """Return the times in which a gateway did not run or was not connected: outages of all its cameras."""
    spans: list[ConditionSpan] = []
    for interval in link:
        condition = _of_link(interval.state)
        from_ms = max(interval.from_ms, period.from_ms)
        to_ms = period.to_ms if interval.to_ms is None else min(interval.to_ms, period.to_ms)
        if condition is None or to_ms <= from_ms:
            continue
        if spans and spans[-1].to_ms == from_ms and spans[-1].condition is condition:
            spans[-1] = ConditionSpan(spans[-1].from_ms, to_ms, condition)
        else:
            spans.append(ConditionSpan(from_ms, to_ms, condition))
    return spans


def _of_link(state: str) -> Condition | None:
    if state == LinkState.NETWORK:
        return Condition.NETWORK
    return _BEFORE_PICTURE.get(state)


def totals_of(spans: Iterable[ConditionSpan]) -> ConditionTotals:
    totals = ConditionTotals()
    for span in spans:
        totals.add_span(span)
    return totals


def _changes(series: Series, period: TimeSpan) -> list[tuple[int, Layer, StateInterval | None]]:
    """Return all changes in the period, in order: the time, the layer, and the interval that holds from then
    on (None: no interval)."""
    changes: list[tuple[int, Layer, StateInterval | None]] = []
    for layer, intervals in series.items():
        ended_ms: int | None = None
        for interval in intervals:
            if ended_ms is not None and ended_ms < interval.from_ms:
                changes.append((max(ended_ms, period.from_ms), layer, None))
            if interval.from_ms < period.to_ms:
                changes.append((max(interval.from_ms, period.from_ms), layer, interval))
            ended_ms = interval.to_ms
        if ended_ms is not None and ended_ms < period.to_ms:
            changes.append((max(ended_ms, period.from_ms), layer, None))
    return sorted(changes, key=lambda change: change[0])


def _what(span: ConditionSpan) -> tuple[Condition, str, tuple[str, ...]]:
    return span.condition, span.detail, span.quality


def _span(now: Mapping[Layer, StateInterval | None], from_ms: int, to_ms: int) -> ConditionSpan | None:
    link, picture = now.get(Layer.LINK), now.get(Layer.PICTURE)
    if link is None or picture is None:
        return None
    if link.state == LinkState.REMOVED or picture.state == PictureState.REMOVED:
        return None
    before = _BEFORE_PICTURE.get(link.state)
    if before is not None:
        return ConditionSpan(from_ms, to_ms, before)
    if picture.state == PictureState.OFFLINE:
        return ConditionSpan(from_ms, to_ms, Condition.CAMERA, picture.detail)
    views = {layer for layer, interval in now.items() if interval is not None and interval.state == ON}
    tampered = next((layer for layer in TAMPER_LAYERS if layer in views), None)
    if tampered is not None:
        return ConditionSpan(from_ms, to_ms, Condition.TAMPER, tampered.removeprefix(VIEW_PREFIX))
    if link.state == LinkState.NETWORK:
        return ConditionSpan(from_ms, to_ms, Condition.NETWORK)
    quality = tuple(layer.removeprefix(VIEW_PREFIX) for layer in QUALITY_LAYERS if layer in views)
    return ConditionSpan(from_ms, to_ms, Condition.USABLE, "", quality)
