"""Reads the outages of a period from those intervals that can be part of an outage, without reading the whole
time of each camera."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

from sqlalchemy import Connection

from edge_central.availability.interval_reader import (
    GatewayIntervals,
    clip_span,
    read_intervals,
    with_context,
)
from edge_central.availability.model import (
    TAMPER_LAYERS,
    Layer,
    PictureState,
    StateInterval,
    TimeSpan,
)
from edge_central.availability.report import OF_CAMERA, OutageEntry, outage_entries
from edge_central.availability.timeline import ConditionSpan, camera_spans
from edge_central.store.availability_days import CONTEXT_MS
from edge_central.store.scope import Scope

OUTAGE_LAYERS = (Layer.LINK, Layer.PICTURE, *TAMPER_LAYERS)
"""The layers that can make an outage. The other layers only say that a usable picture is worse than usual."""


def read_outages(
    connection: Connection, scope: Scope, period: TimeSpan, now_ms: int
) -> dict[str, tuple[OutageEntry, ...]]:
    """Return the same outages of each gateway as ``read_availability``."""
    wide = with_context(period, now_ms)
    return {
        found.gateway: outage_entries(found, _camera_outages(found, period, wide), period)
        for found in read_intervals(connection, scope, wide, layers=OUTAGE_LAYERS)
    }


def _camera_outages(
    found: GatewayIntervals, period: TimeSpan, wide: TimeSpan
) -> dict[str, list[ConditionSpan]]:
    """Return, for each camera, the spans in which it was lost or tampered with."""
    outages = {}
    for camera, layers in sorted(found.cameras.items()):
        spans = [
            span
            for window in _windows(layers, wide)
            for span in camera_spans(_within(window, {Layer.LINK: found.link, **layers}), window)
        ]
        outages[camera] = [
            clip_span(span, period)
            for span in spans
            if span.condition in OF_CAMERA and period.overlaps(span.from_ms, span.to_ms)
        ]
    return outages


def _windows(layers: Mapping[Layer, Sequence[StateInterval]], wide: TimeSpan) -> Iterator[TimeSpan]:
    """Return the times in which there can be an outage, in order. Each includes the time before the fault,
    because a camera that is lost soon after its gateway was off counts as starting."""
    faults = [each for each in layers.get(Layer.PICTURE, ()) if each.state == PictureState.OFFLINE]
    faults += [each for layer in TAMPER_LAYERS for each in layers.get(layer, ())]
    window: TimeSpan | None = None
    for fault in sorted(faults, key=_FROM):
        from_ms = max(wide.from_ms, fault.from_ms - CONTEXT_MS)
        to_ms = wide.to_ms if fault.to_ms is None else min(wide.to_ms, fault.to_ms)
        if window is not None and from_ms <= window.to_ms:
            window = TimeSpan(window.from_ms, max(window.to_ms, to_ms))
            continue
        if window is not None:
            yield window
        window = TimeSpan(from_ms, to_ms)
    if window is not None:
        yield window


_FROM = attrgetter("from_ms")


def _within(
    window: TimeSpan, series: Mapping[Layer, Sequence[StateInterval]]
) -> dict[Layer, Sequence[StateInterval]]:
    """Return the intervals that overlap the window. The intervals of one series must be in order and must not
    overlap each other."""
    found = {}
    for layer, intervals in series.items():
        first = max(0, bisect_right(intervals, window.from_ms, key=_FROM) - 1)
        found[layer] = intervals[first : bisect_left(intervals, window.to_ms, key=_FROM)]
    return found
