"""Stores baselines on disk, so that a camera that was turned while the gateway was off is detected."""

from __future__ import annotations

import base64
import binascii
import logging
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_agent.core.state_file import read_record, write_record
from edge_agent.tamper.baselines import Baseline, Baselines, LightCondition
from edge_agent.tamper.frame_features import COLUMNS, ROWS
from edge_agent.tamper.stillness import Stillness

log = logging.getLogger(__name__)

EVERY_S = 600.0
"""Minimum time between two writes. A baseline takes about 45 kB in the file."""
STALE_S = 6 * 3600.0
"""Minimum time between two writes of baselines that have only drifted: an SD card wears out."""


class SavedBaseline(msgspec.Struct, frozen=True, kw_only=True):
    png: str  # base64 of the mean picture, gray
    looks: int
    kept: float | None
    fine_energy: float | None


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``view-<camera>.json``."""

    version: int = 1
    baselines: dict[str, SavedBaseline]
    longest_still_s: float
    live: list[float]  # least differences of live pictures, one per tile; empty: not known


class ViewStore:
    """A camera's baseline file; no file without ``folder``. For one thread; a write blocks for one fsync."""

    def __init__(self, folder: Path | None, camera_id: str) -> None:
        self._path = None if folder is None else folder / f"view-{camera_id}.json"
        self._camera_id = camera_id
        self._written_mono: float | None = None
        self._saved_lights: frozenset[LightCondition] = frozenset()  # of the baselines in the file

    def load(self, baselines: Baselines, stillness: Stillness) -> bool:
        """Load the baselines; returns whether one of them fits the present size of the picture."""
        saved = None if self._path is None else read_record(self._path, SavedView)
        if saved is None or saved.version != 1:
            return False
        extractor = baselines.extractor
        width, height = extractor.size
        for name, one in saved.baselines.items():
            picture = _decoded(one.png)
            if picture is None or picture.shape != (height, width) or name not in list(LightCondition):
                text = "%s: the baseline %r has another picture size; it is learned again"
                log.info(text, self._camera_id, name)
                continue
            mean = extractor.masked(picture).astype(np.float32)
            baseline = Baseline(
                extractor, mean, samples=one.looks, kept=one.kept, fine_energy=one.fine_energy
            )
            baselines.add(LightCondition(name), baseline)
        if len(saved.live) == ROWS * COLUMNS:
            live = np.array(saved.live, np.float32).reshape(ROWS, COLUMNS)
            stillness.restore(live, saved.longest_still_s)
        self._saved_lights = frozenset(light for light, _ in baselines.items())
        return bool(self._saved_lights)

    def save(
        self, baselines: Baselines, stillness: Stillness, now_mono: float, *, at_once: bool = False
    ) -> None:
        """Write the file if it is due: a new baseline after ``EVERY_S``, drift after ``STALE_S``."""
        if self._path is None or not self._is_due(baselines, now_mono, at_once):
            return
        saved = {light.value: _saved(one) for light, one in baselines.items()}
        live = (
            []
            if stillness.live is None or not stillness.is_learnt
            else [round(float(one), 3) for one in stillness.live.flat]
        )
        record = SavedView(baselines=saved, longest_still_s=stillness.longest_s, live=live)
        is_written = write_record(self._path, record)
        self._written_mono = now_mono
        # After a failure, which is logged, all baselines count as new: the next attempt is after EVERY_S.
        self._saved_lights = frozenset(light for light, _ in baselines.items() if is_written)

    def _is_due(self, baselines: Baselines, now_mono: float, at_once: bool) -> bool:
        if at_once:
            return True
        if self._written_mono is None:
            self._written_mono = now_mono  # the first write is EVERY_S after the start
        elapsed = now_mono - self._written_mono
        new = frozenset(light for light, _ in baselines.items()) != self._saved_lights
        return elapsed >= (EVERY_S if new else STALE_S)


def _saved(baseline: Baseline) -> SavedBaseline:
    picture = np.clip(np.rint(baseline.mean), 0, 255).astype(np.uint8)
    _, png = cv2.imencode(".png", picture)
    return SavedBaseline(
        png=base64.b64encode(png.tobytes()).decode(),
        looks=baseline.samples,
        kept=baseline.kept,
        fine_energy=baseline.fine_energy,
    )


def _decoded(png: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    try:
        data = np.frombuffer(base64.b64decode(png, validate=True), np.uint8)
    except (binascii.Error, ValueError):
        return None
    if not data.size:
        return None
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)  # type: ignore[return-value]
