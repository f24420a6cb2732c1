"""Packets that are not needed yet are read together: how long the capture thread waits, and their stamps."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from av import Packet, VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.capture.coalescing import (
    ALIGN_S,
    ARRIVAL_MARGIN_S,
    MAX_UNREAD_BYTES,
    MAX_WAIT_S,
    MIN_INTERVALS,
    PROBE_EVERY_S,
    Coalescing,
    PacketDemand,
)
from edge_agent.capture.decode.decoder import DecodedFrame, VideoDecoder
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.ring import PacketRing
from edge_agent.capture.stream_time import StreamTime
from edge_agent.config.model.settings import Camera, GearChoice
from edge_agent.core.clock import SystemClock
from edge_agent.core.model import DecodeMode
from tests.capture.rig import camera, running
from tests.capture.viewer import Viewer, auto
from tests.testbed.clips import PLAIN, make_clip
from tests.testbed.mosquitto import wait_until
from tests.testbed.ring_feed import RingFeed
from tests.testbed.rtsp import RtspServer

SPACING_S = 0.1
KEYFRAME_S = 2.0


def watched(*, until_s: float = 10.0, size_bytes: int = 5_000, key_bytes: int = 30_000) -> Coalescing:
    """Ten pictures a second from 0 to ``until_s``, a keyframe every 2 s; the thread waits for each packet."""
    coalescing = Coalescing()
    for n in range(round(until_s / SPACING_S) + 1):
        keyframe = n % 20 == 0
        size = key_bytes if keyframe else size_bytes
        coalescing.read(keyframe=keyframe, size_bytes=size, stamp_mono=n * SPACING_S, awaited=True)
    return coalescing


@pytest.mark.parametrize(
    ("from_mono", "now_mono", "rest_s"),
    [
        (10.18, 10.002, 0.2 + ARRIVAL_MARGIN_S - 0.002),  # every second packet is wanted: two together
        (10.08, 10.002, 0),  # the next packet is wanted
        (10.101, 10.002, 0),  # it may be wanted: stamps jitter
        (10.107, 10.002, 0.2 + ARRIVAL_MARGIN_S - 0.002),  # it comes just before the wanted time
        (10.98, 10.11, 0),  # there is more to read
        (19.0, 10.0, MAX_WAIT_S),  # a rest has an end
        (-math.inf, 10.0, 0),  # the wanted time is over
    ],
)
def test_a_rest_ends_before_the_wanted_packet(from_mono: float, now_mono: float, rest_s: float) -> None:
    assert watched().wait_s(PacketDemand(from_mono, keyframe=False), now_mono) == pytest.approx(rest_s)


def test_no_more_is_left_unread_than_a_socket_takes() -> None:
    coalescing = watched(size_bytes=50_000, key_bytes=50_000)
    rest_s = coalescing.wait_s(PacketDemand(19.0, keyframe=False), now_mono=10.0)
    assert rest_s == pytest.approx(MAX_UNREAD_BYTES / 500_000)


def test_reading_begins_before_the_keyframe_that_is_wanted() -> None:
    coalescing = watched(until_s=11.5)
    rest_s = coalescing.wait_s(PacketDemand(-math.inf, keyframe=True), now_mono=11.5)
    assert rest_s == pytest.approx(0.35), "the one at 12 s, and the packet before it"
    assert coalescing.wait_s(PacketDemand(12.5, keyframe=True), now_mono=11.5) == MAX_WAIT_S


def test_there_is_no_wait_for_keyframes_whose_interval_is_not_known() -> None:
    young = watched(until_s=(MIN_INTERVALS - 1) * KEYFRAME_S + 0.5)
    assert young.wait_s(PacketDemand(-math.inf, keyframe=True), now_mono=6.5) == 0


def test_there_is_no_wait_where_pictures_come_out_of_order() -> None:
    coalescing = watched()
    coalescing.read(keyframe=False, size_bytes=5_000, stamp_mono=9.95, awaited=True)
    assert coalescing.wait_s(PacketDemand(10.5, keyframe=False), now_mono=10.0) == 0


@pytest.mark.parametrize("phase_s", [0.0, 0.01, 0.09, 0.15])
def test_cameras_on_which_nothing_moves_are_read_at_the_same_moments(phase_s: float) -> None:
    coalescing, now_s = watched(), 10.002 + phase_s
    for n in range(101, 104):
        coalescing.read(keyframe=False, size_bytes=5_000, stamp_mono=n * SPACING_S + phase_s, awaited=True)
    now_s += 0.3
    rest_s = coalescing.wait_s(PacketDemand(now_s + 0.25, keyframe=False, can_wait=True), now_s)
    woken_s = now_s + rest_s
    assert woken_s == pytest.approx(round(woken_s / ALIGN_S) * ALIGN_S)
    assert 0.3 <= rest_s <= MAX_WAIT_S


def test_a_packet_is_waited_for_now_and_then() -> None:
    coalescing = watched()
    end_s = 10.0 + PROBE_EVERY_S + 0.1
    for n in range(101, round(end_s / SPACING_S) + 1):
        coalescing.read(keyframe=n % 20 == 0, size_bytes=5_000, stamp_mono=n * SPACING_S, awaited=False)
    rest_s = coalescing.wait_s(PacketDemand(end_s + 0.18, keyframe=False), now_mono=end_s)
    assert rest_s == pytest.approx(0.15), "awake before it comes"


@settings(max_examples=30, deadline=None)
@given(drift=st.floats(-200e-6, 200e-6), phase_s=st.floats(0, 0.1), late=st.floats(0, 0.004))
def test_times_stay_right_although_packets_wait(drift: float, phase_s: float, late: float) -> None:
    """Compare stamps with the true times of arrival over half an hour, for a camera whose clock drifts twice
    as fast as a bad crystal, and a thread that wakes late."""
    times, coalescing = StreamTime(), Coalescing()
    mono, held, worst_s, waits = 1000.0, False, 0.0, 0
    for n in range(18_000):
        true_mono = 1000.0 + phase_s + n * SPACING_S
        if mono < true_mono:
            mono, held = true_mono + 0.0001, False
        stamp_mono = times.stamp(n * SPACING_S * (1 + drift), mono, waited=held)
        coalescing.read(keyframe=n % 20 == 0, size_bytes=5_000, stamp_mono=stamp_mono, awaited=not held)
        if n > 600:
            worst_s = max(worst_s, abs(stamp_mono - true_mono))
        from_mono = stamp_mono + (0.18 if n % 2 == 0 else 0.08)
        rest_s = coalescing.wait_s(PacketDemand(from_mono, keyframe=False), mono)
        if rest_s:
            mono, held, waits = mono + rest_s + late, True, waits + 1
    assert worst_s < 0.01
    assert waits > 8_000, "or it has shown nothing"


def counted_waits(ring: PacketRing) -> list[float]:
    """The waits of the ring from now on, in seconds."""
    waits: list[float] = []
    original = ring.wait_idle

    def wait(seconds: float) -> None:
        waits.append(seconds)
        original(seconds)

    ring.wait_idle = wait  # type: ignore[method-assign]
    return waits


def test_after_a_jam_the_newest_pictures_go_first(clip: Path) -> None:
    site = RingFeed(auto(gear=GearChoice.FULL, fps=5), clip)
    viewer = Viewer(site, away=lambda time_s: 4 < time_s < 9).watch()
    assert [time_s for time_s in viewer.times() if 4 < time_s < 9 - 0.5] == []
    assert viewer.rises()


@pytest.mark.parametrize(
    ("camera_", "moves", "wanted_s"),
    [
        (auto(gear=GearChoice.FULL, fps=5), False, 0.58),
        (auto(gear=GearChoice.FULL, fps=5), True, 0.18),
        (auto(quiet_s=30, fps=5), False, 0.18),
    ],
    ids=["quiet", "busy", "idle soon"],
)
def test_a_quiet_camera_is_left_alone_longer_than_a_busy_one_or_one_that_goes_idle_soon(
    clip: Path, camera_: Camera, moves: bool, wanted_s: float
) -> None:
    site = RingFeed(camera_, clip)
    viewer, arrive = Viewer(site, lambda _: moves), site.arrive()
    for _ in range(41):
        time_s = next(arrive)
        viewer.analyse_waiting()
    next_ = site.feed.demand(site.begin_mono + time_s)
    assert next_ is not None
    assert not next_.keyframe
    assert round(next_.from_mono - site.begin_mono - time_s, 2) == wanted_s


def test_what_begins_to_move_hurries_the_capture_thread(clip: Path) -> None:
    site = RingFeed(auto(gear=GearChoice.FULL, fps=5), clip)
    hurried: list[float] = []
    site.ring.notify_now = lambda: hurried.append(site.clock.mono - site.begin_mono)  # type: ignore[method-assign]
    Viewer(site, lambda time_s: time_s > 5.05).watch()
    assert hurried == pytest.approx([5.2], abs=0.01)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A camera: ten pictures a second, a keyframe every half second, so that its interval is soon known."""
    clip = make_clip(tmp_path_factory.mktemp("live") / "clip.mp4", seconds=60, keyframe_s=0.5, extra=PLAIN)
    with RtspServer({"/h264": clip}) as server:
        yield server.url("/h264")


@contextlib.contextmanager
def taken_by_hand(reader: CameraReader) -> Iterator[None]:
    reader.start()
    try:
        yield
    finally:
        reader.stop()
        assert reader.loop.join(10)


def test_every_picture_of_a_quiet_scene_is_analysed_in_fewer_goes(live: str) -> None:
    reader = CameraReader(camera(live, gear=GearChoice.FULL, fps=5), SystemClock())
    waits = counted_waits(reader.ring)
    with taken_by_hand(reader):
        while len(waits) < 2:
            attended(reader)
        before = len(waits)
        seen = [attended(reader) for _ in range(20)]
        goes = len(waits) - before
        status = reader.status()
    steps = [(after - first) / 0.2 for first, after in itertools.pairwise(seen)]
    assert steps == pytest.approx([max(1, round(step)) for step in steps], abs=0.1), "none comes twice"
    assert sum(steps) < 19 + 4.5, "on a busy machine a few may be overtaken"
    assert 5 <= goes < 20, "about seven for forty packets, or somewhat more on a busy machine"
    assert status.dropped <= 5
    assert (status.corrupt, status.reconnects) == (0, 0)


def test_no_two_pictures_of_a_group_are_held(live: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = 0

    def counted(decoder: VideoDecoder, packet: Packet[VideoStream] | None) -> list[DecodedFrame]:
        nonlocal decoded
        pictures = decode(decoder, packet)
        decoded += len(pictures)
        return pictures

    decode = VideoDecoder.decode
    monkeypatch.setattr(VideoDecoder, "decode", counted)
    reader = CameraReader(camera(live, gear=GearChoice.FULL, fps=5), SystemClock())
    waits = counted_waits(reader.ring)
    with taken_by_hand(reader):
        while len(waits) < 4:
            frame = reader.feed.take(10)
            assert frame is not None
            # A frame that is not due may wait behind it; the next frame of the group is two further.
            assert decoded <= frame.number + 1
            reader.feed.frame_done(busy=False)


def attended(reader: CameraReader) -> float:
    """Analyse the next frame, in which nothing moves; returns its stamp."""
    frame = reader.feed.take(10)
    assert frame is not None
    reader.feed.frame_done(busy=False)
    return frame.captured_mono


def test_a_camera_at_rest_is_read_in_few_goes_and_nothing_is_lost(live: str) -> None:
    reader = CameraReader(camera(live, gear=GearChoice.IDLE, fps=5), SystemClock())
    waits = counted_waits(reader.ring)
    with running(reader):
        wait_until(lambda: len(waits) >= 4)
        status = reader.status()
        assert status.gear is DecodeMode.IDLE
        assert status.packet_fps == pytest.approx(10, abs=2), "all of them are read all the same"
        assert (status.dropped, status.corrupt, status.reconnects) == (0, 0, 0)


def test_a_stop_ends_a_rest(live: str) -> None:
    reader = CameraReader(camera(live, gear=GearChoice.IDLE, fps=5), SystemClock())
    rested = threading.Event()

    def wait(_: float) -> None:
        rested.set()
        original(30)

    original, reader.ring.wait_idle = reader.ring.wait_idle, wait  # type: ignore[method-assign, assignment]
    with running(reader):
        assert rested.wait(30)
