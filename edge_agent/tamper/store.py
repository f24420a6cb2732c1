"""Baselines on disk, so that a camera that was turned while the box was off is found when it comes back."""

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
from edge_agent.tamper.features.frame_features import COLUMNS, ROWS
from edge_agent.tamper.features.stillness import Stillness

log = logging.getLogger(__name__)

EVERY_S = 600.0
"""At most so often. A baseline takes about 45 kB in the file."""
STALE_S = 6 * 3600.0
"""A baseline that has only drifted is written so often: light moves it all day, and a card wears."""


class SavedBaseline(msgspec.Struct, frozen=True, kw_only=True):
    png: str  # base64 of the mean picture, gray
    looks: int
    kept: float | None
    fine_energy: float | None


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """``view-<camera>.json``."""

    version: int = 1
    baselines: dict[str, SavedBaseline]
    longest_still_s: float
    live: list[float]  # least differences of live pictures, tile by tile; empty: not known


class ViewStore:
    """The file of one camera; ``folder`` None: nothing is kept. One thread; a write blocks for one fsync."""

    def __init__(self, folder: Path | None, camera_id: str) -> None:
        self._path = None if folder is None else folder / f"view-{camera_id}.json"
        self._camera_id = camera_id
        self._written_mono: float | None = None
        self._saved_lights: frozenset[LightCondition] = frozenset()  # baselines of the file

    def load(self, bank: Baselines, stillness: Stillness) -> bool:
        """Whether there was something that fits the present size of the picture."""
        saved = None if self._path is None else read_record(self._path, SavedView)
        if saved is None or saved.version != 1:
            return False
        width, height = bank.extractor.size
        for name, one in saved.baselines.items():
            picture = _decoded(one.png)
            if picture is None or picture.shape != (height, width) or name not in list(LightCondition):
                log.info(
                    "%s: the baseline %r is of another picture, it is learnt anew", self._camera_id, name
                )
                continue
            bank.add(LightCondition(name), _baseline(bank, bank.extractor.masked(picture), one))
        if len(saved.live) == ROWS * COLUMNS:
            live = np.array(saved.live, np.float32).reshape(ROWS, COLUMNS)
            stillness.restore(live, saved.longest_still_s)
        self._saved_lights = frozenset(light for light, _ in bank.items())
        return bool(self._saved_lights)

    def save(self, bank: Baselines, stillness: Stillness, now_mono: float, *, at_once: bool = False) -> None:
        """Write what has changed: a new baseline within ``EVERY_S``, drift within ``STALE_S``."""
        if self._path is None or not self._is_due(bank, now_mono, at_once):
            return
        baselines = {light.value: _saved(one) for light, one in bank.items()}
        live = (
            []
            if stillness.live is None or not stillness.is_learnt
            else [round(float(one), 3) for one in stillness.live.flat]
        )
        record = SavedView(baselines=baselines, longest_still_s=stillness.longest_s, live=live)
        write_record(self._path, record)  # a refusal is logged there, and tried again after EVERY_S
        self._written_mono = now_mono
        self._saved_lights = frozenset(light for light, _ in bank.items())

    def _is_due(self, bank: Baselines, now_mono: float, at_once: bool) -> bool:
        if at_once:
            return True
        if self._written_mono is None:
            self._written_mono = now_mono  # the first time EVERY_S after the start
        elapsed = now_mono - self._written_mono
        new = frozenset(light for light, _ in bank.items()) != self._saved_lights
        return elapsed >= (EVERY_S if new else STALE_S)


def _baseline(
    bank: Baselines, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], one: SavedBaseline
) -> Baseline:
    return Baseline(
        bank.extractor,
        picture.astype(np.float32),
        looks=one.looks,
        kept=one.kept,
        fine_energy=one.fine_energy,
    )


def _saved(baseline: Baseline) -> SavedBaseline:
    picture = np.clip(np.rint(baseline.mean), 0, 255).astype(np.uint8)
    _, png = cv2.imencode(".png", picture)
    return SavedBaseline(
        png=base64.b64encode(png.tobytes()).decode(),
        looks=baseline.looks,
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
