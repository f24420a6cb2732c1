from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.core.errors import DetectorError
from edge_agent.core.model import FULL_PICTURE, NO_INFERENCES, Box, Detection, Scene
from edge_agent.detection.budget import InferenceBudget
from edge_agent.detection.stage import ObjectDetectionStage
from edge_agent.detection.worker import InlineInference
from tests.detection.fakes import FakeDetector, Pixels, camera, detection, frame, motion, track, yard

MIDDLE = Box(0.25, 0.25, 0.75, 0.75)
RIDER = Box(0.4, 0.4, 0.5, 0.6)
FAR = Box(0.70, 0.30, 0.71, 0.32)
NOTHING = motion()
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def stage(
    detector: FakeDetector, masks: Sequence[tuple[tuple[float, float], ...]] = (), ms_per_s: float = 500.0
) -> ObjectDetectionStage:
    one = camera(masks=tuple(masks))
    return ObjectDetectionStage(one, InlineInference(detector), InferenceBudget(ms_per_s, (one.id,)))


def seeing(*found: Detection) -> FakeDetector:
    return FakeDetector(lambda pixels: list(found))


def settled(detector: FakeDetector) -> ObjectDetectionStage:
    """A stage after the inference at the start and the one a minute later; nothing moves."""
    made = stage(detector)
    for second in (0.0, 60.0):
        made.detect(frame(second), NOTHING, [])
    detector.calls = 0
    return made


def test_the_whole_picture_is_analysed_where_something_moves() -> None:
    inferences = stage(seeing(detection(MIDDLE))).detect(frame(), motion(RIDER), [])
    assert inferences.inferred == (FULL_PICTURE,)
    assert [d.box for d in inferences.detections] == [MIDDLE]


@pytest.mark.parametrize(
    ("found", "calls"),
    [([detection(RIDER)], range(50, 51)), ([], range(15, 21))],
    ids=["every frame while something is seen in it", "ten in a row without it, then one a second"],
)
def test_frames_with_motion_are_analysed(found: list[Detection], calls: range) -> None:
    detector = seeing(*found)
    made = stage(detector)
    for number in range(50):
        made.detect(frame(number / 5), motion(RIDER), [])
    assert detector.calls in calls


def test_larger_motion_than_that_in_which_nothing_was_seen_is_analysed_at_once() -> None:
    made = stage(seeing())
    leaf, person = Box(0.7, 0.3, 0.75, 0.4), Box(0.2, 0.4, 0.3, 0.8)
    for n in range(21):
        made.detect(frame(n / 5), motion(leaf), [])
    assert made.detect(frame(4.2), motion(leaf), []) == NO_INFERENCES
    assert made.detect(frame(4.4), motion(leaf, person), []).inferred


def test_a_quiet_picture_costs_an_inference_at_the_start_and_one_more() -> None:
    detector = seeing()
    made = stage(detector)
    for second in range(600):
        made.detect(frame(float(second)), NOTHING, [track(RIDER, priority=0.0)])
    assert detector.calls == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (NOTHING, 0),
        (motion(RIDER), 1),  # moved, and may have come to stand there
        (motion(scene=Scene.SWITCHED), 1),  # another light shows other things
    ],
)
def test_what_changed_is_analysed_again_once_a_minute_later(changed: object, expected: int) -> None:
    detector = seeing()
    made = settled(detector)
    made.detect(frame(70.0), changed, [])  # type: ignore[arg-type]
    detector.calls = 0
    for second in range(71, 300):
        made.detect(frame(float(second)), NOTHING, [])
    assert detector.calls == expected


def test_a_track_that_needs_it_is_reason_enough() -> None:
    detector = seeing()
    made = settled(detector)
    made.detect(frame(70.0), NOTHING, [track(RIDER, priority=0.5)])
    assert detector.calls == 1


def test_motion_is_not_believed_while_the_scene_is_learning() -> None:
    detector = seeing()
    made = settled(detector)
    made.detect(frame(70.0), motion(RIDER, scene=Scene.LEARNING), [])
    assert detector.calls == 0


def test_seeing_nothing_is_a_fact_too() -> None:
    nothing = replace(NO_INFERENCES, inferred=(FULL_PICTURE,))
    assert stage(seeing()).detect(frame(), motion(RIDER), []) == nothing


def test_a_frame_whose_inference_failed_does_not_count_as_analysed() -> None:
    def broken(pixels: Pixels) -> list[Detection]:
        raise DetectorError("broken")

    assert stage(FakeDetector(broken)).detect(frame(), motion(RIDER), []) == NO_INFERENCES


def test_of_frames_that_are_caught_up_with_every_second_one_is_analysed() -> None:
    made = stage(seeing(detection(RIDER)))
    frames = [replace(frame(n / 5), late=n < 6) for n in range(8)]
    seen = [len(made.detect(one, motion(RIDER), []).inferred) for one in frames]
    assert seen == [0, 1, 0, 1, 0, 1, 1, 1]


def test_what_stands_in_a_mask_is_dropped() -> None:
    both = seeing(detection(RIDER.shifted(-0.1, 0)), detection(RIDER.shifted(0.3, 0)))
    inferences = stage(both, masks=[LEFT_HALF]).detect(frame(), motion(RIDER), [])
    assert [d.box for d in inferences.detections] == [RIDER.shifted(0.3, 0)]


def test_an_object_in_enlarged_noise_is_dropped() -> None:
    walker, nothing = Box(0.48, 0.40, 0.54, 0.64), Box(0.7, 0.6, 0.9, 0.8)
    dark = replace(frame(), picture=ArrayPicture(yard(1, 14)))
    found = stage(seeing(detection(walker), detection(nothing))).detect(dark, motion(walker), [])
    assert [one.box for one in found.detections] == [walker]
