"""Keyframes only while nothing moves; when something moves, the frames between two keyframes are not lost."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import cv2
import numpy as np
import pytest
from av.packet import Packet
from numpy.typing import NDArray

from edge_agent.capture.decode.decode_mode import FALSE_ALARM_S
from edge_agent.capture.decode.decoding import StreamDecoder
from edge_agent.capture.decode.picture import YuvPicture
from edge_agent.capture.ring import RingPacket
from edge_agent.capture.source import StreamTimeouts
from edge_agent.config.model.settings import Camera, GearChoice
from edge_agent.core.model import DecodeMode, Frame
from tests.capture.viewer import ModeRig, Viewer, auto
from tests.testbed.clips import make_clip
from tests.testbed.ring_feed import RingFeed

if TYPE_CHECKING:
    from av.video.stream import VideoStream

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


def clip_of(folder: Path, kind: str, seconds: float = 14, keyframe_s: float = 1, fps: float = 10) -> Path:
    codec, extra = KINDS[kind]
    path = folder / f"{kind}{'.mkv' if codec == 'mjpeg' else '.ts'}"
    return make_clip(path, codec=codec, fps=fps, seconds=seconds, keyframe_s=keyframe_s, extra=extra)


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
    watched = Viewer(RingFeed(auto(), clip), lambda _: len(watched.times(DecodeMode.IDLE)) == 4)
    watched.watch()
    (woken_at,) = (round(10 * time_s) for time_s in watched.wake_ups_s)
    # The first may be a picture of full mode that the decoder had kept back.
    _, *idle = (seen.frame for seen in watched.seen if seen.gear is DecodeMode.IDLE)
    begin = next(n for n, seen in enumerate(watched.seen) if seen.frame is idle[-1]) + 1
    caught_up = [seen.frame for seen in watched.seen[begin:]]
    pictures, keyframes = straight(clip)
    rested, times = [tenths(frame) for frame in idle], [tenths(frame) for frame in caught_up]
    if kind == "mjpeg":
        assert np.diff(rested).tolist() == [10, 10]
    else:
        assert [*rested, woken_at] == keyframes[keyframes.index(woken_at) - 3 :][:4]
    assert times == list(range(rested[-1] + 1, times[-1] + 1))
    assert times[-1] >= max(pictures) - 4, "up to what a decoder holds back at the end"
    assert caught_up[0].late
    assert not caught_up[-1].late
    for frame in idle + caught_up:
        luma = frame.picture.luma()
        np.testing.assert_array_equal(luma, pictures[tenths(frame)], f"the picture at {tenths(frame) / 10} s")


def frames_by_gear(camera: Camera, clip: Path) -> Counter[DecodeMode]:
    """Number of frames delivered in each mode, when nothing ever moves."""
    return Counter(seen.gear for seen in Viewer(RingFeed(camera, clip)).watch().seen)


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


def test_a_quiet_camera_goes_idle_after_the_set_time_and_not_before() -> None:
    camera = ModeRig(quiet_s=20.0)
    camera.attend(30, busy=True)
    assert camera.until_idle_s() == pytest.approx(20, abs=0.5)
    assert camera.mode_control.mode is DecodeMode.IDLE


def test_a_false_alarm_is_soon_over_and_a_true_one_is_not() -> None:
    camera = ModeRig()
    camera.attend(30, busy=False)
    for busy, waits in ((False, True), (True, False)):
        camera.escalate()
        camera.attend(0.2, busy)
        camera.attend(FALSE_ALARM_S + 1, busy=False)
        assert (camera.mode_control.mode is DecodeMode.IDLE) == waits
    assert camera.mode_control.stats.wake_ups == 2


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
    camera, alarms_s = ModeRig(), []
    camera.attend(30, busy=False)
    for calm_s in (2, 2, 2, 30):
        camera.attend(calm_s, busy=False)
        alarms_s.append(camera.false_alarm_s())
    assert alarms_s == pytest.approx([3, 6, 12, 3], abs=0.5)


def test_time_in_each_gear_is_counted() -> None:
    camera = ModeRig(quiet_s=10.0)
    camera.attend(40, busy=False)
    stats = camera.mode_control.stats
    assert (stats.full_s, stats.idle_s) == pytest.approx((10, 30), abs=0.5)


def test_keyframes_that_are_all_damaged_do_not_wake_the_camera_again_and_again() -> None:
    camera, woken = ModeRig(quiet_s=5.0), 0
    mode_control = camera.mode_control
    for second in range(300):
        camera.attend(1, busy=False)
        if mode_control.can_escalate and second % 2 == 0:
            mode_control.keyframe_decoded(picture=False, damaged=True)
            camera.escalate()
            woken += 1
    assert (woken, mode_control.mode) == (3, DecodeMode.FULL)
    assert mode_control.stats.full_reason == "its keyframes give no picture on their own"


def test_a_camera_that_cannot_go_idle_says_why() -> None:
    camera = ModeRig(quiet_s=5.0, keyframe_s=10.0)
    camera.attend(60, busy=False)
    reason = camera.mode_control.stats.full_reason
    camera.mode_control.connected()
    assert camera.mode_control.stats.full_reason is None
    camera.keyframe_s = 2.0
    camera.attend(20, busy=False)
    assert reason == "keyframes are 10.0 s apart, more than 2 s"
    assert (camera.mode_control.stats.full_reason, camera.mode_control.mode) == (None, DecodeMode.IDLE)


@pytest.mark.parametrize("extra", [("-bf", "0"), ("-preset", "medium", "-tune", "film", "-bf", "3")])
def test_only_b_frames_are_reordered_not_repeated_packets(extra: tuple[str, ...], tmp_path: Path) -> None:
    site = RingFeed(auto(), make_clip(tmp_path / "clip.ts", seconds=4, extra=extra))
    for _ in site.arrive():
        pass
    packets = site.ring.wait(site.connection, 0, lambda _: True, 0).packets
    begun_mono, numbers = packets[0].arrived_mono, itertools.count(1)
    decoding = StreamDecoder("gate1", site.connection, site.health, StreamTimeouts(), numbers, begun_mono)
    for _ in range(2):
        decoding.rewind(packets[0].stamp_mono)
        for packet in packets:
            decoding.decode(packet)
    assert decoding.reordered == (extra != ("-bf", "0"))


def test_a_size_that_changes_with_each_picture_is_logged_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pictures = [cv2.imencode(".jpg", np.zeros((48 + 16 * (n % 2), 64, 3), np.uint8))[1] for n in range(2)]
    site = RingFeed(auto(), make_clip(tmp_path / "clip.mkv", codec="mjpeg", seconds=1))
    next(site.arrive())
    numbers = itertools.count(1)
    decoding = StreamDecoder("gate1", site.connection, site.health, StreamTimeouts(), numbers, 0.0)
    for second in range(150):
        packet = cast("Packet[VideoStream]", Packet(pictures[second % 2].tobytes()))
        packet.pts = second
        decoding.decode(RingPacket(second, packet, True, float(second), float(second)))
    assert len([text for text in caplog.messages if "the picture is now" in text]) == 3
