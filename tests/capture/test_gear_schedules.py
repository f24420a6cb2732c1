"""For any schedule of motion: no frame is delivered twice, no due frame is missing, and stamps rise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.model import DecodeMode
from tests.capture.test_decoder import patched
from tests.capture.test_gears import clip_of
from tests.capture.viewer import Viewer, auto
from tests.testbed.ring_feed import RingFeed

if TYPE_CHECKING:
    from tests.testbed.ring_feed import VideoPacket

SECONDS, STEP_S = 24, 0.5
SCHEDULES = st.lists(st.booleans(), min_size=1, max_size=round((SECONDS + 2) / STEP_S))
MOSTLY_QUIET = st.lists(st.integers(0, 9).map(lambda n: n == 0), min_size=20, max_size=60)


def schedule(steps: list[bool]) -> Callable[[float], bool]:
    """Whether something moves, by half seconds; False after the end."""
    return lambda time_s: 0 <= time_s < STEP_S * len(steps) and steps[int(time_s / STEP_S)]


SCHEDULED = [
    ("h264", 10),
    ("h264", 12.5),
    ("h264-b-frames", 10),
    ("h264-open-gop", 12.5),
    ("h265-open-gop", 10),
    ("mjpeg", 10),
]


@pytest.mark.parametrize("analysed_fps", [5, 10, 12.5])
@pytest.mark.parametrize(("kind", "fps"), SCHEDULED)
def test_every_due_picture_is_seen_once(tmp_path: Path, kind: str, fps: float, analysed_fps: float) -> None:
    clip = clip_of(tmp_path, kind, SECONDS, 2, fps)
    longest_s = math.ceil(fps / analysed_fps) / fps

    @settings(max_examples=4, deadline=None)
    @given(moves=st.one_of(SCHEDULES, MOSTLY_QUIET))
    def analysed_once(moves: list[bool]) -> None:
        watched = Viewer(RingFeed(auto(quiet_s=1.0, fps=analysed_fps), clip), schedule(moves)).watch()
        for before, after in itertools.pairwise(watched.seen):
            step_s = after.time_s - before.time_s
            assert step_s > 0.5 / fps, "twice, or in the wrong order"
            if after.gear is not DecodeMode.IDLE:
                assert step_s < longest_s + 0.01, f"missing before {after.time_s:.2f} s"
        assert watched.site.health.status().dropped == 0
        assert watched.site.mode_control.stats.wake_ups == len(watched.wake_ups_s)

    analysed_once()


def spoilt(fates: list[str]) -> Callable[[int, VideoPacket], VideoPacket | None]:
    """Lost, damaged, or of a camera whose clock was set; by the number of the packet."""
    ahead_s = 0.0

    def edit(number: int, packet: VideoPacket) -> VideoPacket | None:
        nonlocal ahead_s
        if not packet.size:
            return packet
        fate = fates[number % len(fates)]
        ahead_s += {"ahead": 7.0, "back": -5.0, "a bit back": -0.4}.get(fate, 0.0)
        assert packet.time_base is not None
        assert packet.pts is not None
        packet.pts += round(ahead_s / float(packet.time_base))
        if fate == "lost":
            return None
        return patched(packet, bytes(range(200))) if fate == "noise" else packet

    return edit


FATES = st.sampled_from(["whole"] * 40 + ["lost", "noise", "ahead", "back", "a bit back"])


@pytest.mark.parametrize("kind", ["h264", "h264-b-frames", "h265-open-gop", "mjpeg"])
def test_times_rise_whatever_happens_to_the_packets(tmp_path: Path, kind: str) -> None:
    clip = clip_of(tmp_path, kind, SECONDS, 2)

    @settings(max_examples=10, deadline=None)
    @given(
        moves=MOSTLY_QUIET,
        away=MOSTLY_QUIET,
        fates=st.lists(FATES, min_size=50, max_size=300),
        analysis_s=st.sampled_from([0.0, 0.05, 0.3, 4.0]),
        file=st.booleans(),
    )
    def rises(moves: list[bool], away: list[bool], fates: list[str], analysis_s: float, file: bool) -> None:
        site = RingFeed(auto(quiet_s=1.0, fps=5), clip, clip, edit=spoilt(fates), file=file)
        watched = Viewer(site, schedule(moves), analysis_s, schedule(away)).watch()
        assert watched.rises()
        # Where the camera's clock went back, each stamp is a microsecond after the one before.
        assert all(seen.age_s > -1e-3 for seen in watched.seen), "taken before it was"
        assert max(seen.age_s for seen in watched.seen) < 2.5 + 8.0 + 4.0

    rises()
