"""One thread an accelerator; cameras take turns.

A camera's pipeline blocks on its one request, so under overload its frame rate falls and never the
latency of what is looked at. One request a camera in a first-come queue *is* round-robin.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.detection.detector import Detector
from edge_agent.errors import DetectorError
from edge_agent.loop import Loop
from edge_agent.model import Detection

if TYPE_CHECKING:
    from edge_agent.model import Colour

log = logging.getLogger(__name__)

_FAILURES_TO_DEGRADE = 3  # in a row; one is a bad crop, three are a broken detector or device
_LATENCIES = 50  # inferences that the median in health looks back on
_IDLE_S = 5.0  # beat while nobody asks


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """For health. ``latency_ms`` is the median from request to answer of the last 50 inferences."""

    name: str
    queue: int  # requests waiting now
    latency_ms: float | None
    inferences: int  # since start
    failures: int  # since start
    degraded: str | None


class Inference(Protocol):
    """Where a stage has its crops looked at."""

    def infer(self, camera_id: str, crop: Colour) -> list[Detection] | None:
        """Blocks until answered. None: the crop was not looked at (failed, or stopping)."""
        ...


class _Runner:
    """The detector and what is known about its work. One thread at a time calls ``run``."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.inferences = 0
        self.failures = 0
        self._failed_in_a_row = 0
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES)

    def run(self, camera_id: str, crop: Colour, asked_mono: float) -> list[Detection] | None:
        try:
            found = self.detector.detect(crop)
        except DetectorError as error:
            self._failed(f"{camera_id}: {error}")
            return None
        except Exception as error:  # one odd crop must not end detection for all
            log.exception("%s: detector failed", camera_id)
            self._failed(f"{camera_id}: {type(error).__name__}: {error}", logged=True)
            return None
        if self._failed_in_a_row >= _FAILURES_TO_DEGRADE:
            log.warning("detector: works again after %d failures", self._failed_in_a_row)
        self._failed_in_a_row = 0
        self.inferences += 1
        self._latencies_ms.append((time.monotonic() - asked_mono) * 1000)
        return found

    def _failed(self, text: str, logged: bool = False) -> None:
        self.failures += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row == 1 and not logged:
            log.warning("%s; the crop counts as not looked at", text)
        if self._failed_in_a_row == _FAILURES_TO_DEGRADE:
            log.error(
                "detector: failed %d times in a row; cameras run on motion alone", self._failed_in_a_row
            )

    def stats(self, queue: int) -> WorkerStats:
        latencies = sorted(self._latencies_ms.copy())
        degraded = self.detector.degraded
        if self._failed_in_a_row >= _FAILURES_TO_DEGRADE:
            degraded = (
                f"the detector failed {self._failed_in_a_row} times in a row; cameras run on motion alone"
            )
        return WorkerStats(
            name=self.detector.name,
            queue=queue,
            latency_ms=round(latencies[len(latencies) // 2], 1) if latencies else None,
            inferences=self.inferences,
            failures=self.failures,
            degraded=degraded,
        )


class InlineInference:
    """The detector in the caller's own thread: replay and tests."""

    def __init__(self, detector: Detector) -> None:
        self._runner = _Runner(detector)

    def infer(self, camera_id: str, crop: Colour) -> list[Detection] | None:
        return self._runner.run(camera_id, crop, time.monotonic())

    def stats(self) -> WorkerStats:
        return self._runner.stats(0)


@dataclass(slots=True, eq=False)
class _Request:
    camera_id: str
    crop: Colour
    asked_mono: float
    answer: list[Detection] | None
    done: bool


class DetectorWorker:
    """Runs one detector in the thread ``detector-<name>``; ``infer`` may be called from any thread.

    The queue is bounded by one request a camera; a second one from the same camera waits until the
    first is answered. ``stop()`` answers everything that waits with None.
    """

    def __init__(self, detector: Detector) -> None:
        self.loop = Loop(f"detector-{detector.name}"[:40], self._body)
        self._runner = _Runner(detector)
        # Guards everything below; notified on every change.
        self._changed = threading.Condition()
        self._waiting: deque[_Request] = deque()
        self._in_flight: set[str] = set()
        self._open = False

    def start(self) -> None:
        with self._changed:
            self._open = True
        self.loop.start()

    def stop(self) -> None:
        """Let nobody wait any longer and ask the thread to end; does not wait for it."""
        self.loop.stop()
        self._close()

    def join(self, timeout_s: float) -> bool:
        return self.loop.join(timeout_s)

    def infer(self, camera_id: str, crop: Colour) -> list[Detection] | None:
        asked_mono = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: not self._open or camera_id not in self._in_flight)
            if not self._open:
                return None
            request = _Request(camera_id, crop, asked_mono, None, False)
            self._in_flight.add(camera_id)
            self._waiting.append(request)
            self._changed.notify_all()
            self._changed.wait_for(lambda: request.done or not self._open)
            self._in_flight.discard(camera_id)
            self._changed.notify_all()
            return request.answer

    def stats(self) -> WorkerStats:
        with self._changed:
            waiting = len(self._waiting)
        return self._runner.stats(waiting)

    def _body(self, loop: Loop) -> None:
        with self._changed:
            self._open = not loop.stopping  # also when a supervisor starts the loop again after it died
        try:
            while not loop.stopping:
                loop.beat()
                request = self._next()
                if request is not None:
                    answer = self._runner.run(request.camera_id, request.crop, request.asked_mono)
                    self._answer(request, answer)
        finally:
            self._close()  # also when the thread dies: a pipeline must never wait for a dead worker

    def _next(self) -> _Request | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or not self._open, timeout=_IDLE_S)
            return self._waiting.popleft() if self._waiting and self._open else None

    def _answer(self, request: _Request, answer: list[Detection] | None) -> None:
        with self._changed:
            request.answer = answer
            request.done = True
            self._changed.notify_all()

    def _close(self) -> None:
        with self._changed:
            self._open = False
            self._waiting.clear()
            self._changed.notify_all()
