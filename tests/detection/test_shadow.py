"""A second model beside the active one: what is compared, and that it takes no budget from the cameras."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.core.errors import DetectorError
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.core.model import Box, Detection
from edge_agent.detection.budget import InferenceBudget
from edge_agent.detection.shadow import InferenceMonitor, Shadow, compare
from edge_agent.detection.stage import ObjectDetectionStage
from edge_agent.detection.worker import DetectorWorker, InlineInference
from edge_agent.wire import ShadowGroup, ShadowReport
from tests.detection.fakes import FakeDetector, Pixels, camera, detection, frame, motion, yard
from tests.detection.test_worker import CROP, Gate

LEFT, RIGHT = Box(0.1, 0.1, 0.3, 0.5), Box(0.6, 0.1, 0.8, 0.5)
A_LITTLE_BESIDE = LEFT.shifted(0.03, 0.0)  # IoU 0.74
MOSTLY_BESIDE = LEFT.shifted(0.1, 0.0)  # IoU 0.33


@pytest.mark.parametrize(
    ("in_force", "new", "counts"),
    [
        ([(LEFT, 0.9)], [(A_LITTLE_BESIDE, 0.9)], (1, 0, 0)),
        ([(LEFT, 0.9)], [(MOSTLY_BESIDE, 0.9)], (0, 1, 1)),
        ([(LEFT, 0.9)], [], (0, 1, 0)),
        ([], [(LEFT, 0.9), (RIGHT, 0.9)], (0, 0, 2)),
        (
            [(LEFT, 0.9)],
            [(LEFT, 0.35)],
            (1, 0, 0),
        ),  # one score above ``sure``, one below: still the same object
        ([(LEFT, 0.35)], [(RIGHT, 0.35)], (0, 0, 0)),  # both scores are below ``sure``
        ([(LEFT, 0.9), (A_LITTLE_BESIDE, 0.8)], [(LEFT, 0.9)], (1, 1, 0)),  # one is matched once
    ],
)
def test_objects_are_matched_by_place(
    in_force: Sequence[tuple[Box, float]], new: Sequence[tuple[Box, float]], counts: tuple[int, int, int]
) -> None:
    old, other = ([Detection("person", score, box) for box, score in each] for each in (in_force, new))
    assert compare(old, other, sure=0.5) == counts


def shadow(
    detector: FakeDetector,
    share: float = 1.0,
    limiter: WorkloadLimiter | None = None,
    before: ShadowReport | None = None,
) -> Shadow:
    """A shadow whose work runs at once, with a full pool."""
    budget = InferenceBudget(500.0, ("cam-1",), limiter)
    for second in range(3):
        budget.take("cam-1", 0.0, float(second))

    def at_once(work: object) -> bool:
        assert callable(work)
        work()
        return True

    before = before or ShadowReport(in_force_sha256=None)
    return Shadow(
        detector,
        share=share,
        sure=0.5,
        budget=budget,
        run_when_idle=at_once,
        timezone=ZoneInfo("Asia/Ho_Chi_Minh"),
        before=before,
    )


def test_the_model_in_force_agrees_with_itself_in_the_dark() -> None:
    """Both get the same brightened picture, and what only noise shows counts for neither."""
    walker, nothing = Box(0.48, 0.40, 0.54, 0.64), Box(0.7, 0.6, 0.9, 0.8)
    given: list[Pixels] = []

    def answer(pixels: Pixels) -> list[Detection]:
        given.append(pixels)
        return [detection(walker), detection(nothing)]

    detector = FakeDetector(answer)
    monitor = InferenceMonitor(0.5)
    monitor.shadow = tried = shadow(detector)
    budget = InferenceBudget(500.0, ("cam-1",))
    dark = replace(frame(3.0), picture=ArrayPicture(yard(1, 14)))
    ObjectDetectionStage(camera(), InlineInference(detector), budget, monitor).detect(
        dark, motion(walker), []
    )
    assert len(given) == 2
    assert np.array_equal(given[0], given[1])
    assert tried.report(None).cameras["cam-1"].groups == {"person": ShadowGroup(both=1)}


def test_a_share_of_the_frames_is_compared_by_group_outside_of_the_masks() -> None:
    mask = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    tried = shadow(FakeDetector(lambda _: [detection(LEFT, "bicycle"), detection(RIGHT)]), share=0.25)
    monitor = InferenceMonitor(0.5)
    monitor.shadow = tried
    for number in range(8):
        found = [detection(LEFT, "motorcycle")]
        monitor.record(camera(masks=(mask,)), frame(3 + number / 10), moving=True, found=found)
    of_camera = tried.report(None).cameras["cam-1"]
    assert (of_camera.frames, of_camera.groups) == (2, {"two-wheeler": ShadowGroup(both=2)})
    seen = monitor.drain()["cam-1"]
    assert (seen.inferences, seen.objects) == (8, {"two-wheeler": 8})


def test_it_stops_while_the_gateway_holds_anything_back_and_when_cameras_need_the_budget() -> None:
    limiter, detector = WorkloadLimiter(), FakeDetector()
    tried = shadow(detector, limiter=limiter)
    limiter.current = WorkloadLimits(fps_share=0.5)
    tried.offer(camera(), frame(3.0), [])
    assert detector.calls == 0
    limiter.current = WorkloadLimits()
    tried.offer(camera(), frame(3.1), [])
    assert detector.calls == 1

    busy = InferenceBudget(100.0, ("cam-1",))
    for number in range(100):
        busy.take("cam-1", 20.0, number / 10)
    assert not busy.take_spare(5.0, 10.0)


def test_the_counts_of_the_night_are_also_kept_apart() -> None:
    before = ShadowReport(in_force_sha256=None)
    for hour_utc in (12, 13, 21, 22):  # 19:30, 20:30, 4:30 and 5:30 in Vietnam
        at = replace(frame(3.0), captured_at=datetime(2026, 6, 1, hour_utc, 30, tzinfo=UTC))
        tried = shadow(FakeDetector(), before=before)
        tried.offer(camera(), at, [detection(LEFT)])
        before = tried.report(None)
    assert before.night == {"person": ShadowGroup(only_in_force=2)}
    assert before.cameras["cam-1"].groups == {"person": ShadowGroup(only_in_force=4)}


def test_the_times_of_an_earlier_run_are_reported_until_there_are_new_ones() -> None:
    before = ShadowReport(in_force_sha256=None, in_force_ms=20_000.0, new_ms=90_000.0)
    tried = shadow(FakeDetector(), before=before)
    restarted = tried.report(None)
    assert (restarted.in_force_ms, restarted.new_ms) == (20_000.0, 90_000.0)
    tried.offer(camera(), frame(3.0), [])  # the earlier time, which is above the budget, does not prevent it
    later = tried.report(30.0)
    assert later.in_force_ms == 30.0
    assert later.new_ms is not None
    assert later.new_ms < 90_000.0


def test_a_model_that_fails_is_counted_and_harms_no_camera() -> None:
    def fail(_: Pixels) -> list[Detection]:
        raise DetectorError("no answer")

    tried = shadow(FakeDetector(fail))
    for number in range(3):
        tried.offer(camera(), frame(3 + number / 10), [])
    assert (tried.failed_in_a_row, tried.report(None).failures) == (3, 3)


def test_it_waits_for_all_cameras_and_another_detector_takes_over_between_two_requests() -> None:
    gate, order = Gate(), list[str]()
    worker = DetectorWorker(FakeDetector(gate))
    worker.start()
    asking = [threading.Thread(target=worker.infer, args=(name, CROP)) for name in ("a", "b")]
    for each in asking:
        each.start()
    assert gate.entered.acquire(timeout=5)
    done = threading.Event()

    def work() -> None:
        order.append(f"after {len(gate.order)}")
        done.set()

    assert worker.run_when_idle(work)
    assert not worker.run_when_idle(lambda: order.append("a second one"))
    worker.replace_detector(other := FakeDetector())
    gate.leave.release(2)
    for each in asking:
        each.join(5)
    assert done.wait(5)
    worker.stop()
    assert worker.loop.join(5)
    assert order == ["after 1"]
    assert (other.calls, worker.detector) == (1, other)
