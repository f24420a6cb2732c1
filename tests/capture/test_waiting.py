"""Two threads at one ring or file: waiting, stopping, and frames of an old connection."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.capture.failures import failure
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.ring import PacketRing
from edge_agent.capture.source import FrameSource, StreamTimeouts, open_source
from edge_agent.config.model.settings import Camera, GearChoice
from edge_agent.core.clock import Backoff, Clock, SystemClock
from edge_agent.core.model import CameraState, Cause, DecodeMode
from tests.capture.rig import ChangedSource, camera, frames, running
from tests.capture.viewer import Viewer, auto
from tests.testbed.mosquitto import wait_until
from tests.testbed.ring_feed import RingFeed

WAIT_S = 0.2


def hasty(
    camera: Camera, clock: Clock, wait: Callable[[float], bool], limits: StreamTimeouts, *, repeat: bool
) -> FrameSource:
    """Open a file as a camera that sends as fast as it can, and hangs up."""
    source = ChangedSource(open_source(camera, clock, lambda _: False, limits))
    source.live, source.buffered = True, False
    return source


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


def test_connections_that_come_and_go_during_decoding(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    backoff = Backoff(0.001, 0.01, floor_s=0.0)
    reader = CameraReader(camera(str(clip)), SystemClock(), backoff=backoff, opener=hasty)
    with running(reader):
        wait_until(lambda: reader.status().reconnects >= 40)
        got = frames(reader, 10)
    assert all(a.captured_mono < b.captured_mono for a, b in itertools.pairwise(got))
    assert {frame.picture.luma().shape for frame in got} == {(180, 320)}
    assert "Traceback" not in caplog.text


ROUNDS = """
import queue, sys, threading
from edge_agent.capture.source import StreamTimeouts; from edge_agent.capture.source import ffmpeg_input_for
from edge_agent.capture.stream import PacketStream
from edge_agent.core.clock import SystemClock
from tests.capture.rig import camera

played = camera(sys.argv[1])
recipe, clock = ffmpeg_input_for(played), SystemClock()
stream = PacketStream("cam-1", recipe, clock, lambda _: False, StreamTimeouts(), repeat=True)
decoder, waiting, rounds = stream.decoder(), queue.Queue(4), 0

def decode():
    while (packet := waiting.get()) is not None:
        decoder.decode(packet)

thread = threading.Thread(target=decode)
thread.start()
for packet in stream.packets():
    waiting.put(packet)
    rounds += not packet.size  # the empty packet at the end of each
    if rounds == 150:
        break
waiting.put(None)
thread.join()
print(decoder.decoded, decoder.corrupt)
"""


def test_reading_again_does_not_disturb_the_decoding_thread(clips: dict[str, Path]) -> None:
    """This once crashed the process."""
    command = [sys.executable, "-c", ROUNDS, str(clips["small"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(150 * 15), "0"]
