"""The recorder's thread: it reports stored clips, and clips that it cannot store."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge_agent.config.model.settings import Clip, Storage
from edge_agent.core import delivery as outbox_model
from edge_agent.core.errors import OutboxError
from edge_agent.core.facts import Phase
from edge_agent.core.model import Severity
from edge_agent.evidence.clips.recorder import ClipRecorder
from edge_agent.evidence.clips.unreported import UnreportedClipFile
from edge_agent.evidence.seal import unseal
from edge_agent.evidence.store import MediaStore
from tests.events.parts import maker
from tests.evidence.clip_scene import camera_with_clips
from tests.evidence.player import played
from tests.evidence.recording_outbox import RecordingOutbox
from tests.evidence.test_seal import pem
from tests.outbox.parts import picture
from tests.outbox.test_failing_disk import fill
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import wait_until
from tests.testbed.ring_feed import RingFeed


class Box:
    """A running recorder, and one camera whose clock follows the stream."""

    def __init__(
        self, folder: Path, clip: Path, storage: Storage | None = None, seal_to: bytes | None = None
    ) -> None:
        self.camera = camera_with_clips(Clip(pre_s=2.0, post_s=1.0))
        self.site = RingFeed(self.camera, clip)
        self.store = MediaStore(folder / "evidence", storage or Storage(keep_free=0), self.site.clock)
        self.outbox = RecordingOutbox(self.store)
        self.unreported = folder / "unreported-clip.json"
        file = UnreportedClipFile(self.unreported)
        self.recorder = ClipRecorder(self.store, maker(), self.outbox, self.site.clock, file, seal_to)
        self.clips = self.recorder.camera(self.camera, self.site.ring)

    def event(self, event_id: str, phase: Phase, **more: Any) -> None:
        mono = self.site.clock.mono
        event = outbox_model.ReportedEvent(event_id, phase, Severity.ALARM, mono, mono, more.get("picture"))
        self.clips.event_reported(event)

    def play(self, *, ends: bool = True) -> None:
        """Play the stream; the event ``zone-1`` begins at 4 s and ends at 5 s, or is open at the end."""
        for now_s in self.site.arrive():
            if now_s == pytest.approx(4.0):
                self.event("zone-1", Phase.START)
            if ends and now_s == pytest.approx(5.0):
                self.event("zone-1", Phase.END)
        self.recorder.wake()

    @contextmanager
    def run(self, stop_s: float = 1.0) -> Iterator[Self]:
        self.recorder.loop.start()
        yield self
        self.recorder.stop(stop_s)
        assert self.recorder.loop.join(10)
        assert self.recorder.loop.failure is None


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("stream") / "h264.mp4", seconds=8)


@pytest.fixture
def box(tmp_path: Path, stream: Path) -> Iterator[Box]:
    with Box(tmp_path, stream).run() as box:
        yield box


def test_a_clip_is_told_when_it_is_on_the_disk(box: Box) -> None:
    box.play()
    wait_until(lambda: len(box.outbox.events) == 1)
    (data,), (path,) = box.outbox.events, box.store.files_of("zone-1")
    clip, content = data["clip"], path.read_bytes()
    assert box.outbox.on_disk == [True]
    assert data.get("missing") is None
    assert clip["sha256"] == hashlib.sha256(content).hexdigest()
    assert clip["bytes"] == len(content)
    assert (clip["codec"], clip["source"], clip.get("cut_short")) == ("h264", "sub", None)
    assert clip["media_id"] in path.name
    assert clip["duration_s"] == pytest.approx(played(path).duration_s, abs=0.01)
    assert clip["pre_roll_s"] == pytest.approx(2.0, abs=1.01)
    assert box.recorder.health().clips == 1


def test_a_clip_counts_as_recorded_until_it_is_reported(box: Box) -> None:
    assert not box.recorder.is_recorded("zone-1")
    box.event("zone-1", Phase.START)
    assert box.recorder.is_recorded("zone-1")
    box.event("zone-1", Phase.END)
    assert box.recorder.is_recorded("zone-1"), "its post-roll is not over"
    box.site.clock.mono += 10
    box.recorder.wake()
    wait_until(lambda: not box.recorder.is_recorded("zone-1"))
    assert len(box.outbox.events) == 1


def test_pictures_of_what_rules_tell_are_kept_too(box: Box) -> None:
    shown = dataclasses.replace(picture("p1", 900), event_id="zone-1")
    box.event("zone-1", Phase.START, picture=shown)
    wait_until(lambda: len(box.store.files_of("zone-1")) == 1)
    assert box.store.files_of("zone-1")[0].read_bytes() == shown.payload


def test_without_a_picture_of_the_camera_it_is_told_that_there_is_no_clip(box: Box) -> None:
    box.event("zone-1", Phase.MOMENT)
    box.site.clock.mono += 10
    box.recorder.wake()
    wait_until(lambda: len(box.outbox.events) == 1)
    assert box.outbox.events[0]["clip"] is None
    assert box.outbox.events[0]["missing"] == "no keyframe came"
    assert box.recorder.health().missed == 1


def test_a_full_disk_takes_no_clip_and_says_so(small_disk: Path, stream: Path) -> None:
    box = Box(small_disk, stream)
    fill(small_disk)
    with box.run():
        box.play()
    assert box.outbox.events[0]["clip"] is None
    assert "short of space" in box.outbox.events[0]["missing"]
    assert "short of space" in (box.recorder.health().degraded or "")


def test_sealed_clips_open_at_the_centre_only(tmp_path: Path, stream: Path) -> None:
    key = X25519PrivateKey.generate()
    with Box(tmp_path, stream, seal_to=key.public_key().public_bytes_raw()).run() as box:
        box.play()
    clip, (path,) = box.outbox.events[0]["clip"], box.store.files_of("zone-1")
    content = path.read_bytes()
    assert path.name.endswith(".mp4.sealed")
    assert b"ftyp" not in content
    assert clip["sealed_sha256"] == hashlib.sha256(content).hexdigest()
    assert clip["sha256"] == hashlib.sha256(unseal(content, pem(key))).hexdigest()


def test_a_stop_finishes_what_is_open(tmp_path: Path, stream: Path) -> None:
    with Box(tmp_path, stream).run() as box:
        box.play(ends=False)
    assert box.outbox.events[0]["clip"]["cut_short"] == "the agent was stopped"
    assert len(box.store.files_of("zone-1")) == 1
    assert not box.unreported.exists()


def test_a_clip_that_cannot_be_reported_is_left_to_the_next_run(
    tmp_path: Path, stream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append(_: object) -> None:
        raise OutboxError("the outbox is closed")

    box = Box(tmp_path, stream)
    monkeypatch.setattr(box.outbox, "append", append)
    with box.run():
        box.play()
    (path,), left = box.store.files_of("zone-1"), UnreportedClipFile(box.unreported).previous()
    assert left is not None
    assert left.clip is not None
    assert (left.event_id, left.clip.sha256) == ("zone-1", hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_stop_without_time_stores_nothing_and_says_so(tmp_path: Path, stream: Path) -> None:
    with Box(tmp_path, stream).run(stop_s=-1.0) as box:
        box.play(ends=False)
    (event,) = box.outbox.events
    assert (event["clip"], event["missing"]) == (None, "the agent was stopped before it was stored")
    assert box.store.files_of("zone-1") == ()


def test_telling_the_recorder_never_waits_for_the_disk(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, reached = threading.Event(), threading.Event()

    def save(*_: object, **__: object) -> Path:
        reached.set()
        slow.wait(10)
        return tmp_path

    monkeypatch.setattr(box.store, "save", save)
    box.play()
    assert reached.wait(10)
    teller = threading.Thread(target=box.event, args=("zone-2", Phase.START))
    teller.start()
    teller.join(5)
    assert not teller.is_alive(), "follow() waited for the disk"
    slow.set()
