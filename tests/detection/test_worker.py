from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge_agent.core.errors import DetectorError
from edge_agent.core.model import Box, Detection
from edge_agent.detection.worker import DetectorWorker, InlineInference
from tests.detection.fakes import FakeDetector, Pixels, detection
from tests.testbed.agent import wait_until

CROP = np.zeros((8, 8, 3), np.uint8)
SEEN = [detection(Box(0.1, 0.1, 0.5, 0.5))]
WAIT_S = 5.0


class Gate:
    """A detector's answer that waits until the test releases it, one crop at a time."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)
        self.order: list[int] = []

    def __call__(self, crop: Pixels) -> list[Detection]:
        self.order.append(int(crop[0, 0, 0]))
        self.entered.release()
        assert self.leave.acquire(timeout=WAIT_S)
        return SEEN


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def worker(gate: Gate) -> Iterator[DetectorWorker]:
    worker = DetectorWorker(FakeDetector(gate))
    worker.start()
    yield worker
    worker.stop()
    gate.leave.release(100)
    assert worker.loop.join(WAIT_S)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def marked(number: int) -> Pixels:
    return np.full((8, 8, 3), number, np.uint8)


def until_queued(worker: DetectorWorker, count: int) -> None:
    wait_until(lambda: worker.health().queue == count, what=f"{count} requests in the queue")


def test_a_pipeline_gets_its_answer(worker: DetectorWorker, gate: Gate, pool: ThreadPoolExecutor) -> None:
    gate.leave.release()
    assert pool.submit(worker.infer, "a", CROP).result(WAIT_S) == SEEN
    assert (worker.health().inferences, worker.health().queue, worker.health().degraded) == (1, 0, None)
    assert worker.health().latency_ms is not None


def test_cameras_take_turns(worker: DetectorWorker, gate: Gate, pool: ThreadPoolExecutor) -> None:
    first = pool.submit(worker.infer, "a", marked(1))
    assert gate.entered.acquire(timeout=WAIT_S)
    others = []
    for number, camera_id in ((2, "b"), (3, "c")):
        others.append(pool.submit(worker.infer, camera_id, marked(number)))
        until_queued(worker, number - 1)
    again = pool.submit(lambda: first.result() and worker.infer("a", marked(4)))
    gate.leave.release()
    until_queued(worker, 2)  # b is being analysed; c and a's second wait
    gate.leave.release(3)
    assert [answer.result(WAIT_S) for answer in [*others, again]] == [SEEN] * 3
    assert gate.order == [1, 2, 3, 4]


def test_under_overload_the_queue_is_bounded_by_the_cameras(pool: ThreadPoolExecutor) -> None:
    deepest = 0
    detector = FakeDetector()
    worker = DetectorWorker(detector)

    def pipeline(camera_id: str) -> int:
        nonlocal deepest
        for _ in range(50):
            assert worker.infer(camera_id, CROP) == []
            deepest = max(deepest, worker.health().queue)
        return 50

    worker.start()
    done = list(pool.map(pipeline, ["a", "b", "c", "d"]))
    worker.stop()
    assert worker.loop.join(WAIT_S)
    assert done == [50] * 4
    assert deepest <= 4
    assert (detector.calls, detector.most_at_once) == (200, 1)


def test_stopping_answers_all_requests(worker: DetectorWorker, gate: Gate, pool: ThreadPoolExecutor) -> None:
    waiting = [pool.submit(worker.infer, camera_id, CROP) for camera_id in "abc"]
    assert gate.entered.acquire(timeout=WAIT_S)
    until_queued(worker, 2)
    worker.stop()
    assert [answer.result(WAIT_S) for answer in waiting] == [None] * 3
    assert worker.infer("a", CROP) is None


def test_before_the_start_no_request_waits() -> None:
    assert DetectorWorker(FakeDetector()).infer("a", CROP) is None


def failing(*outcomes: BaseException | None) -> FakeDetector:
    left = list(outcomes)

    def answer(crop: Pixels) -> list[Detection]:
        outcome = left.pop(0)
        if outcome is not None:
            raise outcome
        return SEEN

    return FakeDetector(answer)


def test_a_failed_inference_is_logged_and_counts_as_not_analysed(caplog: pytest.LogCaptureFixture) -> None:
    inline = InlineInference(failing(DetectorError("device gone"), None))
    assert inline.infer("gate1", CROP) is None
    assert "gate1: device gone" in caplog.text
    assert inline.infer("gate1", CROP) == SEEN
    assert (inline.health().inferences, inline.health().degraded) == (1, None)


def test_an_unexpected_error_logs_a_traceback_and_the_worker_lives(caplog: pytest.LogCaptureFixture) -> None:
    worker = DetectorWorker(failing(ZeroDivisionError("odd crop"), None))
    worker.start()
    assert worker.infer("gate1", CROP) is None
    assert worker.infer("gate1", CROP) == SEEN
    worker.stop()
    assert worker.loop.join(WAIT_S)
    assert "ZeroDivisionError" in caplog.text


def test_a_dead_worker_keeps_no_camera_waiting_and_can_start_again(caplog: pytest.LogCaptureFixture) -> None:
    worker = DetectorWorker(failing(SystemExit("out of memory"), None))
    worker.start()
    assert worker.infer("gate1", CROP) is None
    assert worker.loop.join(WAIT_S)
    assert isinstance(worker.loop.failure, SystemExit)
    assert worker.infer("gate1", CROP) is None
    worker.start()
    assert worker.infer("gate1", CROP) == SEEN
    worker.stop()
    assert worker.loop.join(WAIT_S)
    assert "thread died" in caplog.text


def test_repeated_failures_degrade_and_one_success_heals(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    inline = InlineInference(failing(*[DetectorError("device gone")] * 5, None))
    for _ in range(5):
        inline.infer("gate1", CROP)
    assert inline.health().degraded == "the detector failed 5 times in a row; cameras run on motion alone"
    assert len(caplog.records) == 2  # the first, and the one that degrades: state changes, not crops
    inline.infer("gate1", CROP)
    assert inline.health().degraded is None


def test_what_the_detector_says_about_itself_is_shown() -> None:
    detector = FakeDetector()
    detector.degraded = "delegate libedgetpu.so.1 cannot be used: running on the CPU"
    assert InlineInference(detector).health().degraded == detector.degraded
