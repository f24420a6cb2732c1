"""Errors of a missing or unsuitable runtime. The modules are fakes, since only one is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edge_agent.core.errors import DetectorError
from edge_agent.detection.litert import LiteRtDetector
from tests.detection.fakes import LABELS


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(5000))
    return path


def test_no_runtime_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    with pytest.raises(DetectorError, match="no TFLite runtime: install ai-edge-litert"):
        LiteRtDetector(model, LABELS, 0.5)


def test_the_predecessor_under_numpy_2_is_refused_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    predecessor = ModuleType("tflite_runtime")
    predecessor.interpreter = ModuleType("interpreter")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", predecessor)
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(DetectorError, match=r"tflite_runtime needs numpy 1, here is 2\.1\.0"):
        LiteRtDetector(model, LABELS, 0.5)
