"""The detector that all cameras of a gateway share: the chosen model, its thread and its budget."""

from __future__ import annotations

import logging
import time

import msgspec

from edge_agent.cameras.build import DetectorAccess, budget_of, model_ref
from edge_agent.config.model.settings import Settings
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.worker import SupervisedThread
from edge_agent.detection.choose import DetectorChoice
from edge_agent.detection.detector import ObjectDetector
from edge_agent.detection.shadow import InferenceMonitor, Shadow
from edge_agent.detection.worker import DetectorWorker
from edge_agent.wire import BirthDetector, DetectorHealth, ModelRef, ShadowReport

log = logging.getLogger(__name__)


class SharedDetector:
    """The detector of the gateway. Where none is configured, ``access`` is None and no thread starts."""

    def __init__(self, settings: Settings, limiter: WorkloadLimiter, choice: DetectorChoice) -> None:
        self._wanted = settings.detector
        self._choice = choice
        self.monitor = InferenceMonitor(settings.detector.min_score)
        detector = self._choice.detector
        self._worker = None if detector is None else DetectorWorker(detector)
        camera_ids = tuple(camera.id for camera in settings.cameras)
        self._timezone = settings.gateway.timezone
        self.budget = budget_of(settings.detector, camera_ids, limiter)
        self.model: ModelRef = model_ref(detector)

    @property
    def access(self) -> DetectorAccess | None:
        """What the cameras' pipelines need to use the detector; None: no detector runs."""
        return None if self._worker is None else DetectorAccess(self._worker, self.budget, self.monitor)

    @property
    def loops(self) -> tuple[SupervisedThread, ...]:
        return () if self._worker is None else (self._worker.loop,)

    def start(self) -> None:
        if self._worker is not None:
            self._worker.start()

    def stop(self) -> None:
        """Answer all waiting callers with None and ask the thread to end. Does not wait."""
        if self._worker is not None:
            self._worker.stop()

    def join(self, deadline: float) -> None:
        """Wait for the thread to end, until ``deadline`` (monotonic). A blocked one ends with the process."""
        if self._worker is not None:
            self._worker.loop.join(max(0.0, deadline - time.monotonic()))

    def replace_detector(self, choice: DetectorChoice) -> None:
        """Run another detector from the next request on. Requires a running detector."""
        assert self._worker is not None
        assert choice.detector is not None
        self._choice, self.model = choice, model_ref(choice.detector)
        self._worker.replace_detector(choice.detector)
        self.log_choice()

    def begin_shadow(self, detector: ObjectDetector, share: float, before: ShadowReport) -> Shadow:
        """Until ``end_shadow``, let ``detector`` analyse a share of frames too; extend report ``before``."""
        assert self._worker is not None
        shadow = Shadow(
            detector,
            share=share,
            sure=self._wanted.min_score,
            budget=self.budget,
            run_when_idle=self._worker.run_when_idle,
            timezone=self._timezone,
            before=before,
        )
        self.monitor.shadow = shadow
        return shadow

    def end_shadow(self) -> None:
        self.monitor.shadow = None

    def log_choice(self) -> None:
        log.info("detector: %s", self._choice.note)
        if self._choice.degraded is not None:
            log.error("detector: %s", self._choice.degraded)

    @property
    def cost_ms(self) -> float | None:
        """Median time of one inference; None before the first, and without a detector."""
        return None if self._worker is None else round(self._worker.cost_ms, 2) or None

    @property
    def failing(self) -> str | None:
        """Why the detector's last inferences have failed, or None."""
        return None if self._worker is None else self._worker.failing

    def health(self) -> DetectorHealth:
        """Return the figures for the heartbeat. Thread-safe."""
        if self._worker is None:
            return DetectorHealth(name="none", queue=0, latency_ms=None, degraded=self._choice.degraded)
        health = self._worker.health()
        return msgspec.structs.replace(health, degraded=health.degraded or self._choice.degraded)

    def birth(self) -> BirthDetector:
        """Return what the birth message says about the detector."""
        detector = self._choice.detector
        return BirthDetector(
            name=detector.name if detector else "none",
            model_sha256=self.model.sha256,
            labels=list(self._wanted.labels),
            delegate=self._wanted.delegate,
        )
