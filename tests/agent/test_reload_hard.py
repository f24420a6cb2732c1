"""Reloads at bad moments, and of cameras that take each other's places."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge_agent.cameras import running as cameras_module
from edge_agent.cameras.build import build_pipeline
from edge_agent.core.clock import SystemClock
from edge_agent.core.model import Detection, Frame
from edge_agent.detection.choose import DetectorChoice
from edge_agent.pipeline import Pipeline
from tests.agent.inside import AgentInside
from tests.agent.test_main_path import kind_of
from tests.agent.test_reload import RULE, ZONE, is_online
from tests.detection.fakes import FakeDetector, Pixels
from tests.testbed.agent import file_camera, wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import free_port
from tests.testbed.walker_model import WALKER_MODEL

Camera = dict[str, Any]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "small.mp4", seconds=5, size=(160, 96))


def site(folder: Path, *cameras: Camera, detector: str | Path = "none") -> Path:
    return write_config(folder, cameras=cameras, broker_port=free_port(), detector=detector)


def at(fps: float) -> Camera:
    return {"analyse": {"fps": fps, "gear": "full"}}


def width_of(camera_id: str, width: int) -> Any:
    return lambda beat: is_online(camera_id)(beat) and beat["cameras"][camera_id]["width"] == width


def objects(events: list[dict[str, Any]], camera_id: str) -> list[dict[str, Any]]:
    return [e["data"] for e in events if kind_of(e) == "object" and e["subject"] == camera_id]


class Notes:
    """Capture times of the frames that each camera's pipelines analysed."""

    def __init__(self) -> None:
        self.captured: dict[str, list[float]] = {}

    def build(self, camera: Any, *rest: Any, **more: Any) -> Pipeline:
        pipeline = build_pipeline(camera, *rest, **more)
        process, captured = pipeline.process, self.captured.setdefault(camera.id, [])

        def noted(frame: Frame) -> Any:
            captured.append(frame.captured_mono)
            return process(frame)

        pipeline.process = noted  # type: ignore[method-assign]
        return pipeline


def test_the_other_one_misses_no_frame(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    monkeypatch.setattr(cameras_module, "build_pipeline", notes.build)
    kept = file_camera(clip) | at(5)
    with AgentInside(site(tmp_path, kept, file_camera(clip, "cam-2"))) as agent:
        agent.wait_for(lambda b: is_online("cam-1")(b) and is_online("cam-2")(b), "the cameras")
        seen = notes.captured["cam-1"]
        for fps in (2, 3, 4):
            before = len(seen)
            site(tmp_path, kept, file_camera(clip, "cam-2") | at(fps))
            assert "untouched: cam-1" in agent.reload()
            wait_until(lambda: len(seen) > before + 5, what="frames after the reload")  # noqa: B023
        assert agent.beat()["cameras"]["cam-1"]["reconnects"] == 0
    steps = [after - before for before, after in pairwise(seen)]
    # The file has 10 frames a second, of which every second one is due; it lasts 5 s and repeats.
    assert max(steps) < 0.45, steps


def test_a_detector_that_hangs_holds_up_neither_a_reload_nor_a_stop(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, asked = threading.Event(), threading.Event()

    def hang(crop: Pixels) -> list[Detection]:
        asked.set()
        released.wait(60)
        return []

    choice = DetectorChoice(FakeDetector(hang), "fake", None)
    monkeypatch.setattr("edge_agent.model_release.store.choose_detector", lambda *_: choice)
    with AgentInside(site(tmp_path, file_camera(clip) | at(5))) as agent:
        assert asked.wait(20)
        site(tmp_path, file_camera(clip) | at(4), file_camera(clip, "cam-2") | at(5))
        done = agent.reload()
        assert "restarted: cam-1" in done
        agent.wait_for(lambda b: b["cameras"]["cam-1"]["state"] == "starting", "the word that it waits")
        agent.wait_for(is_online("cam-2"), "the camera that was added")
        released.set()
        agent.wait_for(is_online("cam-1"), "the camera with its new settings")
        released.clear()
        asked.clear()
        assert asked.wait(20)
        took = agent.stop()
        released.set()
    assert took < 3
    assert agent.code == 0


def test_a_clip_that_is_open_when_its_camera_is_removed_is_kept(tmp_path: Path, walker: Path) -> None:
    rule = RULE | {"severity": "alarm"}
    camera = file_camera(walker) | {"zones": ZONE, "rules": [rule]}
    camera["report"] = {"objects": True, "snapshots": "rules", "clips": "rules"}
    with AgentInside(site(tmp_path, camera, detector=WALKER_MODEL)) as agent:
        agent.wait_for(lambda b: b["outbox"]["depth"] >= 2, "the alarm")
        site(tmp_path, detector=WALKER_MODEL)
        assert "removed: cam-1" in agent.reload()
        agent.wait_for(lambda b: b["evidence"]["clips"] >= 1, "the clip")
    events = agent.reported()
    alarm = next(e["data"] for e in events if kind_of(e) == "zone-intrusion" and e["data"]["phase"] == "end")
    evidence = next(e["data"] for e in events if kind_of(e) == "evidence")
    assert alarm["end_reason"] == "reload"
    assert evidence["event_id"] == alarm["event_id"]
    assert evidence["clip"]["cut_short"] == "the settings of the camera were changed"
    assert list((tmp_path / "state" / "evidence" / "media").rglob("*.mp4"))


def test_a_renamed_camera_is_one_that_went_and_one_that_came(tmp_path: Path, walker: Path) -> None:
    with AgentInside(site(tmp_path, file_camera(walker), detector=WALKER_MODEL)) as agent:
        agent.wait_for(lambda b: b["outbox"]["depth"] >= 1, "somebody in view")
        site(tmp_path, file_camera(walker, "gate-9"), detector=WALKER_MODEL)
        done = agent.reload()
        assert "added: gate-9" in done
        assert "removed: cam-1" in done
        agent.wait_for(is_online("gate-9"), "the same camera by another name")
        beat = agent.beat()
        assert list(beat["cameras"]) == ["gate-9"]
        assert not [line for line in beat["degraded"] if "cam-1" in line], "removed is not lost"
    ends = [o["end_reason"] for o in objects(agent.reported(), "cam-1") if o["phase"] == "end"]
    assert ends[-1] == "reload"


def test_two_cameras_swap_their_addresses(tmp_path: Path, clip: Path, small: Path) -> None:
    one, two = file_camera(clip, "cam-1"), file_camera(small, "cam-2")
    with AgentInside(site(tmp_path, one, two)) as agent:
        agent.wait_for(width_of("cam-1", 320), "the first")
        agent.wait_for(width_of("cam-2", 160), "the second")
        site(tmp_path, file_camera(small, "cam-1"), file_camera(clip, "cam-2"))
        assert "restarted: cam-1, cam-2" in agent.reload()
        agent.wait_for(width_of("cam-1", 160), "what was the second")
        agent.wait_for(width_of("cam-2", 320), "what was the first")


def test_an_id_that_goes_and_comes_again_within_a_second(tmp_path: Path, clip: Path, small: Path) -> None:
    with AgentInside(site(tmp_path, file_camera(clip))) as agent:
        agent.wait_for(width_of("cam-1", 320), "the camera")
        process = psutil.Process()
        before = process.num_threads(), process.num_fds()
        for there, width in ((small, 160), (clip, 320), (small, 160), (clip, 320)):
            site(tmp_path)
            agent.hangup.set()
            agent.reload()
            site(tmp_path, file_camera(there))
            agent.hangup.set()
            agent.reload()
            agent.wait_for(width_of("cam-1", width), "another camera of that name")
        wait_until(lambda: process.num_threads() <= before[0], what="the old threads to end")
        wait_until(lambda: process.num_fds() <= before[1] + 1, what="the old files to be closed")


class SteppingClock(SystemClock):
    """The system's clock, whose wall time the test moves forward and back."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.mark.parametrize("step", [timedelta(days=700), timedelta(days=-700)])
def test_a_clock_that_steps_over_a_reload(tmp_path: Path, walker: Path, step: timedelta) -> None:
    clock = SteppingClock()
    kept = file_camera(walker)
    with AgentInside(site(tmp_path, kept, detector=WALKER_MODEL), clock=clock) as agent:
        agent.wait_for(lambda b: b["outbox"]["depth"] >= 1, "somebody in view")
        clock.ahead = step
        site(tmp_path, kept, file_camera(walker, "cam-2") | at(1), detector=WALKER_MODEL)
        assert "untouched: cam-1" in agent.reload()
        clock.ahead = timedelta()
        agent.wait_for(is_online("cam-2"), "the camera that was added")
        depth = agent.beat()["outbox"]["depth"]
        agent.wait_for(lambda b: b["outbox"]["depth"] > depth, "the end of it")
        agent.wait_for(lambda b: b["cameras"]["cam-1"]["reconnects"] == 0, "the same connection")
    assert agent.code == 0
    reported = objects(agent.reported(), "cam-1")
    first = [o for o in reported if o["event_id"] == reported[0]["event_id"]]
    assert [o["phase"] for o in first if o["phase"] != "update"] == ["start", "end"]
    assert first[-1]["end_reason"] in ("left", "lost")
