"""When was each packet's picture taken, and in which order do they go into a file?

The camera's own spacing is kept where there is one; the box's clock says where it begins, and takes over
where the camera's is set, or gives no time at all.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.evidence.clips.packets import StreamPacket

TICKS_PER_S = 90_000
"""Of clips: RTP's for video, so that a camera's times are whole numbers here too."""
JUMP_S = 1.0
"""As in ``capture.timing.stream_time``: a larger step against the box's clock is the camera's clock being
set."""
USUAL_STEP_S = 0.1
"""How long the last picture is shown when there is no other to tell."""


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """In the order of decoding."""

    taken_mono: list[float]  # on the box's monotonic clock
    pts: list[int]  # ticks from the first packet's
    dts: list[int]  # ticks; rise, and are never later than the pts
    duration: int  # ticks: from the first picture to the end of the last


def times_of(packets: Sequence[StreamPacket], tick_s: float, timed: bool) -> PacketTimes:
    """``packets``: at least one, and the first is shown first; ``tick_s``, ``timed``: of ``Parameters``."""
    taken_mono = _taken(packets, tick_s, timed)
    wanted = [round((mono - taken_mono[0]) * TICKS_PER_S) for mono in taken_mono]
    shown = sorted(wanted)
    # Decoding has to run ahead of showing by as much as the most displaced picture needs.
    ahead = max(later - own for later, own in zip(shown, wanted, strict=True))
    pts: list[int] = []
    dts: list[int] = []
    for own, at in zip(wanted, shown, strict=True):
        dts.append(max(at - ahead, dts[-1] + 1 if dts else at - ahead))
        pts.append(max(own, dts[-1]))
    steps = [b - a for a, b in itertools.pairwise(shown) if b > a]
    last_step = round(statistics.median(steps)) if steps else round(USUAL_STEP_S * TICKS_PER_S)
    return PacketTimes(taken_mono, pts, dts, max(pts) + last_step)


def _taken(packets: Sequence[StreamPacket], tick_s: float, timed: bool) -> list[float]:
    taken: list[float] = []
    for run in _runs(packets, tick_s, timed):
        own = [_own_s(item, tick_s, timed) for item in run]
        # By the median: a new connection's first stamps are not yet certain.
        offset_s = statistics.median(item.stamp_mono - at_s for item, at_s in zip(run, own, strict=True))
        if taken:  # pictures of another run are never among those before
            offset_s = max(offset_s, max(taken) + 1 / TICKS_PER_S - min(own))
        taken += [at_s + offset_s for at_s in own]
    return taken


def _runs(packets: Sequence[StreamPacket], tick_s: float, timed: bool) -> list[list[StreamPacket]]:
    """Cut where the camera's clock was set."""
    runs: list[list[StreamPacket]] = []
    before_s: float | None = None
    for item in packets:
        offset_s = item.stamp_mono - _own_s(item, tick_s, timed)
        if before_s is None or abs(offset_s - before_s) > JUMP_S:
            runs.append([])
        runs[-1].append(item)
        before_s = offset_s
    return runs


def _own_s(item: StreamPacket, tick_s: float, timed: bool) -> float:
    """By the camera's clock; by the box's where it gives none."""
    pts = item.packet.pts
    return item.stamp_mono if pts is None or not timed else pts * tick_s
