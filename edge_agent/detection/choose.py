"""Which detector runs: what is configured, the best that is installed, or what needs no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config import settings
from edge_agent.detection.detector import Detector
from edge_agent.detection.hog import HogDetector
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.detection.models import CATALOGUE
from edge_agent.errors import DetectorError

SYSTEM_MODELS = Path("/usr/share/edge-agent/models")
LOOK_FLOOR = 0.3
"""What one look must score to count at all; ``min_score`` is asked of an object's looks together. With 0.5
asked of every single look, half to two thirds of the riders of a Vietnamese street were never seen."""
_FETCH = "edge-agent models fetch"


@dataclass(frozen=True, slots=True)
class Choice:
    """The detector that runs, and what a person should know about it."""

    detector: Detector | None  # None: no objects are told
    note: str  # one line: what runs and why
    better: str | None  # one line: how to get a better one; None when there is none
    degraded: str | None  # one line for health when it is not what was configured


def model_dirs(state_dir: Path) -> tuple[Path, ...]:
    """Where models are looked for; the first wins."""
    return state_dir / "models", SYSTEM_MODELS


def choose_detector(wanted: settings.Detector, folders: Sequence[Path]) -> Choice:
    """Never raises: a camera without detection still shows motion, and health says why.

    A configured model that cannot be used is not replaced by HOG: its answers would be other ones
    under the same configuration. ``auto`` takes what works.
    """
    if wanted.model == "none":
        return Choice(
            None, "no detector configured: no objects are told, and only keyframes are decoded", None, None
        )
    if wanted.model == "hog":
        return _hog(wanted, "HOG people detector, as configured")
    if wanted.model != "auto":
        return _configured(wanted, Path(wanted.model))
    return _auto(wanted, folders)


def installed(folders: Sequence[Path]) -> list[Path]:
    """Model files, best first: the catalogue's in its order, then others by name."""
    order = {entry.file: rank for rank, entry in enumerate(CATALOGUE)}
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.tflite"))]
    return sorted(found, key=lambda path: order.get(path.name, len(order)))


def _auto(wanted: settings.Detector, folders: Sequence[Path]) -> Choice:
    failed = []
    for path in installed(folders):
        try:
            detector = _load(wanted, path)
        except DetectorError as error:
            failed.append(str(error))
            continue
        note = f"{detector.name} ({path}), the best model that is installed"
        return Choice(detector, note, None, _both(failed, detector.degraded))
    where = " or ".join(str(folder) for folder in folders)
    choice = _hog(wanted, f"HOG people detector: no usable model in {where}")
    better = f"HOG sees only upright people; `{_FETCH}` gets a model that also sees two-wheelers and vehicles"
    return Choice(choice.detector, choice.note, better, _both(failed, choice.degraded))


def _configured(wanted: settings.Detector, path: Path) -> Choice:
    try:
        detector = _load(wanted, path)
    except DetectorError as error:
        return Choice(
            None, f"no objects are told: {error}", "correct detector.model, or set it to auto", str(error)
        )
    return Choice(detector, f"{detector.name} ({path}), as configured", None, detector.degraded)


def _hog(wanted: settings.Detector, note: str) -> Choice:
    try:
        return Choice(HogDetector(wanted.labels, wanted.min_score), note, None, None)
    except DetectorError as error:
        return Choice(None, f"no objects are told: {error}", f"`{_FETCH}` gets a model", str(error))


def _load(wanted: settings.Detector, path: Path) -> LiteRtDetector:
    floor = min(wanted.min_score, LOOK_FLOOR)
    return LiteRtDetector(path, wanted.labels, floor, wanted.threads, wanted.delegate)


def _both(failed: Sequence[str], degraded: str | None) -> str | None:
    return "; ".join([*failed, *([degraded] if degraded else [])]) or None
