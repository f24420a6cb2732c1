"""Two threads at one ring: waiting, stopping, and frames of an old connection."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent.capture.failures import failure
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.ring import PacketRing
from edge_agent.capture.source import FrameSource, StreamTimeouts, open_source
from edge_agent.config.model.settings import Camera, GearChoice
from edge_agent.core.clock import Backoff, Clock, SystemClock
from edge_agent.core.errors import CaptureError
from edge_agent.core.model import CameraState, Cause, DecodeMode
from tests.capture.rig import camera, eventually, frames, running
from tests.capture.viewer import Viewer, auto
from tests.testbed.clips import make_clip
from tests.testbed.ring_feed import RingFeed

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decode.decoder import VideoDecoder

WAIT_S = 0.2


class HastySource:
    """A file as a camera that sends as fast as it can, and hangs up."""

    live, buffered = True, False

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self.timed, self.tick_s = source.timed, source.tick_s

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        return self._source.packets()

    def decoder(self) -> VideoDecoder:
        return self._source.decoder()

    def close(self) -> None:
        self._source.close()


def hasty(
    camera: Camera, clock: Clock, wait: Callable[[float], bool], limits: StreamTimeouts, *, repeat: bool
) -> FrameSource:
    return HastySource(open_source(camera, clock, lambda _: False, limits))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s, a keyframe every 2 s."""
    return make_clip(
        tmp_path_factory.mktemp("wait") / "clip.ts", seconds=20, keyframe_s=2, extra=("-bf", "0")
    )


def in_full(site: RingFeed) -> None:
    Viewer(site, lambda _: True).watch()


def in_idle(site: RingFeed) -> None:
    Viewer(site).watch()
    assert site.mode_control.mode is DecodeMode.IDLE


def caught_up(site: RingFeed) -> None:
    """Woken, with all waiting frames analysed."""
    in_idle(site)
    site.feed.escalate()
    while site.feed.take(0) is not None:
        pass


def failed(site: RingFeed) -> None:
    """The capture thread has not noticed yet."""
    in_full(site)
    site.connection.failure = failure("gate1", Cause.UNSUPPORTED, "too small")


def lost(site: RingFeed) -> None:
    in_full(site)
    site.ring.end()


def never_connected(site: RingFeed) -> None:
    """Nothing has come yet."""


SITUATIONS = [in_full, in_idle, caught_up, failed, lost, never_connected]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_thread_that_waits_for_a_frame_sleeps(
    clip: Path, situation: Callable[[RingFeed], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = RingFeed(auto(), clip)
    situation(site)
    calls = []
    wait = PacketRing.wait

    def counted(self: PacketRing, *arguments: Any) -> Any:
        calls.append(arguments)
        return wait(self, *arguments)

    monkeypatch.setattr(PacketRing, "wait", counted)
    site.clock.run()
    begun_mono = site.clock.monotonic()
    assert site.feed.take(WAIT_S) is None
    assert site.clock.monotonic() - begun_mono >= WAIT_S
    assert len(calls) <= 3


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_stop_wakes_a_waiting_thread(clip: Path, situation: Callable[[RingFeed], None]) -> None:
    site = RingFeed(auto(), clip)
    situation(site)
    site.clock.run()
    waiting = threading.Thread(target=site.feed.take, args=(60.0,))
    waiting.start()
    site.ring.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_stop_in_the_middle_of_catching_up_ends_it(clip: Path) -> None:
    site = RingFeed(auto(), clip)
    in_idle(site)
    site.feed.escalate()
    first = site.feed.take(0)
    site.ring.close()
    rest = list(iter(lambda: site.feed.take(0), None))
    assert first is not None
    assert rest == []


def test_a_connection_that_is_lost_while_catching_up_is_forgotten(clip: Path) -> None:
    site = RingFeed(auto(), clip)
    in_idle(site)
    site.feed.escalate()
    assert site.feed.take(0) is not None
    site.feed.frame_done(busy=True)
    again = Viewer(site, lambda _: True).watch()
    assert again.seen[0].frame.captured_mono >= site.begin_mono + 20, "no picture of the old connection"
    assert not any(seen.frame.late for seen in again.seen)
    assert again.rises()


def test_a_frame_of_an_old_connection_wakes_nothing_in_the_new_one(clip: Path) -> None:
    site = RingFeed(auto(), clip)
    in_idle(site)
    arriving = site.arrive()  # another connection, that the pipeline's thread knows nothing of yet
    for _ in range(5):
        next(arriving)
    site.feed.escalate()
    frame = site.feed.take(0)
    assert frame is not None
    assert not frame.late
    assert site.mode_control.mode is DecodeMode.FULL


def test_what_the_decoder_says_of_an_old_connection_changes_nothing(clip: Path) -> None:
    site = RingFeed(auto(gear=GearChoice.FULL), clip)
    in_full(site)
    old = site.connection
    site.health.lost(Cause.STALLED, "no packet for 10 s")
    assert not site.health.become(CameraState.ONLINE, None, "h264", of=old)
    assert site.health.status().state is CameraState.OFFLINE


def test_a_failure_found_while_decoding_ends_the_connection_on_the_capture_thread(tmp_path: Path) -> None:
    tiny = make_clip(tmp_path / "tiny.ts", size=(64, 16), seconds=3, extra=("-bf", "0"))
    site = RingFeed(auto(), tiny)
    with pytest.raises(CaptureError, match="64x16, too small"):
        Viewer(site).watch()


def test_connections_that_come_and_go_while_pictures_are_decoded(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = CameraReader(
        camera(str(clip)), SystemClock(), backoff=Backoff(0.001, 0.01, floor_s=0.0), opener=hasty
    )
    with running(reader):
        eventually(lambda: reader.status().reconnects >= 40)
        got = frames(reader, 10)
    assert all(a.captured_mono < b.captured_mono for a, b in itertools.pairwise(got))
    assert {frame.picture.luma().shape for frame in got} == {(180, 320)}
    assert "Traceback" not in caplog.text
