from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.config.model.settings import Detector
from edge_agent.core.model import LABELS
from edge_agent.detection.choose import choose_detector
from edge_agent.detection.models import CATALOGUE

YOLOX, SSD = (entry.file for entry in CATALOGUE)


def wanted(model: str, labels: tuple[str, ...] = LABELS, delegate: str | None = None) -> Detector:
    return Detector(model=model, labels=labels, threads=1, budget_ms_per_s=500.0, delegate=delegate)


def test_none_is_motion_only_and_nothing_is_wrong() -> None:
    choice = choose_detector(wanted("none"))
    assert (choice.detector, choice.degraded) == (None, None)


def test_auto_is_the_model_that_ships_and_it_knows_every_label_by_its_group() -> None:
    choice = choose_detector(wanted("auto"))
    assert choice.detector is not None
    assert choice.detector.name == "street"
    assert choice.detector.labels == {"person", "two-wheeler", "vehicle"}
    assert (choice.note, choice.degraded) == ("street (the model that ships)", None)


def test_of_the_model_that_ships_only_the_groups_of_the_configured_labels_count() -> None:
    detector = choose_detector(wanted("auto", labels=("motorcycle",))).detector
    assert detector is not None
    assert detector.labels == {"two-wheeler"}
    assert detector.detect(np.zeros((360, 640, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"short", "5 bytes is not the size of a model"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(5000), "cannot be loaded"),
        (bytes(5000), "not a TFLite model"),
    ],
)
def test_a_configured_model_that_fails_means_motion_only_and_degraded(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "model.tflite"
    if content is not None:
        path.write_bytes(content)
    choice = choose_detector(wanted(str(path)))
    assert choice.detector is None, "never silently another one"
    assert message in str(choice.degraded)
    assert message in choice.note


def test_a_configured_model_runs_as_it_is_named(test_data: Path) -> None:
    choice = choose_detector(wanted(str(test_data / "models" / YOLOX)))
    assert choice.detector is not None
    assert choice.detector.model.sha256 == CATALOGUE[0].sha256
    assert choice.detector.labels == set(LABELS)


@pytest.mark.parametrize("library", ["libno-such-edgetpu.so.1", "libc.so.6"])
def test_a_delegate_that_cannot_be_used_means_the_cpu_and_degraded(library: str) -> None:
    choice = choose_detector(wanted("auto", delegate=library))
    assert choice.detector is not None
    assert f"delegate {library} cannot be used" in str(choice.degraded)
    assert "running on the CPU" in str(choice.degraded)
