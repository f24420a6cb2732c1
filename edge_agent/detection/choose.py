"""Which detector runs: the model that ships, or the one that is configured."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from edge_agent.config.model import settings
from edge_agent.core.errors import DetectorError
from edge_agent.detection.detector import ObjectDetector
from edge_agent.detection.litert import LiteRtDetector

SHIPPED = Path(str(files("edge_agent.detection") / "models" / "street.tflite"))
"""What ``detector.model: auto`` runs. A model that an operator installed runs where the configuration names
it: what objects are called must not depend on which file lies in a folder."""

FLOOR = 0.3
"""What one inference must score to count at all; ``min_score`` is for those of an object together."""


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """The detector that runs, and what a person should know about it."""

    detector: ObjectDetector | None  # None: no objects are reported
    note: str  # one line: what runs and why
    degraded: str | None  # one line for health when it is not what was configured


def choose_detector(wanted: settings.Detector, sent: Path | None = None) -> DetectorChoice:
    """Never raises: a camera without detection still shows motion, and health says why.

    A model that cannot be used is not replaced by another: its answers would be other ones under the same
    configuration. ``sent``: the model that ``auto`` means on this gateway, since the centre sent it.
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
        return DetectorChoice(None, f"no objects are reported: {error}", str(error))
    why = f"{path}, as configured"
    if auto:
        why = "the model that ships" if sent is None else "sent by the centre"
    return DetectorChoice(detector, f"{detector.name} ({why})", detector.degraded)
