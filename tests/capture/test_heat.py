"""While the gateway is hot, fewer frames are analysed, or keyframes only; then all of them again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

from edge_agent.capture.decode.decode_mode import DecodeModeControl
from edge_agent.config.model.settings import GearChoice
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.core.model import DecodeMode
from tests.capture.test_gears import clip_of, taken, tenths
from tests.capture.viewer import ModeRig, auto
from tests.testbed.clips import PLAIN, make_clip
from tests.testbed.ring_feed import RingFeed

KEYFRAMES_ONLY = WorkloadLimits(fps_share=0.5, keyframes_only=True)


def analysed_frames(
    site: RingFeed, at: Callable[[float], None] = lambda _: None, busy: bool = True
) -> list[tuple[int, DecodeMode]]:
    """Tenths of a second and decode mode of each analysed frame; something moves all the time."""
    frames = []
    for seconds in site.arrive():
        at(seconds)
        for frame in taken(site):
            frames.append((tenths(frame), site.mode_control.mode))
            site.feed.frame_done(busy=busy)
    return frames


def hot_between(
    limiter: WorkloadLimiter, begin_s: float, end_s: float, limits: WorkloadLimits
) -> Callable[[float], None]:
    def at(seconds: float) -> None:
        limiter.current = limits if begin_s <= seconds < end_s else WorkloadLimits()

    return at


@pytest.mark.parametrize("choice", [GearChoice.FULL, GearChoice.AUTO])
@pytest.mark.parametrize("kind", ["h264", "h264-b-frames", "h265-open-gop"])
def test_keyframes_only_whatever_moves_then_all_again(kind: str, choice: GearChoice, tmp_path: Path) -> None:
    limiter = WorkloadLimiter()
    site = RingFeed(auto(gear=choice), clip_of(tmp_path, kind, keyframe_s=2), limiter=limiter)
    frames = analysed_frames(site, hot_between(limiter, 3.95, 9.45, KEYFRAMES_ONLY))
    times = [time for time, _ in frames]
    assert times == sorted(set(times))
    hot = [time for time, gear in frames if gear is DecodeMode.IDLE]
    assert all(later - earlier >= 18 for earlier, later in pairwise(hot))
    assert len(hot) >= 2
    # All pictures after the last keyframe of the heat are analysed, and those that came meanwhile a bit
    # later.
    last = hot[-1]
    assert times[times.index(last) :] == list(range(last, times[-1] + 1))
    assert len([time for time in times if 60 < time < last]) <= 2
    assert site.mode_control.mode is DecodeMode.FULL
    assert site.mode_control.stats.full_reason is None
    assert site.mode_control.stats.wake_ups == 0, "nothing differed: the heat was over"


def test_when_the_heat_is_over_the_camera_does_not_wait_for_the_next_keyframe(tmp_path: Path) -> None:
    """Keyframes are eight seconds apart; the heat is over in between."""
    limiter = WorkloadLimiter()
    clip = clip_of(tmp_path, "h264", seconds=24, keyframe_s=8)
    site = RingFeed(auto(gear=GearChoice.FULL), clip, limiter=limiter)
    over_s, at = 20.0, hot_between(limiter, 2.0, 20.0, KEYFRAMES_ONLY)
    taken_s = []
    for seconds in site.arrive():
        at(seconds)
        for _ in taken(site):
            taken_s.append(seconds)
            site.feed.frame_done(busy=True)
    assert min(second for second in taken_s if second >= over_s) < over_s + 0.2


def test_half_the_pictures_on_the_second_step(tmp_path: Path) -> None:
    limiter = WorkloadLimiter()
    site = RingFeed(auto(gear=GearChoice.FULL, fps=10), clip_of(tmp_path, "h264"), limiter=limiter)
    heat = hot_between(limiter, 4.0, 10.0, WorkloadLimits(fps_share=0.5))
    times = [time for time, _ in analysed_frames(site, heat)]
    a_second = [sum(10 * second < time <= 10 * second + 10 for time in times) for second in range(14)]
    assert a_second[2:4] == [10] * 2
    assert a_second[5:10] == [5] * 5
    assert a_second[11:] == [10] * 3


def test_a_camera_whose_keyframes_give_no_picture_stays_in_full_mode_and_says_why(tmp_path: Path) -> None:
    limiter = WorkloadLimiter()
    limiter.current = KEYFRAMES_ONLY
    extra = (*PLAIN, "-x264-params", "intra-refresh=1")
    clip = make_clip(tmp_path / "clip.ts", seconds=14, keyframe_s=2, extra=extra)
    site = RingFeed(auto(gear=GearChoice.FULL), clip, limiter=limiter)
    frames = analysed_frames(site)
    assert len(frames) > 60
    assert site.mode_control.mode is DecodeMode.FULL
    assert site.mode_control.stats.full_reason == "its keyframes give no picture on their own"


def test_a_camera_that_was_idle_anyway_stays_so(tmp_path: Path) -> None:
    limiter = WorkloadLimiter()
    site = RingFeed(auto(gear=GearChoice.IDLE), clip_of(tmp_path, "h264"), limiter=limiter)
    analysed_frames(site, hot_between(limiter, 4.0, 8.0, KEYFRAMES_ONLY), busy=False)
    assert (site.mode_control.mode, site.mode_control.stats.wake_ups) == (DecodeMode.IDLE, 0)


class Cooling:
    """The heat ends, on the main thread, between two reads by the pipeline thread."""

    def __init__(self) -> None:
        self.reads = 0

    @property
    def current(self) -> WorkloadLimits:
        self.reads += 1
        return WorkloadLimits(keyframes_only=self.reads == 1)


def test_a_camera_does_not_stay_at_keyframes_when_the_heat_ends_while_it_decides() -> None:
    gears = DecodeModeControl(GearChoice.FULL, 20.0, cast(WorkloadLimiter, Cooling()))
    for stamp_mono in range(6):
        gears.keyframe(float(stamp_mono))
    gears.frame_done(5.0, busy=False)
    assert gears.mode is DecodeMode.FULL or gears.must_resume


@pytest.mark.parametrize("in_doubt", [False, True], ids=["at rest", "while a wake-up is judged"])
def test_the_end_of_heat_is_no_false_alarm(in_doubt: bool) -> None:
    """Each false alarm keeps the camera in full mode twice as long as the one before; heat does not count."""
    camera = ModeRig()
    camera.until_idle_s()
    if in_doubt:
        camera.mode_control.escalate(camera.now_mono)
        camera.mode_control.caught_up()
    else:
        camera.mode_control.escalate(camera.now_mono)
        camera.mode_control.frame_done(camera.now_mono, busy=True)  # a true one
        camera.mode_control.caught_up()
    before = camera.mode_control.stats.wake_ups
    camera.limiter.current = KEYFRAMES_ONLY
    camera.attend(1, busy=False)
    assert camera.mode_control.mode is DecodeMode.IDLE
    camera.limiter.current = WorkloadLimits()
    assert camera.mode_control.must_resume
    camera.mode_control.resume(camera.now_mono)
    camera.mode_control.caught_up()
    assert camera.until_idle_s() == pytest.approx(20, abs=0.5), "as after every movement: the whole quiet_s"
    assert camera.mode_control.stats.wake_ups == before
    alarms_s = [camera.false_alarm_s() for _ in range(2)]
    assert alarms_s == pytest.approx([3, 6], abs=0.5), "the first two false alarms"
