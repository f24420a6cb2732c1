"""The agent's motion and view stages under test, built as in ``cameras/build.py``."""

from __future__ import annotations

from pathlib import Path

from edge_agent.motion import MotionDetector
from edge_agent.tamper import CameraView


def make_motion() -> MotionDetector:
    return MotionDetector()


def make_view(folder: Path | None) -> CameraView:
    return CameraView("bench", masks=(), folder=folder)
