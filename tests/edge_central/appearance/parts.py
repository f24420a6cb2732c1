"""Drawn objects whose identity is the colours of their quarters, and cards of the small model."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from edge_central.appearance.card import AppearanceCard, CurvePoint, Estimate, GroupFigures
from edge_central.appearance.embedding_process import EmbeddingProcess
from tests.testbed.embedding_model import write_embedding_model

PIXELS, ORDER = "-1..1", "rgb"


@cache
def drawn(identity: int, view: int = 0, noise: float = 8.0) -> bytes:
    """A JPEG of an object; ``view``: another picture of the same object."""
    base = np.random.default_rng(identity).integers(0, 255, (2, 2, 3))
    shaken = base + np.random.default_rng((identity, view)).normal(0, noise, base.shape)
    quarters = np.clip(shaken, 0, 255).astype(np.uint8)
    picture = cv2.resize(quarters, (64, 96), interpolation=cv2.INTER_NEAREST)
    done, jpeg = cv2.imencode(".jpg", picture)
    assert done
    return jpeg.tobytes()


def draw_folder(folder: Path, identities: int, noise: float = 8.0, views: int = 2) -> Path:
    """``views`` pictures of each object at each of two cameras."""
    for identity in range(identities):
        here = folder / f"object-{identity:02}"
        here.mkdir(parents=True)
        for number in range(2 * views):
            camera = ("gate-cam-1", "yard-cam-2")[number % 2]
            (here / f"{camera}-{number:04}.jpg").write_bytes(drawn(identity, number, noise))
    return folder


def model_process(folder: Path, *, zero: bool = False) -> EmbeddingProcess:
    return EmbeddingProcess(write_embedding_model(folder / "colours.tflite", zero=zero), PIXELS, ORDER)


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high)


def figures(**changes: object) -> GroupFigures:
    """Of a good model: 0.1 at similarity 0, 1 at 0.5, 10 at 1."""
    usual: dict[str, object] = {
        "identities": 40, "pictures": 160, "cameras": 2, "queries": 160, "same_pairs": 160,
        "different_pairs": 6000, "rank1": estimate(0.61, 0.45, 0.75), "rank5": estimate(0.9, 0.8, 0.95),
        "mean_average_precision": estimate(0.7, 0.6, 0.8), "chance_rank1": 0.025, "cost": 0.5,
        "thresholds": [], "curve": [CurvePoint(0.0, -1.0), CurvePoint(1.0, 1.0)],
    }  # fmt: skip
    return GroupFigures(**usual | changes)  # type: ignore[arg-type]


def card_of(sha256: str, **groups: GroupFigures) -> AppearanceCard:
    return AppearanceCard(
        model="colours",
        sha256=sha256,
        made_at="2026-11-28T17:00:00Z",
        pixels=PIXELS,
        order=ORDER,
        input_size=(32, 32),
        dimensions=12,
        groups=groups or {"all": figures()},
    )
