"""What a ledger says each camera's time was: replayed entry by entry, independent of the centre's code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from edge_agent.tools.simulate.condition_ledger import ConditionChange, LedgerEntry

TAMPER = ("covered", "moved", "frozen")
Seconds = defaultdict[str, float]
"""By condition; ``quality <view>`` beside ``usable``."""


@dataclass
class Flags:
    """What is true of one gateway and its cameras."""

    off: str = ""
    cut: bool = False
    offline: set[str] = field(default_factory=set)
    views: set[tuple[str, str]] = field(default_factory=set)

    def apply(self, entry: LedgerEntry) -> None:
        camera = entry.camera or ""
        match entry.change:
            case ConditionChange.POWER_OFF:
                self.off = "power"
            case ConditionChange.STOP:
                self.off = "maintenance"
            case ConditionChange.CABLE_OUT:
                self.cut = True
            case ConditionChange.CONNECTED:
                self.off, self.cut = "", False
            case ConditionChange.CAMERA_OFFLINE:
                self.offline.add(camera)
            case ConditionChange.CAMERA_ONLINE:
                self.offline.discard(camera)
            case ConditionChange.VIEW_BEGIN:
                self.views.add((camera, entry.detail))
            case ConditionChange.VIEW_END:
                self.views.discard((camera, entry.detail))

    def conditions(self, camera: str) -> Iterator[str]:
        if self.off:
            yield self.off
        elif camera in self.offline:
            yield "camera"
        elif any((camera, view) in self.views for view in TAMPER):
            yield "tamper"
        elif self.cut:
            yield "network"
        else:
            yield "usable"
            yield from (f"quality {view}" for of, view in self.views if of == camera)


def true_seconds(
    entries: Iterable[LedgerEntry], cameras: Mapping[str, Iterable[str]], from_ms: int, to_ms: int
) -> dict[tuple[str, str], Seconds]:
    """Seconds by gateway and camera, between two times."""
    found: dict[tuple[str, str], Seconds] = {}
    by_gateway: dict[str, list[LedgerEntry]] = {gateway: [] for gateway in cameras}
    for entry in entries:
        by_gateway[entry.gateway].append(entry)
    for gateway, own in by_gateway.items():
        flags, at_ms = Flags(), from_ms
        counts = {camera: Seconds(float) for camera in cameras[gateway]}
        ends = [min(max(entry.at_ms, from_ms), to_ms) for entry in own]
        for index, next_ms in enumerate([*ends, to_ms]):
            for camera, seconds in counts.items():
                for condition in flags.conditions(camera):
                    seconds[condition] += (next_ms - at_ms) / 1000
            at_ms = next_ms
            if index < len(own):
                flags.apply(own[index])
        found.update({(gateway, camera): seconds for camera, seconds in counts.items()})
    return found
