"""Which detector the demo runs: what was asked for, else a real model if one can be had, else HOG."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.detection.choose import SYSTEM_MODELS, installed
from edge_agent.detection.models import fetch_models
from edge_agent.errors import DetectorError

PATIENCE_S = 4.0
RETRY_AFTER_S = 3600.0  # a start without a network must not wait for it each time


def pick_model(asked: str | None, folder: Path, say: Callable[[str], None], source: str | None = None) -> str:
    """A value for ``detector.model``; tells which and why. ``source``: see ``fetch_models``."""
    if asked:
        none = ": no objects are reported, only that the camera is well" if asked == "none" else ""
        say(f"detector  {asked}, as MODEL says{none}")
        return asked if asked in ("hog", "none", "auto") else str(Path(asked).resolve())
    if found := installed((folder, SYSTEM_MODELS)):
        say(f"detector  {found[0].name}, installed in {found[0].parent}")
        return str(found[0].resolve())
    failed = folder / ".not-fetched"
    if not failed.exists() or time.time() - failed.stat().st_mtime > RETRY_AFTER_S:
        try:
            fetched = fetch_models(folder, source=source, timeout_s=PATIENCE_S)[0]
            say(f"detector  {fetched.path.name}, fetched from {fetched.source}")
            return str(fetched.path.resolve())
        except DetectorError:
            folder.mkdir(parents=True, exist_ok=True)
            failed.touch()
    say("detector  OpenCV's HOG people detector: no model is installed, and none could be downloaded")
    say("          a better one: edge-agent models fetch --dest .cache/models, or make run MODEL=file.tflite")
    return "hog"
