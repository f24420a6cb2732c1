"""How fast the detector is, against what the configuration wants of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from edge_agent.config.settings import Settings
from edge_agent.detection.choose import choose_detector, model_dirs
from edge_agent.detection.detector import Detector
from edge_agent.doctor.check import Figure, Result
from edge_agent.errors import DetectorError
from edge_agent.wire import DetectorHealth

MEASURE_S = 1.0
LEAST, MOST = 3, 30
"""Looks; the first one is not counted."""


def check_detector(settings: Settings, running: DetectorHealth | None) -> Sequence[Result]:
    """``running``: what an agent beside says of its detector. Its figure is what counts while it works: a
    second detector on the same cores would slow down both."""
    if settings.detector.model == "none":
        return [Result("detector", "detector-none")]
    choice = choose_detector(settings.detector, model_dirs(settings.state_dir))
    if choice.detector is None:
        return [Result("detector", "detector-broken", {"reason": choice.degraded or choice.note})]
    try:
        latency_ms = running.latency_ms if running and running.latency_ms else _measured_ms(choice.detector)
    except DetectorError as error:
        return [Result("detector", "detector-broken", {"reason": str(error)})]
    budget, possible = settings.detector.budget_per_s, 1000.0 / max(latency_ms, 0.01)
    figures: dict[str, Figure] = {
        "name": choice.detector.name,
        "latency_ms": latency_ms,
        "possible": possible,
        "budget": budget,
    }
    results = []
    if choice.degraded:
        results.append(Result("detector", "detector-other", {**figures, "reason": choice.degraded}))
    if choice.better:
        results.append(Result("detector", "detector-hog", figures))
    if possible < budget:
        results.append(Result("detector", "detector-slow", figures))
    return results or [Result("detector", "detector-good", figures)]


def _measured_ms(detector: Detector) -> float:
    """Median of a second's looks at noise, which keeps a detector as busy as a street does. Raises
    DetectorError."""
    width, height = detector.input_size
    crop = np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)
    taken: list[float] = []
    deadline = time.monotonic() + MEASURE_S
    while len(taken) < LEAST or (len(taken) < MOST and time.monotonic() < deadline):
        began = time.monotonic()
        detector.detect(crop)
        taken.append(1000 * (time.monotonic() - began))
    return median(taken[1:])
