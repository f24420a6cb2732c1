"""The shipped model: its size, its model card, and the attributions that its licence requires."""

from __future__ import annotations

import hashlib
from pathlib import Path

from training.card import notice
from training.dataset import read_sources

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "edge_agent/detection/models/street.tflite"


def test_the_model_fits_the_package() -> None:
    assert MODEL.stat().st_size <= 1_200_000


def test_the_card_is_that_of_the_model() -> None:
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert digest in (ROOT / "docs/reference/model-card.md").read_text(encoding="utf-8")


def test_the_notice_names_every_set_that_was_trained_on() -> None:
    assert (ROOT / "NOTICE").read_text(encoding="utf-8") == notice(read_sources())
