"""Runs the detector on one thread for the whole gateway; cameras take turns.

A camera's pipeline blocks on its one request, so under overload the frame rate falls and the latency of
analysed frames does not grow. One request per camera in a first-come queue gives round-robin.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Protocol

from edge_agent.core.errors import DetectorError
from edge_agent.core.model import Detection
from edge_agent.core.problems import problem_text
from edge_agent.core.worker import SupervisedThread
from edge_agent.detection.detector import ObjectDetector
from edge_agent.wire import DetectorHealth

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

log = logging.getLogger(__name__)

_FAILURES_TO_DEGRADE = 3  # failures in a row; one means a bad picture, three a broken detector or device
_MAX_SAMPLES = 50  # last inferences of which the medians are computed
_IDLE_S = 5.0  # interval of the watchdog's beat while there is no request


class InferenceEngine(Protocol):
    """Runs inferences for a stage."""

    @property
    def detector(self) -> ObjectDetector: ...

    @property
    def cost_ms(self) -> float:
        """Median time of the last inferences; 0 before the first."""

    def infer(self, camera_id: str, pixels: Colour) -> list[Detection] | None:
        """Run one inference; blocks until it is done. None: the inference failed, or the agent stops."""


class InlineInference:
    """Runs the detector on the caller's thread: for replay, tests, and inside ``DetectorWorker``."""

    def __init__(
        self, detector: ObjectDetector, before: InlineInference | None = None, *, timed: bool = True
    ) -> None:
        """``before``: an instance whose count of inferences this one continues. ``timed``: False keeps
        ``cost_ms`` at 0, so that the speed of this machine does not decide which frames get an inference."""
        self.detector = detector
        self._timed = timed
        self.cost_ms = 0.0
        self._inferences: int = 0 if before is None else before._inferences
        self._failed_in_a_row = 0
        self._costs_ms: deque[float] = deque(maxlen=_MAX_SAMPLES)
        self._latencies_ms: deque[float] = deque(maxlen=_MAX_SAMPLES)

    def infer(
        self, camera_id: str, pixels: Colour, asked_mono: float | None = None
    ) -> list[Detection] | None:
        began_mono = time.monotonic()
        try:
            found = self.detector.detect(pixels)
        except DetectorError as error:
            self._failed(f"{camera_id}: {error}")
            return None
        except Exception as error:  # one bad picture must not end detection for all cameras
            log.exception("%s: detector failed", camera_id)
            self._failed(f"{camera_id}: {type(error).__name__}: {error}", logged=True)
            return None
        if self._failed_in_a_row >= _FAILURES_TO_DEGRADE:
            log.warning("detector: works again after %d failures", self._failed_in_a_row)
        self._failed_in_a_row = 0
        self._inferences += 1
        done_mono = time.monotonic()
        self._costs_ms.append((done_mono - began_mono) * 1000)
        self._latencies_ms.append((done_mono - (asked_mono or began_mono)) * 1000)
        if self._timed:
            self.cost_ms = median(self._costs_ms)
        return found

    def _failed(self, text: str, logged: bool = False) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row == 1 and not logged:
            log.warning("%s; this frame is not analysed", text)
        if self._failed_in_a_row == _FAILURES_TO_DEGRADE:
            log.error("detector: %s", self._failure_text)

    @property
    def failing(self) -> str | None:
        """Why the detector counts as failing, after several failures in a row; None while it does not."""
        return self._failure_text if self._failed_in_a_row >= _FAILURES_TO_DEGRADE else None

    @property
    def _failure_text(self) -> str:
        return problem_text("detector-failing", times=self._failed_in_a_row)

    def health(self, queue: int = 0) -> DetectorHealth:
        """Return the detector's health. ``queue``: requests that wait now. The latency is the median over the
        last inferences, from the request to the answer."""
        latencies = self._latencies_ms.copy()
        return DetectorHealth(
            name=self.detector.name,
            queue=queue,
            latency_ms=round(median(latencies), 1) if latencies else None,
            inferences=self._inferences,
            degraded=self.failing or self.detector.degraded,
        )


@dataclass(slots=True, eq=False)
class _Request:
    camera_id: str
    pixels: Colour
    asked_mono: float
    answer: list[Detection] | None = None
    answered: threading.Event = field(default_factory=threading.Event)


class DetectorWorker:
    """Runs one detector in the thread ``detector-<name>``; ``infer`` may be called from any thread.

    It runs on a thread, because an accelerator may hang: then only that thread hangs. The queue is bounded by
    the number of calling threads, one per camera. ``stop()`` answers all waiting requests with None.
    """

    def __init__(self, detector: ObjectDetector) -> None:
        self.loop = SupervisedThread(f"detector-{detector.name}"[:40], self._body)
        self._inline = InlineInference(detector)
        # Protects everything below; notified when a request or other work comes, and at the end.
        self._changed = threading.Condition()
        self._waiting: deque[_Request] = deque()
        self._current: _Request | None = None
        self._when_idle: Callable[[], None] | None = None
        self._open = False

    @property
    def detector(self) -> ObjectDetector:
        return self._inline.detector

    @property
    def cost_ms(self) -> float:
        return self._inline.cost_ms

    @property
    def failing(self) -> str | None:
        return self._inline.failing

    def replace_detector(self, detector: ObjectDetector) -> None:
        """Run another detector from the next request on; the old one still answers the running request."""
        with self._changed:
            self._inline = InlineInference(detector, self._inline)

    def run_when_idle(self, work: Callable[[], None]) -> bool:
        """Run ``work``, which must not raise, on the detector's thread when no camera waits; new requests
        wait for it. Return False without running it if other such work waits or the thread is stopped."""
        with self._changed:
            if self._when_idle is not None or not self._open:
                return False
            self._when_idle = work
            self._changed.notify_all()
            return True

    def start(self) -> None:
        with self._changed:
            self._open = True
        self.loop.start()

    def stop(self) -> None:
        """Answer all requests with None and ask the thread to end. Does not wait for it."""
        self.loop.stop()
        self._close()

    def infer(self, camera_id: str, pixels: Colour) -> list[Detection] | None:
        request = _Request(camera_id, pixels, time.monotonic())
        with self._changed:
            if not self._open:
                return None
            self._waiting.append(request)
            self._changed.notify()
        request.answered.wait()  # one event per request, so an answer wakes only its own camera's thread
        return request.answer

    def health(self) -> DetectorHealth:
        with self._changed:
            return self._inline.health(len(self._waiting))

    def _body(self, loop: SupervisedThread) -> None:
        with self._changed:
            self._open = not loop.stopping  # the supervisor may have started a dead loop again
        try:
            while not loop.stopping:
                loop.beat()
                work = self._next()
                if isinstance(work, _Request):
                    work.answer = self._inline.infer(work.camera_id, work.pixels, work.asked_mono)
                    work.answered.set()
                elif work is not None:
                    work()
        finally:
            self._close()  # also if the thread dies: a pipeline must never wait for a dead worker

    def _next(self) -> _Request | Callable[[], None] | None:
        def is_due() -> bool:
            return bool(self._waiting) or self._when_idle is not None or not self._open

        with self._changed:
            self._changed.wait_for(is_due, timeout=_IDLE_S)
            self._current = self._waiting.popleft() if self._waiting and self._open else None
            if self._current is not None or not self._open:
                return self._current
            work, self._when_idle = self._when_idle, None
            return work

    def _close(self) -> None:
        with self._changed:
            self._open = False
            self._when_idle = None
            for request in self._waiting:
                request.answered.set()
            self._waiting.clear()
            if self._current is not None:
                self._current.answered.set()
            self._changed.notify_all()
