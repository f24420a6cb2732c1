"""Chooses the detector: the shipped model, one from the centre, or the configured one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from edge_agent.config.model import settings
from edge_agent.core.errors import DetectorError
from edge_agent.core.problems import error_text
from edge_agent.detection.detector import ObjectDetector
from edge_agent.detection.litert import LiteRtDetector

SHIPPED = Path(str(files("edge_agent.detection") / "models" / "street.tflite"))
"""The model for ``detector.model: auto``. A model file that an operator installed runs only if the
configuration names it: the labels of objects must not depend on which files are in a folder."""

FLOOR = 0.3
"""Minimum score of a single detection; ``min_score`` applies to all detections of an object together."""


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """The chosen detector, with texts for the log and for health."""

    detector: ObjectDetector | None  # None: no objects are reported
    note: str  # one line: which detector runs, and why
    degraded: str | None  # one line for health if the detector does not run as configured


def choose_detector(wanted: settings.Detector, sent: Path | None = None) -> DetectorChoice:
    """Load the detector. Never raises: without it, cameras still show motion, and health says why.

    An unusable model is not replaced by another, which would give other answers under the same configuration.
    ``sent``: a model that the centre sent; ``auto`` then means this model.
    """
    if wanted.model == "none":
        return DetectorChoice(
            None, "no detector configured: no objects are reported, only keyframes decoded", None
        )
    auto = wanted.model == "auto"
    path = (sent or SHIPPED) if auto else Path(wanted.model)
    try:
        detector = LiteRtDetector(
            path, wanted.labels, min(wanted.min_score, FLOOR), wanted.threads, wanted.delegate
        )
    except DetectorError as error:
        return DetectorChoice(None, f"no objects are reported: {error}", error_text(error))
    why = f"{path}, as configured"
    if auto:
        why = "the model that ships" if sent is None else "sent by the centre"
    return DetectorChoice(detector, f"{detector.name} ({why})", detector.degraded)
