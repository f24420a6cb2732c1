from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config import settings
from edge_agent.detection.choose import choose_detector, installed, model_dirs
from edge_agent.detection.models import CATALOGUE
from tests.detection.fakes import LABELS

YOLOX, SSD = (entry.file for entry in CATALOGUE)


def wanted(model: str, labels: tuple[str, ...] = LABELS, delegate: str | None = None) -> settings.Detector:
    return settings.Detector(model, labels, 0.5, 1, 10.0, delegate)


def test_none_is_motion_only_and_nothing_is_wrong() -> None:
    choice = choose_detector(wanted("none"), [])
    assert (choice.detector, choice.degraded) == (None, None)


def test_auto_without_a_model_is_hog_and_says_how_to_get_better(tmp_path: Path) -> None:
    choice = choose_detector(wanted("auto"), model_dirs(tmp_path))
    assert choice.detector is not None
    assert choice.detector.name == "hog"
    assert choice.better is not None
    assert "edge-agent models fetch" in choice.better
    assert choice.degraded is None


def test_auto_passes_over_a_broken_model_and_health_names_it(tmp_path: Path) -> None:
    (tmp_path / SSD).write_bytes(b"no model" * 1000)
    choice = choose_detector(wanted("auto"), [tmp_path])
    assert choice.detector is not None
    assert choice.detector.name == "hog"
    assert choice.degraded is not None
    assert SSD in choice.degraded
    assert "not a TFLite model" in choice.degraded


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "0 bytes is no model"),
        (b"<html>" * 1000, "not a TFLite model"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(5000), "cannot be loaded"),
    ],
)
def test_a_configured_model_that_fails_means_motion_only_and_degraded(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "net.tflite"
    if content is not None:
        path.write_bytes(content)
    choice = choose_detector(wanted(str(path)), [])
    assert choice.detector is None
    assert choice.degraded is not None
    assert str(path) in choice.degraded
    assert reason in choice.degraded


def test_hog_that_is_not_asked_for_persons_is_no_detector() -> None:
    choice = choose_detector(wanted("hog", labels=("car",)), [])
    assert choice.detector is None
    assert choice.degraded == "hog sees only persons, and person is not among car"


def test_the_catalogues_models_come_first_and_in_its_order(tmp_path: Path) -> None:
    for name in ("aaa.tflite", YOLOX, SSD):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in installed([tmp_path])] == [YOLOX, SSD, "aaa.tflite"]


def test_auto_takes_the_best_installed_model(test_data: Path) -> None:
    choice = choose_detector(wanted("auto"), [test_data / "models"])
    assert choice.detector is not None
    assert choice.detector.model.sha256 == CATALOGUE[0].sha256
    assert (choice.better, choice.degraded) == (None, None)


def test_a_missing_delegate_library_means_the_cpu_and_degraded(test_data: Path) -> None:
    path = test_data / "models" / SSD
    choice = choose_detector(wanted(str(path), delegate="libno-such-edgetpu.so.1"), [])
    assert choice.detector is not None
    assert choice.degraded is not None
    assert "libno-such-edgetpu.so.1" in choice.degraded
    assert choice.degraded.endswith("running on the CPU")


def test_a_library_that_is_no_delegate_means_the_cpu_and_degraded(test_data: Path) -> None:
    path = test_data / "models" / SSD
    choice = choose_detector(wanted(str(path), delegate="libc.so.6"), [])
    assert choice.detector is not None
    assert choice.degraded is not None
    assert "no TFLite delegate in it" in choice.degraded
