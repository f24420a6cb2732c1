"""Clips of a camera with two streams: which stream is used, and what happens when the main stream stops."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge_agent.capture import main_stream
from edge_agent.capture.main_stream import MainStream
from edge_agent.capture.reader import CameraReader
from edge_agent.config.model.settings import Camera, Clip, Storage
from edge_agent.core import delivery as outbox_model
from edge_agent.core.clock import SystemClock
from edge_agent.core.facts import Phase
from edge_agent.core.model import Severity
from edge_agent.evidence.clips import clips
from edge_agent.evidence.clips.recorder import ClipRecorder
from edge_agent.evidence.clips.unreported import UnreportedClipFile
from edge_agent.evidence.store import MediaStore
from tests.capture.rig import QUICK, RecordedBackoff, running
from tests.events.parts import maker
from tests.evidence.clip_scene import camera_with_clips
from tests.evidence.player import played
from tests.evidence.recording_outbox import RecordingOutbox
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import wait_until
from tests.testbed.rtsp import RtspServer

SUB, MAIN = (320, 180), (640, 360)


class Site:
    """One camera with both streams, its clips and a real recorder."""

    def __init__(self, folder: Path, sub: RtspServer, main: RtspServer, **clip: Any) -> None:
        self.armed = True
        settings = Clip(main_url=main.url("/main"), **{"pre_s": 1.0, "post_s": 1.5, **clip})
        self.camera: Camera = dataclasses.replace(camera_with_clips(settings), url=sub.url("/sub"))
        clock = SystemClock()
        self.store = MediaStore(folder / "evidence", Storage(keep_free=0), clock)
        self.outbox = RecordingOutbox(self.store)
        unreported = UnreportedClipFile(folder / "unreported-clip.json")
        self.recorder = ClipRecorder(self.store, maker(), self.outbox, clock, unreported)
        self.reader = CameraReader(self.camera, clock, limits=QUICK, backoff=RecordedBackoff())
        backoff = RecordedBackoff()
        self.main = MainStream(self.camera, clock, armed=lambda: self.armed, limits=QUICK, backoff=backoff)
        self.clips = self.recorder.camera(self.camera, self.reader.ring, self.main.ring)
        self._clock = clock

    @contextlib.contextmanager
    def run(self) -> Iterator[Site]:
        with running(self.reader):
            self.main.start()
            self.recorder.loop.start()
            try:
                self.fill()
                yield self
            finally:
                self.recorder.stop(1.0)
                self.main.stop()
                assert self.recorder.loop.join(10)
                assert self.main.loop.join(10)
                assert self.recorder.loop.failure is None
                assert self.main.loop.failure is None

    def fill(self) -> None:
        """Wait for a pre-roll of both streams."""
        wait_until(lambda: span_s(self.reader.ring) > 1.2 and span_s(self.main.ring) > 1.2, 20)

    def say(self, event_id: str, phase: Phase) -> None:
        now = self._clock.monotonic()
        self.clips.event_reported(outbox_model.ReportedEvent(event_id, phase, Severity.ALARM, now, now))

    def clip(self, event_id: str) -> tuple[dict[str, Any], Path]:
        """Return the reported data and the file of the clip."""
        wait_until(lambda: any(event["event_id"] == event_id for event in self.outbox.events), 20)
        event = next(event for event in self.outbox.events if event["event_id"] == event_id)
        assert event["clip"] is not None, event["missing"]
        (path,) = self.store.files_of(event_id)
        return event["clip"], path


def span_s(ring: Any) -> float:
    tap = Span()
    ring.tap(tap)
    ring.untap(tap)
    return tap.stamps[-1] - tap.stamps[0] if tap.stamps else 0.0


class Span:
    def __init__(self) -> None:
        self.stamps: list[float] = []

    def take(self, connection: object, packets: Any) -> None:
        self.stamps += [item.stamp_mono for item in packets]

    def lost(self) -> None:
        """Do nothing."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("cameras")
    main = make_clip(folder / "main.mp4", size=MAIN, codec="h265", seconds=6, fps=15)
    return {"sub": make_clip(folder / "sub.mp4", size=SUB, seconds=6), "main": main}


@pytest.fixture(scope="module")
def sub(files: dict[str, Path]) -> Iterator[RtspServer]:
    with RtspServer({"/sub": files["sub"]}) as server:
        yield server


@pytest.fixture
def main(files: dict[str, Path]) -> Iterator[RtspServer]:
    """A main stream for one test, which disturbs it."""
    with RtspServer({"/main": files["main"]}) as server:
        yield server


@pytest.fixture
def site(sub: RtspServer, main: RtspServer, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, sub, main).run() as site:
        yield site


def clients(server: RtspServer) -> int:
    """Return the connections to the camera's port."""
    connections = psutil.Process(server.pid).net_connections("tcp")
    return sum(1 for one in connections if one.status == "ESTABLISHED" and one.laddr.port == server.port)


def test_an_h265_main_stream_gives_the_clip_beside_an_h264_one(site: Site) -> None:
    site.say("zone-1", Phase.MOMENT)
    clip, path = site.clip("zone-1")
    assert (clip["source"], clip["codec"], clip.get("cut_short")) == ("main", "hevc", None)
    seen = played(path)
    assert (seen.tag, seen.size, seen.complaints) == ("hvc1", MAIN, "")
    assert 1.0 <= clip["pre_roll_s"] <= 2.2


def test_a_main_stream_that_is_away_leaves_the_clip_to_the_other_and_is_used_again_when_it_is_back(
    site: Site, main: RtspServer
) -> None:
    main.kill()
    wait_until(lambda: site.main.problem is not None)
    site.say("away", Phase.MOMENT)
    clip, path = site.clip("away")
    assert (clip["source"], clip["codec"], clip.get("cut_short")) == ("sub", "h264", None)
    assert played(path).size == SUB
    main.start()
    site.fill()
    site.say("back", Phase.MOMENT)
    assert site.clip("back")[0]["source"] == "main"


def test_a_main_stream_just_stopped_is_not_filmed(
    sub: RtspServer, main: RtspServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is still connected and has pictures, but these are older than the event."""
    monkeypatch.setattr(clips, "STOPPED_S", 1.0)
    patient = dataclasses.replace(QUICK, stall_s=20.0)
    site = Site(tmp_path, sub, main)
    site.main._limits = patient
    with site.run():
        main.freeze()
        time.sleep(1.5)
        assert site.main.problem is None
        site.say("frozen", Phase.MOMENT)
        assert site.clip("frozen")[0]["source"] == "sub"
        main.kill()


def test_a_main_stream_that_dies_cuts_the_clip_short_and_says_why(site: Site, main: RtspServer) -> None:
    site.say("zone-1", Phase.START)
    time.sleep(1.0)
    main.kill()
    clip, path = site.clip("zone-1")
    assert (clip["source"], clip["cut_short"]) == ("main", "the connection to the camera was lost")
    seen = played(path)
    assert not seen.complaints
    assert 1.5 < seen.duration_s < 5


def test_disarmed_the_camera_sees_no_client_unless_a_clip_is_open(
    site: Site, main: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_stream, "BEAT_S", 0.3)
    assert clients(main) == 1
    site.say("zone-1", Phase.START)
    site.armed = False
    time.sleep(1.0)  # it polls three times
    assert clients(main) == 1
    site.say("zone-1", Phase.END)
    assert site.clip("zone-1")[0]["source"] == "main"
    wait_until(lambda: clients(main) == 0, 12)
    assert site.main.ring.size_bytes == 0
    assert site.main.problem is None


def test_the_packets_of_the_main_stream_take_no_more_than_max_bytes(
    sub: RtspServer, main: RtspServer, tmp_path: Path
) -> None:
    limit = 200_000
    with Site(tmp_path, sub, main, pre_s=30.0, max_bytes=limit).run() as site:
        most = Maximum(lambda: site.main.ring.size_bytes)
        wait_until(lambda: site.main.ring.size_bytes > 0.8 * limit, 30)
        site.say("zone-1", Phase.START)
        clip, _ = site.clip("zone-1")
        most.stop()
    assert most.seen <= limit
    assert clip["bytes"] <= limit * 1.05
    assert "clip.max_bytes" in clip["cut_short"]
    assert site.main.ring.tapped is False


class Maximum:
    """Records the maximum of a value."""

    def __init__(self, figure: Callable[[], int]) -> None:
        self.seen = 0
        self._figure, self._over = figure, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(5)

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            self.seen = max(self.seen, self._figure())
