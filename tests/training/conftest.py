"""Drawn data, and the model that was trained on them: made once for all tests here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.steps import train
from training.__main__ import main
from training.smoke import draw


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    draw(folder, 40)
    return folder


@pytest.fixture(scope="session")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights lie beside it."""
    folder = tmp_path_factory.mktemp("model")
    assert train(data, folder / "weights.pt", 400) == 0
    options = ["--weights", str(folder / "weights.pt"), "--model", str(folder / "model.tflite")]
    assert main(["export", str(data), *options, "--size", "320x256"]) == 0
    return folder / "model.tflite"
