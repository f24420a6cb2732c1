"""Streams with faults, in every decode mode: what is reported about them, and that frames continue."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_agent.cameras.pipeline_thread import LOST_AFTER_FRAMES
from edge_agent.capture.replay import open_replay
from edge_agent.config.model.settings import GearChoice, Ring
from edge_agent.core.errors import SourceUnavailable
from edge_agent.core.model import CameraState, DecodeMode
from tests.capture.test_decoder import patched
from tests.capture.test_replay import turned
from tests.capture.viewer import Viewer, auto
from tests.testbed.clips import PLAIN, make_clip
from tests.testbed.ring_feed import START, RingFeed

if TYPE_CHECKING:
    from tests.testbed.ring_feed import Edit, VideoPacket


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """16 s, 10 pictures and a keyframe a second, the first at 1.4 s."""
    return make_clip(tmp_path / "plain.ts", seconds=16, extra=PLAIN)


def between(begin_s: float, end_s: float) -> Callable[[float], bool]:
    return lambda time_s: begin_s < time_s < end_s


def noise(packet: VideoPacket) -> VideoPacket:
    return patched(packet, bytes(range(256)) * 4)


def cut(packet: VideoPacket) -> VideoPacket:
    content = bytes(packet)
    return patched(packet, content[: len(content) // 2])


@pytest.mark.parametrize("damage", [noise, cut])
@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_a_damaged_keyframe_wakes_the_camera_and_it_goes_idle_again(
    codec: str, damage: Callable[[VideoPacket], VideoPacket], tmp_path: Path
) -> None:
    suffix, extra = (".ts", PLAIN) if codec == "h264" else (".mkv", ())
    clip = make_clip(tmp_path / f"clip{suffix}", codec=codec, seconds=20, extra=extra)
    site = RingFeed(auto(), clip, edit=lambda n, packet: damage(packet) if n == 80 else packet)
    watched = Viewer(site).watch()
    assert watched.rises()
    assert site.mode_control.stats.wake_ups == 1, "what was before it is looked at"
    assert site.mode_control.stats.full_reason is None
    assert site.mode_control.mode is DecodeMode.IDLE
    assert site.health.status().state is CameraState.ONLINE


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """100 s with a keyframe at the start and never again."""
    extra = (*PLAIN, "-x264-params", "scenecut=0:keyint=infinite")
    return make_clip(tmp_path / "endless.ts", seconds=100, extra=extra)


def test_an_idle_camera_without_keyframes_is_reconnected(endless: Path) -> None:
    site = RingFeed(auto(gear=GearChoice.IDLE), endless)
    with pytest.raises(SourceUnavailable, match="no whole picture for 60 s"):
        Viewer(site).watch()


def test_a_feed_that_waits_in_vain_for_a_keyframe_reconnects(endless: Path) -> None:
    site = RingFeed(auto(gear=GearChoice.FULL), endless)
    away = between(5, 25)  # for longer than the ring is
    with pytest.raises(SourceUnavailable, match="no whole picture for 60 s"):
        Viewer(site, away=away).watch()
    passed_s = site.clock.monotonic() - site.begin_mono
    assert passed_s == pytest.approx(15 + 60, abs=1), "what the ring let go before 15 s does not count"


def test_a_pause_between_rare_keyframes_is_not_mistaken_for_a_loss(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", seconds=65, keyframe_s=15, extra=PLAIN)
    site = RingFeed(auto(gear=GearChoice.IDLE), clip)
    patience_s = []
    watched = Viewer(site)
    for _ in site.arrive():
        watched.analyse_waiting()
        patience_s.append(LOST_AFTER_FRAMES * site.feed.interval_s)
    assert watched.times() == [1.4, 16.4, 31.4, 46.4, 61.4]
    assert min(patience_s) > 15
    assert site.health.status().state is CameraState.ONLINE


def test_a_lost_camera_is_in_no_idle_mode(clip: Path) -> None:
    site = RingFeed(auto(), clip)
    watched = Viewer(site).watch()
    before = site.mode_control.mode
    site.ring.end()
    watched.analyse_waiting()
    assert (before, site.mode_control.mode) == (DecodeMode.IDLE, DecodeMode.FULL)
    assert site.feed.interval_s == pytest.approx(0.1)


@pytest.mark.parametrize("ring", [Ring(10.0, 4_000_000), Ring(10.0, 20_000), Ring(2.0, 4_000_000)])
def test_keyframes_that_become_rare_keep_it_in_full_mode(clip: Path, tmp_path: Path, ring: Ring) -> None:
    rare = make_clip(tmp_path / "rare.ts", seconds=24, keyframe_s=4, extra=PLAIN)
    watched = Viewer(RingFeed(auto(ring=ring), clip, rare, clip)).watch()
    assert watched.times(DecodeMode.IDLE)[-1] > 50, "it rests when they come often again"
    assert not [time_s for time_s in watched.times(DecodeMode.IDLE) if 17.5 < time_s < 42]
    full = [time_s for time_s in watched.times() if 24 < time_s < 42]
    assert full == [round(full[0] + n / 10, 2) for n in range(len(full))]
    assert len(full) > 150
    assert watched.rises()


def test_a_ring_that_does_not_reach_back_to_a_keyframe_keeps_the_camera_in_full_mode(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", seconds=40, keyframe_s=2, extra=PLAIN)
    site = RingFeed(auto(ring=Ring(1.5, 4_000_000)), clip)
    watched = Viewer(site, between(17, 18)).watch()
    assert watched.wake_ups_s == [17.4]
    assert not [time_s for time_s in watched.times(DecodeMode.IDLE) if time_s > 17]
    assert site.mode_control.stats.full_reason == "the packet ring does not reach back to the keyframe before"


def test_a_short_file_that_is_repeated_shows_every_picture(tmp_path: Path) -> None:
    short = make_clip(tmp_path / "short.ts", seconds=0.8, extra=PLAIN)
    watched = Viewer(RingFeed(auto(gear=GearChoice.FULL), *[short] * 10, file=True)).watch()
    steps = [round(b - a, 2) for a, b in itertools.pairwise(watched.times())]
    assert set(steps) == {0.1}
    assert len(steps) == 79


def test_an_idle_camera_is_analysed_no_more_often_than_a_busy_one(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", seconds=60, extra=PLAIN)
    watched = Viewer(RingFeed(auto(fps=0.2), clip)).watch()
    assert watched.site.mode_control.mode is DecodeMode.IDLE
    assert min(b - a for a, b in itertools.pairwise(watched.times())) >= 4.5


def test_catching_up_does_not_make_the_last_picture_older(clip: Path) -> None:
    site = RingFeed(auto(), clip)
    ages = []

    def note_age(time_s: float) -> bool:
        ages.append(site.health.status().last_frame_age_s)
        return 12 < time_s < 13

    Viewer(site, note_age).watch()
    assert site.mode_control.stats.wake_ups == 1
    assert set(ages) == {0.0}


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_file_that_lies_on_its_side_stands_upright(tmp_path: Path, degrees: int) -> None:
    lying = make_clip(tmp_path / "lying.mp4", size=(320, 180), seconds=1)
    turned(lying, degrees, tmp_path / "phone.mp4")
    camera = auto(gear=GearChoice.FULL)
    there = Viewer(RingFeed(camera, tmp_path / "phone.mp4", file=True)).watch().seen[0].frame.picture
    shown = next(iter(open_replay([tmp_path / "phone.mp4"], camera, fps=None, started_at=START)))
    np.testing.assert_array_equal(there.luma(), shown.picture.luma())
    assert (there.width, there.height) == ((180, 320) if degrees == 90 else (320, 180))


def without_pts(_: int, packet: VideoPacket) -> VideoPacket:
    packet.pts = packet.dts = None
    return packet


def parameters_once(number: int, packet: VideoPacket) -> VideoPacket:
    """Keep parameter sets in the first packet only."""
    if number == 0 or not packet.is_keyframe:
        return packet
    units = bytes(packet).split(b"\0\0\1")
    kept = [unit for unit in units[1:] if unit[0] & 31 not in (7, 8)]
    return patched(packet, b"\0\0\1" + b"\0\0\1".join(kept))


def clock_set(at: int, seconds: float) -> Edit:
    def edit(number: int, packet: VideoPacket) -> VideoPacket:
        if number >= at and packet.size:
            assert packet.pts is not None
            packet.pts += round(seconds * 90_000)
        return packet

    return edit


WAKE_S = 13.4
ODD: dict[str, dict[str, Any]] = {
    "without times": {"edit": without_pts},
    "times of arrival": {"timed": False},
    "parameter sets once": {"edit": parameters_once},
    "a file that is repeated": {"file": True},
    # in full mode, between two keyframes of idle mode, and after the keyframe that ends it
    **{
        f"clock set by {seconds:g} s at {at / 10:g} s": {"edit": clock_set(at, seconds)}
        for seconds in (-3600.0, -0.5, 0.7, 3600.0)
        for at in (30, 115, 125)
    },
}


@pytest.mark.parametrize("odd", ODD)
def test_a_wake_up_gives_every_picture_of_an_odd_stream(clip: Path, odd: str) -> None:
    watched = Viewer(RingFeed(auto(), clip, clip, **ODD[odd]), between(WAKE_S - 0.5, WAKE_S + 1)).watch()
    assert watched.rises()
    assert len(watched.wake_ups_s) == 1
    seen = [time_s for time_s in watched.times() if WAKE_S - 1.2 < time_s < WAKE_S + 1]
    if odd == "clock set by -0.5 s at 11.5 s":
        # Only the decoder can distinguish it from B-frames, and it was not running.
        assert len(seen) >= 15
    else:
        assert np.diff(seen) == pytest.approx(0.1, abs=0.011 if "0.7" not in odd else 0.1)
        assert len(seen) >= 20
    assert watched.site.health.status().corrupt == 0


def test_a_wake_up_reaches_back_over_a_change_of_size(clip: Path, tmp_path: Path) -> None:
    large = make_clip(tmp_path / "large.ts", seconds=16, size=(480, 272), extra=PLAIN)
    watched = Viewer(RingFeed(auto(), clip, large), between(17.2, 18)).watch()
    shapes = {round(seen.time_s, 1): seen.frame.picture.luma().shape for seen in watched.seen}
    assert watched.wake_ups_s == [17.4]
    assert [shapes[t / 10] for t in range(165, 185)] == [(180, 320)] * 9 + [(272, 480)] * 11
    status = watched.site.health.status()
    assert (status.state, status.width, status.corrupt) == (CameraState.ONLINE, 480, 0)


def test_with_intra_refresh_one_wake_up_reports_that_the_camera_cannot_go_idle(tmp_path: Path) -> None:
    extra = ("-preset", "fast", "-x264-params", "intra-refresh=1:bframes=0")
    watched = Viewer(RingFeed(auto(), make_clip(tmp_path / "clip.ts", seconds=30, extra=extra))).watch()
    assert (watched.site.mode_control.stats.wake_ups, watched.site.mode_control.mode) == (1, DecodeMode.FULL)
    assert watched.site.mode_control.stats.full_reason == "its keyframes give no picture on their own"
    assert len(watched.seen) > 285
    assert watched.rises()


def test_packets_lost_before_a_wake_up_cost_no_more_than_their_group(clip: Path) -> None:
    site = RingFeed(auto(), clip, edit=lambda n, packet: None if 103 <= n <= 105 else packet)
    watched = Viewer(site, between(12.2, 14)).watch()
    assert watched.wake_ups_s == [12.4]
    assert [t for t in watched.times() if 11.4 <= t <= 12.6] == [11.4, 11.5, 11.6, 12.4, 12.5, 12.6]
    assert site.health.status().state is CameraState.ONLINE


@pytest.mark.parametrize(("fps", "analysed"), [(1, 5), (30, 5), (30, 30), (60, 5)])
def test_slow_and_fast_cameras_rest_and_wake(tmp_path: Path, fps: float, analysed: float) -> None:
    clip = make_clip(tmp_path / "clip.ts", fps=fps, seconds=24, keyframe_s=2, extra=PLAIN)
    watched = Viewer(RingFeed(auto(fps=analysed), clip), between(14, 16)).watch()
    seen = [time_s for time_s in watched.times() if 13.3 < time_s < 17]
    step_s = 1 / min(fps, analysed)
    assert len(watched.wake_ups_s) == 1
    assert np.diff(seen) == pytest.approx(step_s, abs=1 / 60 + 0.011)
    assert watched.times(DecodeMode.IDLE)[0] < 14 < 17 < watched.times(DecodeMode.IDLE)[-1]
    assert watched.rises()


def test_in_idle_mode_by_choice_a_damaged_keyframe_is_passed_over(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", seconds=80, keyframe_s=15, extra=PLAIN)
    site = RingFeed(auto(gear=GearChoice.IDLE), clip, edit=lambda n, p: noise(p) if n == 300 else p)
    states = []
    watched = Viewer(site)
    for _ in site.arrive():
        watched.analyse_waiting()
        states.append(site.health.status().state)
    assert watched.times() == [1.4, 16.4, 46.4, 61.4, 76.4]
    assert set(states) == {CameraState.ONLINE}
    assert site.mode_control.stats.wake_ups == 0
