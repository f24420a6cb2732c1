"""What keeps a camera busy: motion, and moving and unconfirmed tracks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from edge_agent.cameras.build import NoTamperDetection
from edge_agent.core.facts import CountsObservation, Observation
from edge_agent.core.model import (
    Box,
    Frame,
    Inferences,
    Motion,
    MotionRegion,
    Scene,
    Track,
    Tracks,
    TrackState,
)
from edge_agent.events import NoSnapshots
from edge_agent.passages.recorder import NoPassages
from edge_agent.pipeline import TENTATIVE_BUSY_S, Pipeline
from tests.detection.fakes import frame, track

BOX = Box(0.4, 0.4, 0.5, 0.6)
QUIET = Motion((), Scene.STEADY, 0.0)
STARTED = replace(track(BOX), first_seen_mono=100.0)


@dataclass
class Finds:
    """Motion, detection and track stage in one: finds what a test says."""

    motion: Motion
    tracks: tuple[Track, ...]
    persistent_motion: Box | None = None

    def update(self, frame: Frame, *found: object) -> Motion | Tracks:
        return Tracks(self.tracks) if found else self.motion

    def has_motion(self, frame: Frame) -> bool:
        return False

    def reset(self) -> None: ...

    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Inferences:
        return Inferences((), ())

    def on_signal_lost(self) -> tuple[Track, ...]:
        return ()


class Nowhere:
    def accept(self, observation: Observation, frame: Frame) -> None: ...
    def flush(self) -> None: ...


def pipeline_of(stages: Any) -> Pipeline:
    return Pipeline(stages, NoTamperDetection(), stages, stages, NoSnapshots(), NoPassages(), [], Nowhere())


def busy(motion: Motion, *tracks: Track, now: float = 101.0) -> bool:
    pipeline = pipeline_of(Finds(motion, tracks))
    return pipeline.process(frame(mono=now)).busy


def test_where_nothing_is_there_is_no_reason_to_stay_awake() -> None:
    assert not busy(QUIET)


@pytest.mark.parametrize(
    "motion",
    [
        replace(QUIET, regions=(MotionRegion(BOX, 0.01),)),
        replace(QUIET, scene=Scene.LEARNING),
        replace(QUIET, scene=Scene.SWITCHED),
    ],
)
def test_motion_and_a_scene_that_is_not_steady_are_reasons(motion: Motion) -> None:
    assert busy(motion)


@pytest.mark.parametrize(
    ("state", "age_s", "expected"),
    [
        (TrackState.MOVING, 1.0, True),
        (TrackState.MOVING, 600.0, True),
        (TrackState.LOST, 600.0, True),  # may come back any moment
        (TrackState.STATIONARY, 1.0, False),  # parked
        (TrackState.TENTATIVE, 1.0, True),  # not known yet
        (TrackState.TENTATIVE, TENTATIVE_BUSY_S + 1, False),  # unconfirmed for too long: a tree trunk
    ],
)
def test_a_track_is_a_reason_while_it_can_tell_more(state: TrackState, age_s: float, expected: bool) -> None:
    assert busy(QUIET, replace(STARTED, state=state), now=100.0 + age_s) == expected


def test_between_two_frames_no_pixels_are_kept() -> None:
    """The decoder needs the buffer; the size is enough for what ends with the camera."""
    pipeline = pipeline_of(Finds(QUIET, ()))
    shown = frame(mono=101.0)
    pixels = weakref.ref(shown.picture)
    pipeline.process(shown)
    del shown
    gc.collect()
    assert pixels() is None
    pipeline.stop()


@dataclass
class Stored:
    """A sink that counts."""

    accepted: int = 0
    stored: int = 0

    def accept(self, observation: Observation, frame: Frame) -> None:
        self.accepted += 1

    def flush(self) -> None:
        self.stored = self.accepted


class FailsAfterOne:
    def update(self, frame: Frame, tracks: Tracks) -> Iterator[Observation]:
        yield CountsObservation(0.0, 1.0, {})
        raise ValueError("a fault in a rule")

    def finish(self, reason: str, continuing: Collection[str] = ()) -> Iterator[Observation]:
        yield CountsObservation(0.0, 1.0, {})


def test_what_was_reported_is_stored_although_a_rule_fails_and_at_the_end() -> None:
    pipeline, sink = pipeline_of(Finds(QUIET, ())), Stored()
    pipeline.rules, pipeline.sink = [FailsAfterOne()], sink
    with pytest.raises(ValueError, match="a fault"):
        pipeline.process(frame(mono=101.0))
    assert sink.stored == 1
    pipeline.stop()
    assert sink.stored == 2
