from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edge_agent.detection.labels import read_labels
from edge_agent.errors import DetectorError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(100))
    return path


def test_labels_come_from_the_models_own_metadata_first(model: Path) -> None:
    (model.parent / "net.txt").write_text("wrong\n")
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("labelmap.txt", "person\nbicycle\n???\ncar\n")
    assert read_labels(model, None) == ("person", "bicycle", "???", "car")


def test_labels_come_from_the_file_of_the_same_name(model: Path) -> None:
    (model.parent / "labels.txt").write_text("wrong\n")
    (model.parent / "net.txt").write_text("person\ncar\n")
    assert read_labels(model, 2) == ("person", "car")


def test_labels_come_from_labels_txt(model: Path) -> None:
    (model.parent / "labels.txt").write_text("person\ncar\n")
    assert read_labels(model, 2) == ("person", "car")


def test_labels_come_from_the_only_label_file_that_fits_the_output(model: Path) -> None:
    (model.parent / "coco_labels_3.txt").write_text("person\ncar\nbus\n")
    (model.parent / "coco_labels_2.txt").write_text("person\ncar\n")
    assert read_labels(model, 3) == ("person", "car", "bus")


def test_other_peoples_words_become_ours(model: Path) -> None:
    (model.parent / "net.txt").write_text("Pedestrian\nmotorbike\nLorry\n")
    assert read_labels(model, None) == ("person", "motorcycle", "truck")


def test_a_background_class_is_not_counted(model: Path) -> None:
    (model.parent / "net.txt").write_text("???\nperson\nbicycle\n")
    assert read_labels(model, None) == ("person", "bicycle")


def test_no_labels_is_an_error_that_says_where_they_belong(model: Path) -> None:
    with pytest.raises(DetectorError, match=r"no labels.*net\.txt or labels\.txt"):
        read_labels(model, 81)


def test_too_few_labels_are_an_error(model: Path) -> None:
    (model.parent / "net.txt").write_text("person\n")
    with pytest.raises(DetectorError, match="1 labels for a model of 80 classes"):
        read_labels(model, 80)
