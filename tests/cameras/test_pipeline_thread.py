"""The pipeline thread: frames on which a stage fails, frames that stop coming, and changed settings."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from edge_agent.cameras.build import NoTamperDetection
from edge_agent.cameras.pipeline_thread import (
    MANY_FAILURES,
    MAX_VIEWERS,
    CameraPipelineThread,
    PipelineChange,
)
from edge_agent.core.facts import CountsObservation, Observation, ViewObservation
from edge_agent.core.model import NO_INFERENCES, Frame, Inferences, Motion, Scene, Track, Tracks
from edge_agent.events import NoSnapshots
from edge_agent.passages.recorder import NoPassages
from edge_agent.pipeline import Pipeline
from tests.events.parts import frame
from tests.testbed.agent import wait_until


class Frames:
    """Delivers the frames that a test puts in; None is a second without a frame."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[Frame | None] = queue.Queue()
        self.taken = self.asked = 0

    def take(self, timeout_s: float) -> Frame | None:
        self.asked += 1
        try:
            got = self.waiting.get(timeout=0.05)
        except queue.Empty:
            return None
        self.taken += 1
        return got

    can_escalate = False
    interval_s = 0.2

    def escalate(self) -> None:
        raise AssertionError("nothing stands for others here")

    def frame_done(self, busy: bool) -> None:
        pass


class Poisoned:
    """A motion stage that fails on the frames with these numbers."""

    persistent_motion = None

    def __init__(self, numbers: Collection[int]) -> None:
        self.numbers = numbers
        self.resets = 0
        self.pause_s = 0.0  # duration of an update

    def update(self, frame: Frame) -> Motion:
        threading.Event().wait(self.pause_s)
        if frame.number in self.numbers:
            raise IndexError("a stage's mistake")
        return Motion((), Scene.STEADY, 0.0)

    def has_motion(self, frame: Frame) -> bool:
        return False

    def reset(self) -> None:
        self.resets += 1


class Nothing:
    """Detects and tracks nothing."""

    tracks: tuple[Track, ...] = ()

    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Inferences:
        return NO_INFERENCES

    def update(self, frame: Frame, motion: Motion, inferences: Inferences) -> Tracks:
        return Tracks(())

    def on_signal_lost(self) -> tuple[Track, ...]:
        return ()


class ReportsEveryFrame:
    def update(self, frame: Frame, tracks: Tracks) -> Iterable[Observation]:
        yield CountsObservation(frame.captured_mono, frame.captured_mono, {"person": frame.number})

    def finish(self, reason: str, kept: Collection[str] = ()) -> Iterable[Observation]:
        yield CountsObservation(0.0, 0.0, {reason: 1})


@dataclass
class RecordingSink:
    observations: list[dict[str, int]] = field(default_factory=list)

    def accept(self, observation: Observation, frame: Frame) -> None:
        assert isinstance(observation, CountsObservation)
        self.observations.append(observation.new)

    def flush(self) -> None: ...


@dataclass
class Site:
    """A pipeline thread with the fakes around it."""

    frames: Frames
    reported: RecordingSink
    built: list[Poisoned]
    thread: CameraPipelineThread

    def give(self, *numbers: int) -> None:
        target = self.frames.taken + len(numbers)
        for number in numbers:
            self.frames.waiting.put(frame(float(number), number=number))
        wait_until(lambda: self.frames.taken >= target and self.frames.waiting.empty(), what="the frames")


def pipeline(motion: Poisoned, reported: RecordingSink) -> Pipeline:
    stages = (motion, NoTamperDetection(), Nothing(), Nothing(), NoSnapshots(), NoPassages())
    return Pipeline(*stages, [ReportsEveryFrame()], reported)


@pytest.fixture
def site() -> Iterable[Callable[[Collection[int]], Site]]:
    sites: list[Site] = []

    def make(poisoned: Collection[int]) -> Site:
        frames, reported, built = Frames(), RecordingSink(), list[Poisoned]()

        def build() -> Pipeline:
            built.append(Poisoned(poisoned))
            return pipeline(built[-1], reported)

        thread = CameraPipelineThread("cam-1", frames, build)
        thread.loop.start()
        sites.append(Site(frames, reported, built, thread))
        return sites[-1]

    yield make
    for one in sites:
        one.thread.loop.stop()
        assert one.thread.loop.join(5)


MakeSite = Callable[[Collection[int]], Site]


def test_a_poisoned_frame_is_left_out_and_the_next_is_analysed(
    site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    here = site({2})
    with caplog.at_level(logging.INFO):
        here.give(1, 2, 3)
        wait_until(lambda: {"person": 3} in here.reported.observations, what="the third frame")
    assert here.reported.observations == [{"person": 1}, {"person": 3}]
    assert (here.thread.failures, here.thread.problem) == (1, None)
    assert len([r for r in caplog.records if r.exc_info]) == 1
    assert here.thread.loop.healthy


class Learning(NoTamperDetection):
    """Learns its view from one frame."""

    def __init__(self) -> None:
        self.requests = 0
        self.relearning = False

    def relearn(self) -> None:
        self.requests, self.relearning = self.requests + 1, True

    def update(self, frame: Frame, motion: Motion) -> tuple[ViewObservation, ...]:
        self.relearning = False
        return ()


def test_a_view_is_learnt_again_when_the_camera_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, views = Frames(), list[Learning]()

    def build() -> Pipeline:
        views.append(Learning())
        stages = (Poisoned(()), views[-1], Nothing(), Nothing(), NoSnapshots(), NoPassages())
        return Pipeline(*stages, [ReportsEveryFrame()], RecordingSink())

    thread = CameraPipelineThread("cam-1", frames, build)
    thread.relearn()
    learning = [thread.relearning]
    for number in (1, 2):
        frames.waiting.put(frame(float(number), number=number))
        thread.run_once(1)
        learning.append(thread.relearning)
    assert learning == [True, False, False]
    assert [view.requests for view in views] == [1]


def test_it_says_since_when_frames_fail_and_since_when_they_do_not(site: MakeSite) -> None:
    here, before = site({2}), time.monotonic()
    here.give(1)
    assert here.thread.changed_mono == 0.0
    here.give(2)
    wait_until(lambda: here.thread.problem, what="the failure")
    failed_mono = here.thread.changed_mono
    here.give(3)
    wait_until(lambda: here.thread.problem is None, what="a frame that works")
    assert before < failed_mono < here.thread.changed_mono


def test_a_pipeline_that_fails_again_and_again_is_rebuilt_and_says_so(site: MakeSite) -> None:
    here = site(range(2, 100))
    here.give(1, *range(2, 2 + MANY_FAILURES))
    wait_until(lambda: {"restart": 1} in here.reported.observations, what="the end of what was open")
    assert here.reported.observations == [{"person": 1}, {"restart": 1}]
    assert here.thread.problem is not None
    assert "IndexError" in here.thread.problem
    here.give(100)
    wait_until(lambda: here.thread.problem is None, what="a frame that works")
    assert len(here.built) == 2
    assert here.thread.loop.healthy


def test_only_the_newest_viewers_get_the_next_frame(site: MakeSite) -> None:
    """In storm mode a picture is requested every half a minute, also of a camera without frames."""
    here, shown = site(()), list[int]()
    for number in range(100):
        here.thread.add_viewer(lambda _, number=number: shown.append(number))  # type: ignore[misc]
    here.give(1)
    wait_until(lambda: here.reported.observations, what="the frame")
    assert shown == list(range(100 - MAX_VIEWERS, 100))


def test_when_frames_stop_coming_the_background_is_forgotten(
    site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.cameras.pipeline_thread.LOST_AFTER_S", 0.2)
    monkeypatch.setattr("edge_agent.cameras.pipeline_thread.LOST_AFTER_FRAMES", 1.0)
    here = site(())
    here.give(1)
    wait_until(lambda: {"camera": 1} in here.reported.observations, what="the end of what was open")
    assert here.built[0].resets >= 1


def test_a_stage_that_takes_long_is_no_loss_of_the_camera(
    site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.cameras.pipeline_thread.LOST_AFTER_S", 0.5)
    monkeypatch.setattr("edge_agent.cameras.pipeline_thread.LOST_AFTER_FRAMES", 1.0)
    here = site(())
    here.give(1)
    here.built[0].pause_s = 0.7
    here.give(2)
    wait_until(lambda: here.frames.asked >= 5, what="some vain attempts to take another frame")
    assert here.built[0].resets == 0


def other_pipeline(here: Site) -> Pipeline:
    return pipeline(Poisoned(()), here.reported)


def test_other_settings_that_the_pipeline_can_take_end_nothing(site: MakeSite) -> None:
    here = site(())
    here.give(1)
    adapted: list[Pipeline] = []
    here.thread.change(PipelineChange(lambda: other_pipeline(here), adapted.append))
    here.give(2)
    wait_until(lambda: {"person": 2} in here.reported.observations, what="the next frame")
    assert here.reported.observations == [{"person": 1}, {"person": 2}]
    assert len(adapted) == 1


def test_other_settings_that_it_cannot_take_end_it(site: MakeSite) -> None:
    here = site(())
    here.give(1)
    here.thread.change(PipelineChange(lambda: other_pipeline(here)))
    here.give(2)
    wait_until(lambda: {"person": 2} in here.reported.observations, what="the next frame")
    assert here.reported.observations == [{"person": 1}, {"reload": 1}, {"person": 2}]


def test_the_stop_ends_what_is_open(site: MakeSite) -> None:
    here = site(())
    here.give(1)
    here.thread.loop.stop()
    assert here.thread.loop.join(5)
    assert here.reported.observations[-1] == {"restart": 1}
