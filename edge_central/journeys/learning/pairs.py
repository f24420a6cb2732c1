"""Learns travel times from the collected passages of all pairs of neighbouring cameras."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edge_agent.wire.passage_times import GROUP_ORDER
from edge_central.journeys.learning.estimation import estimate
from edge_central.journeys.learning.gateways import LearningGateway, neighbours
from edge_central.journeys.learning.samples import CameraSample, WindowMs, WindowRows
from edge_central.journeys.travel_times import TravelTime

BLOCK = 8
"""Number of first cameras whose transforms are in memory at once: 190 MB with 24 hours of windows."""

CollectedWindows = Mapping[WindowMs, Sequence[WindowRows]]


@dataclass(frozen=True, eq=False)
class CollectedCamera:
    """The passages of a camera, in each window that its gateway has answered and that has any."""

    gateway: LearningGateway
    camera: str
    windows: dict[WindowMs, list[WindowRows]]
    _samples: dict[tuple[str, tuple[WindowMs, ...]], CameraSample] = field(default_factory=dict)

    def sample(self, group: str, windows: tuple[WindowMs, ...]) -> CameraSample:
        key = group, windows
        if key not in self._samples:
            rows = [each for window in windows for each in self.windows[window]]
            self._samples[key] = CameraSample.of(rows, group, windows)
        return self._samples[key]

    def forget_samples(self) -> None:
        self._samples.clear()


def collected_cameras(
    collected: Sequence[tuple[LearningGateway, CollectedWindows]],
) -> list[CollectedCamera]:
    """Return the cameras of all gateways. A window without a passage of a camera is left out, because the
    camera may have been off."""
    cameras = []
    for gateway, windows in collected:
        for camera in gateway.cameras:
            own = {
                window: [each for each in rows if each.camera == camera and len(each.starts)]
                for window, rows in windows.items()
            }
            cameras.append(CollectedCamera(gateway, camera, {w: rows for w, rows in own.items() if rows}))
    return cameras


def learn_travel_times(
    cameras: Sequence[CollectedCamera], reach_m: float, learnt_ms: int
) -> Iterator[TravelTime]:
    """Return the travel times that are certain, for every ordered pair of cameras within reach and every
    group."""
    gateways = list({each.gateway.id: each.gateway for each in cameras}.values())
    # Sorted by place, because the cameras of a block share the transforms of their common neighbours.
    cameras = sorted(cameras, key=lambda each: (each.gateway.place or (0.0, 0.0), each.gateway.id))
    near = {each.id: {other.id for other in neighbours(each, gateways, reach_m)} for each in gateways}
    for group in GROUP_ORDER:
        for first, second in _in_blocks(cameras, near):
            found = _of_pair(first, second, group, learnt_ms)
            if found is not None:
                yield found


def _in_blocks(
    cameras: Sequence[CollectedCamera], near: Mapping[str, Collection[str]]
) -> Iterator[tuple[CollectedCamera, CollectedCamera]]:
    """Return every ordered pair, in an order in which few transforms are computed twice. Transforms that are
    no longer needed are forgotten."""
    for begin in range(0, len(cameras), BLOCK):
        block = cameras[begin : begin + BLOCK]
        for second in cameras:
            for first in block:
                if first is not second and second.gateway.id in near[first.gateway.id]:
                    yield first, second
            if second not in block:
                second.forget_samples()
        for each in block:
            each.forget_samples()


def _of_pair(
    first: CollectedCamera, second: CollectedCamera, group: str, learnt_ms: int
) -> TravelTime | None:
    windows = tuple(sorted(set(first.windows) & set(second.windows)))
    if not windows:
        return None
    found = estimate(first.sample(group, windows), second.sample(group, windows))
    if found is None:
        return None
    return TravelTime(
        from_gateway=first.gateway.id,
        from_camera=first.camera,
        to_gateway=second.gateway.id,
        to_camera=second.camera,
        group=group,
        median_s=found.median_s,
        low_s=found.low_s,
        high_s=found.high_s,
        share=found.share,
        passages=found.passages,
        certainty=found.certainty,
        learnt_ms=learnt_ms,
    )
