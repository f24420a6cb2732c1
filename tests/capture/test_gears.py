"""Keyframes only while nothing moves; when something moves, the frames between two keyframes are not lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.capture.decode.decode_mode import FALSE_ALARM_S, DecodeModeControl
from edge_agent.capture.decode.decoding import StreamDecoder
from edge_agent.capture.decode.picture import YuvPicture
from edge_agent.capture.source import StreamTimeouts
from edge_agent.config.model.settings import Camera, GearChoice
from edge_agent.core.model import DecodeMode, Frame
from tests.capture.viewer import auto
from tests.testbed.clips import make_clip
from tests.testbed.ring_feed import RingFeed

SLOW = ("-preset", "medium", "-tune", "film", "-bf", "3")
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "h264": ("h264", ("-bf", "0")),
    "h264-b-frames": ("h264", SLOW),
    "h264-open-gop": ("h264", (*SLOW, "-x264-params", "open-gop=1:b-pyramid=normal")),
    "h264-slices": ("h264", ("-bf", "0", "-x264-params", "slices=4")),
    "h264-many-references": ("h264", ("-preset", "fast", "-refs", "5", "-bf", "0")),
    "h265": ("h265", ()),
    "h265-b-frames": ("h265", ("-x265-params", "log-level=error:bframes=3:open-gop=0")),
    "h265-open-gop": ("h265", ("-x265-params", "log-level=error:bframes=3:open-gop=1")),
    "mjpeg": ("mjpeg", ()),
}


def clip_of(folder: Path, kind: str, seconds: float = 14, keyframe_s: float = 1) -> Path:
    codec, extra = KINDS[kind]
    suffix = ".mkv" if codec == "mjpeg" else ".ts"
    return make_clip(
        folder / f"{kind}{suffix}", codec=codec, seconds=seconds, keyframe_s=keyframe_s, extra=extra
    )


def straight(clip: Path) -> tuple[dict[int, NDArray[np.int_]], list[int]]:
    """Every picture by its time in tenths of a second, and the times of the keyframes."""
    pictures, keyframes = {}, []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            pictures[round(10 * frame.time)] = YuvPicture(frame).luma().astype(int)
            keyframes += [round(10 * frame.time)] * frame.key_frame
    return pictures, keyframes


def tenths(frame: Frame) -> int:
    return round(10 * (frame.captured_mono - RingFeed.begin_mono))


def taken(site: RingFeed) -> Iterator[Frame]:
    while (frame := site.feed.take(0)) is not None:
        yield frame


@pytest.mark.parametrize("kind", KINDS)
def test_a_wake_up_gives_every_picture_once_in_order_and_unharmed(kind: str, tmp_path: Path) -> None:
    clip = clip_of(tmp_path, kind)
    site = RingFeed(auto(), clip)
    idle: list[Frame] = []
    caught_up: list[Frame] = []
    woken_at = 0
    for _ in site.arrive():
        for frame in taken(site):
            if site.feed.can_escalate and not woken_at and len(idle) == 3:
                site.feed.escalate()
                woken_at = tenths(frame)
            else:
                (caught_up if woken_at else idle if site.feed.can_escalate else []).append(frame)
                site.feed.frame_done(busy=bool(woken_at))
    pictures, keyframes = straight(clip)
    times = [tenths(frame) for frame in caught_up]
    if kind == "mjpeg":
        assert np.diff([tenths(frame) for frame in idle]).tolist() == [10, 10]
    else:
        assert [tenths(frame) for frame in idle] + [woken_at] == keyframes[keyframes.index(woken_at) - 3 :][
            :4
        ]
    assert times == list(range(tenths(idle[-1]) + 1, times[-1] + 1))
    assert times[-1] >= max(pictures) - 4, "up to what a decoder holds back at the end"
    assert caught_up[0].late
    assert not caught_up[-1].late
    for frame in idle + caught_up:
        luma = frame.picture.luma()
        np.testing.assert_array_equal(luma, pictures[tenths(frame)], f"the picture at {tenths(frame) / 10} s")


def frames_by_gear(camera_: Camera, clip: Path) -> dict[DecodeMode, int]:
    """Number of frames delivered in each mode, when nothing ever moves."""
    site = RingFeed(camera_, clip)
    counted = dict.fromkeys(DecodeMode, 0)
    for _ in site.arrive():
        for _frame in taken(site):
            counted[site.mode_control.mode] += 1
            site.feed.frame_done(busy=False)
    return counted


def test_where_keyframes_are_too_far_apart_the_gear_stays_full(tmp_path: Path) -> None:
    clip = clip_of(tmp_path, "h264", seconds=24, keyframe_s=4)
    assert frames_by_gear(auto(), clip)[DecodeMode.IDLE] == 0


def test_the_gear_can_be_kept_full(tmp_path: Path) -> None:
    counted = frames_by_gear(auto(gear=GearChoice.FULL), clip_of(tmp_path, "h264"))
    assert (counted[DecodeMode.IDLE], counted[DecodeMode.FULL]) == (0, 140)


def test_the_gear_can_be_kept_idle_even_with_keyframes_ten_seconds_apart(tmp_path: Path) -> None:
    counted = frames_by_gear(auto(gear=GearChoice.IDLE), clip_of(tmp_path, "h264", 40, keyframe_s=10))
    assert counted[DecodeMode.FULL] == 1
    assert counted[DecodeMode.IDLE] == 3


def test_pictures_that_are_all_keyframes_are_analysed_once_a_second(tmp_path: Path) -> None:
    counted = frames_by_gear(auto(gear=GearChoice.IDLE), clip_of(tmp_path, "mjpeg", seconds=10))
    assert counted[DecodeMode.IDLE] == 9


def attended(
    box: DecodeModeControl, begin_s: float, seconds: float, busy: bool, keyframe_s: float = 2.0
) -> None:
    """Five pictures a second."""
    for n in range(round(seconds * 5)):
        now = begin_s + n / 5
        if now % keyframe_s < 0.1:
            box.keyframe(now)
        box.frame_done(now, busy)


def test_a_quiet_camera_goes_idle_after_the_set_time_and_not_before() -> None:
    box = DecodeModeControl(GearChoice.AUTO, quiet_s=20.0)
    attended(box, 0, 30, busy=True)
    attended(box, 30, 19.5, busy=False)
    before = box.mode
    attended(box, 49.6, 1, busy=False)
    assert (before, box.mode) == (DecodeMode.FULL, DecodeMode.IDLE)


def test_a_false_alarm_is_soon_over_and_a_true_one_is_not() -> None:
    box = DecodeModeControl(GearChoice.AUTO, quiet_s=20.0)
    attended(box, 0, 30, busy=False)
    for begin_s, busy, waits in ((30, False, True), (40, True, False)):
        box.escalate(begin_s)
        box.caught_up()
        attended(box, begin_s, 0.2, busy)
        attended(box, begin_s + 0.2, FALSE_ALARM_S + 1, busy=False)
        assert (box.mode is DecodeMode.IDLE) == waits
    assert box.stats.wake_ups == 2


def test_a_false_alarm_at_every_keyframe_costs_hardly_more_than_full_mode(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", seconds=180, keyframe_s=2, extra=("-bf", "0"))
    site = RingFeed(auto(quiet_s=20.0, fps=5), clip)
    for _ in site.arrive():
        for _frame in taken(site):
            if site.feed.can_escalate:
                site.feed.escalate()
            else:
                site.feed.frame_done(busy=False)
    assert site.mode_control.stats.wake_ups >= 8, "it tries again, but not all the time"
    assert site.decoder.decoded < 1.06 * 1800


def test_after_a_calm_time_a_false_alarm_is_soon_over_again() -> None:
    box = DecodeModeControl(GearChoice.AUTO, quiet_s=20.0)
    attended(box, 0, 30, busy=False)
    rested_s = []
    now = 30.0
    for calm_s in (2, 2, 2, 30):
        attended(box, now, calm_s, busy=False)
        now += calm_s
        box.escalate(now)
        box.caught_up()
        begun = now
        while box.mode is DecodeMode.FULL:
            attended(box, now, 0.2, busy=False)
            now += 0.2
        rested_s.append(now - begun)
    assert rested_s == pytest.approx([3, 6, 12, 3], abs=0.5)


def test_time_in_each_gear_is_counted() -> None:
    box = DecodeModeControl(GearChoice.AUTO, quiet_s=10.0)
    attended(box, 0, 40, busy=False)
    assert box.stats.full_s == pytest.approx(10, abs=0.5)
    assert box.stats.idle_s == pytest.approx(30, abs=0.5)


def test_keyframes_that_are_all_damaged_do_not_wake_the_camera_again_and_again() -> None:
    box = DecodeModeControl(GearChoice.AUTO, quiet_s=5.0)
    woken = 0
    for second in range(300):
        attended(box, second, 1, busy=False)
        if box.can_escalate and second % 2 == 0:
            box.keyframe_decoded(picture=False, damaged=True)
            box.escalate(second)
            box.caught_up()
            woken += 1
    assert woken == 3
    assert (box.mode, box.stats.full_reason) == (
        DecodeMode.FULL,
        "its keyframes give no picture on their own",
    )


def test_a_camera_that_cannot_go_idle_says_why() -> None:
    box = DecodeModeControl(GearChoice.AUTO, quiet_s=5.0)
    attended(box, 0, 60, busy=False, keyframe_s=10.0)
    reason = box.stats.full_reason
    box.connected()
    assert box.stats.full_reason is None
    attended(box, 60, 20, busy=False)
    assert reason == "keyframes are 10.0 s apart, more than 2 s"
    assert (box.stats.full_reason, box.mode) == (None, DecodeMode.IDLE)


@pytest.mark.parametrize("extra", [("-bf", "0"), ("-preset", "medium", "-tune", "film", "-bf", "3")])
def test_only_b_frames_are_reordered_not_packets_that_come_again(
    extra: tuple[str, ...], tmp_path: Path
) -> None:
    site = RingFeed(auto(), make_clip(tmp_path / "clip.ts", seconds=4, extra=extra))
    for _ in site.arrive():
        pass
    packets = site.ring.wait(site.connection, 0, lambda _: True, 0).packets
    begun_mono = packets[0].arrived_mono
    decoding = StreamDecoder(
        "gate1", site.connection, site.health, StreamTimeouts(), itertools.count(1), begun_mono
    )
    for _ in range(2):
        decoding.rewind(packets[0].stamp_mono)
        for packet in packets:
            decoding.decode(packet)
    assert decoding.reordered == (extra != ("-bf", "0"))
