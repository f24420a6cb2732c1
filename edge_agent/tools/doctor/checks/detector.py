"""Compares the detector's speed with the configuration."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

from edge_agent.config.model.settings import Settings
from edge_agent.core.errors import DetectorError
from edge_agent.core.model import GROUP_OF_LABEL, LABELS
from edge_agent.core.problems import error_text
from edge_agent.detection.detector import ObjectDetector
from edge_agent.model_release.store import detector_of_agent
from edge_agent.tools.doctor.check import CheckResult, Figure
from edge_agent.wire import DetectorHealth

MEASURE_S = 1.0
LEAST, MOST = 3, 30  # least and most inferences to measure; the first one is not counted


def check_detector(settings: Settings, running: DetectorHealth | None) -> Sequence[CheckResult]:
    """Check the detector. ``running``: what a running agent reports of its detector. The reported speed is
    used, because a second detector on the same cores would slow down both."""
    wanted = _wanted(settings)
    if settings.detector.model == "none":
        blind = [_missing_labels("none", wanted)] if wanted else []
        return blind or [CheckResult("detector", "detector-none")]
    choice = detector_of_agent(settings)
    if choice.detector is None:
        return [CheckResult("detector", "detector-broken", {"reason": choice.degraded or choice.note})]
    try:
        latency_ms = running.latency_ms if running and running.latency_ms else _measured_ms(choice.detector)
    except DetectorError as error:
        return [CheckResult("detector", "detector-broken", {"reason": error_text(error)})]
    possible = settings.detector.budget_ms_per_s / max(latency_ms, 0.01)
    # Inferences a second while all cameras are busy:
    of_cameras = sum(camera.analyse.fps for camera in settings.cameras)
    budget = min(of_cameras, settings.detector.budget_per_s or of_cameras)
    figures: dict[str, Figure] = {
        "name": choice.detector.name,
        "latency_ms": latency_ms,
        "possible": possible,
        "budget": budget,
    }
    results = []
    missing = {
        label: user
        for label, user in wanted.items()
        if choice.detector.labels.isdisjoint((label, GROUP_OF_LABEL[label]))
    }
    if running and running.name != choice.detector.name:
        results.append(CheckResult("detector", "detector-not-loaded", {**figures, "loaded": running.name}))
    elif missing:
        results.append(_missing_labels(choice.detector.name, missing))
    if choice.degraded:
        results.append(CheckResult("detector", "detector-other", {**figures, "reason": choice.degraded}))
    if possible < budget:
        results.append(CheckResult("detector", "detector-slow", figures))
    return results or [CheckResult("detector", "detector-good", figures)]


def _wanted(settings: Settings) -> dict[str, str]:
    """Return the labels that the configuration requires, each with the first rule or key that requires it.

    A rule for all labels requires none, because it works with the labels that the detector has. With the
    model ``none`` also such a rule requires its labels, and ``detector.labels`` requires none.
    """
    no_model = settings.detector.model == "none"
    wanted: dict[str, str] = {}
    for camera in settings.cameras:
        for rule in camera.rules:
            if rule.enabled and (no_model or set(rule.labels) != set(LABELS)):
                for label in rule.labels:
                    wanted.setdefault(label, f"{camera.id}: {rule.id}")
    for label in () if no_model else settings.detector.labels:
        wanted.setdefault(label, "detector.labels")
    return wanted


def _missing_labels(name: str, missing: Mapping[str, str]) -> CheckResult:
    """Return the finding on missing labels. ``missing``: label -> rule or key that requires it."""
    users = ", ".join(dict.fromkeys(missing.values()))
    return CheckResult(
        "detector", "detector-blind", {"name": name, "labels": ", ".join(missing), "users": users}
    )


def _measured_ms(detector: ObjectDetector) -> float:
    """Return the median time of an inference, measured for one second on noise, which takes a detector as
    long as a street scene. Raises DetectorError."""
    fit = detector.fit((640, 360))
    picture = np.random.default_rng(7).integers(0, 255, (fit.height, fit.width, 3), np.uint8)
    taken: list[float] = []
    deadline = time.monotonic() + MEASURE_S
    while len(taken) < LEAST or (len(taken) < MOST and time.monotonic() < deadline):
        began = time.monotonic()
        detector.detect(picture)
        taken.append(1000 * (time.monotonic() - began))
    return median(taken[1:])
